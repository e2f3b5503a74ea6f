"""The checker accepts what is consistent by construction, finds what was planted, and agrees with trying all orders."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.caches import events as e
from tests.property.consistency.brute import Written, has_order
from tests.property.consistency.histories import Machine
from tidelock.workload.consistency.entry_log import EntryLog
from tidelock.workload.consistency.judge import judge
from tidelock.workload.consistency.operations import NOTHING, Operation, fingerprint

seeds = st.integers(0, 10**9)
clocks = st.booleans()


@settings(max_examples=150, deadline=None)
@given(seeds, st.integers(1, 2), clocks)
def test_what_one_machine_did_is_consistent(seed: int, shards: int, one_clock: bool) -> None:
    machine = Machine(seed, shards=shards, one_clock=one_clock).run()
    verdict = judge(machine.log, machine.operations)
    assert verdict.ok, verdict.violations
    assert verdict.operations == machine.operations_at_all


def _reads(machine: Machine) -> list[Operation]:
    return [each for each in machine.operations if each.kind == "READ"]


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_planted_stale_read_is_found_and_named(seed: int) -> None:
    """A read returns what the entry was before the write that its own client had seen last."""
    machine = Machine(seed, modified=False).run()
    for write in machine.operations:
        later = [each for each in _reads(machine) if each.began > write.ended and each.entry == write.entry]
        if write.kind == "WRITE" and later:
            old = max((o.version for o in machine.operations if o.kind == "WRITE" and o.entry == write.entry
                       and o.version < write.version), default=NOTHING)  # fmt: skip
            later[0].version = old
            later[0].value = next((o.value for o in machine.operations if o.version == old and old), NOTHING)
            break
    else:
        return
    verdict = judge(machine.log, machine.operations)
    absent_again = old == NOTHING and any(
        True for _ in machine.log.periods("dev/x#0", write.entry, 0, write.version)
    )
    assert absent_again or later[0] in [each.operation for each in verdict.violations], verdict.violations


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_reads_in_the_wrong_order_are_found(seed: int) -> None:
    """Two reads of one entry by one client change places, and had returned different writes."""
    machine = Machine(seed, modified=False, one_clock=False).run()
    for first in _reads(machine):
        for second in _reads(machine):
            if (
                (first.client, first.entry) == (second.client, second.entry)
                and first.ended < second.began
                and NOTHING < first.version < second.version
            ):
                first.version, second.version = second.version, first.version
                first.value, second.value = second.value, first.value
                assert not judge(machine.log, machine.operations).ok
                return


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 59))
def test_a_lost_write_is_found(seed: int, turn: int) -> None:
    whole = Machine(seed, modified=False).run()
    machine = Machine(seed, modified=False, skip=frozenset({turn})).run()
    codes = judge(machine.log, machine.operations).counts
    is_write = any(
        each.value == fingerprint(b"%d" % turn) for each in whole.operations if each.kind == "WRITE"
    )
    assert codes["LOST_WRITE"] == is_write


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_local_write_that_is_not_written_back_is_found(seed: int) -> None:
    machine = Machine(seed, operations_at_all=120).run()
    locals_ = [each for each in machine.operations if each.local and each.kind == "WRITE"]
    if not locals_:
        return
    line = locals_[0].version
    period = next(machine.log.periods(locals_[0].key, locals_[0].entry, line))
    if period.following is None:
        return  # it is still held
    period.following.value += 1
    assert not judge(machine.log, machine.operations).ok


@settings(max_examples=400, deadline=None)
@given(seeds, st.integers(1, 2), st.integers(1, 3))
def test_the_verdict_is_that_of_trying_all_orders(seed: int, partitions: int, clients: int) -> None:
    """Small histories at random, most of them inconsistent. One way and the other."""
    logs, operations = _at_random(Random(seed), partitions, clients)
    log = EntryLog()
    for written in (each for one in logs for each in one):
        names = ("alice", written.client, 1, 0, written.entry, written.version, "WRITTEN", 1, "INVALID")
        log.event(str(written.partition), e.EntryWritten(*names, b"", (), 0, 0, 0), written.partition)  # type: ignore[arg-type]
    verdict = judge(log, operations)
    assert verdict.ok == has_order(logs, operations), verdict.violations


def _at_random(
    random: Random, partitions: int, clients: int
) -> tuple[tuple[tuple[Written, ...], ...], tuple[Operation, ...]]:
    logs: list[list[Written]] = [[] for _ in range(partitions)]
    operations = list[Operation]()
    counts = {f"c{each}": 0 for each in range(clients)}
    for version in range(1, random.randint(2, 4)):
        partition, client = random.randrange(partitions), random.choice(list(counts))
        logs[partition].append(Written(partition, client, random.choice("xy"), version))
    steps = [each for log in logs for each in log if random.random() < 0.7]
    turns: list[Written | None] = [*steps, *([None] * random.randint(1, 4))]
    random.shuffle(turns)
    for step in turns:
        partition, entry = random.randrange(partitions), random.choice("xy")
        client = random.choice(list(counts)) if step is None else step.client
        if step is not None:
            partition, entry, read = step.partition, step.entry, step.version
        else:
            read = random.choice([0, *(each.version for each in logs[partition] if each.entry == entry)])
        began = counts[client] + random.choice((-1, 1, 1))
        counts[client] = max(counts[client], began) + 2
        operations.append(
            Operation(client, client, str(partition), entry, "READ" if step is None else "WRITE",
                      began, counts[client], read, value=fingerprint(b"") if read else NOTHING)
        )  # fmt: skip
    return tuple(map(tuple, logs)), tuple(operations)


@pytest.mark.parametrize("one_clock", [True, False])
def test_a_long_history_is_judged_in_one_go(one_clock: bool) -> None:
    machine = Machine(1, operations_at_all=20_000, shards=2, one_clock=one_clock).run()
    assert judge(machine.log, machine.operations).operations == 20_000
