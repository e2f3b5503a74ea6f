"""The owner on ports in memory: what leaves, when, and what happens when somebody else writes."""

import asyncio
from dataclasses import replace

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock, ReleaseLock
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.replies import LockHeld, LockWaiting
from streams.engine.batch import Batch
from streams.engine.draft import MAX_ATTACHED_BYTES
from streams.engine.errors import ClockSkew, LogRewritten, LogShrank
from streams.engine.settings import OwnerSettings
from streams.log.envelope import decode
from streams.log.ports import AppendUnknown
from streams.log.positions import PartitionId
from streams.log.records import Commit, Genesis
from streams.log.vocabulary import Vocabulary
from tests.unit.engine.harness import World, running, turns, until
from tests.unit.engine.toy import Add, Beat, Counted, Put, Take

LOCKS_0 = PartitionId("locks", 0)


def locks() -> World:
    return World(Vocabulary(LOCKS), LOCKS_0)


def commits(world: World) -> list[Commit]:
    records = [decode(stored.value) for stored in world.broker.log.records]
    return [record for record in records if isinstance(record, Commit)]


async def test_an_empty_log_gets_its_genesis_and_a_claim() -> None:
    async with running(World()) as world:
        genesis, claim = (decode(stored.value) for stored in world.broker.log.records)
        assert isinstance(genesis, Genesis)
        assert (genesis.kind, genesis.partition, genesis.partitions) == ("toys", 0, 1)
        assert claim == world.owner.reader.head.claim


async def test_a_command_is_answered_with_the_position_of_its_commit() -> None:
    async with running(World()) as world:
        assert await world.ask(Add("k", 2)) == Counted(2, (1 << 48) | 1)
        assert await world.ask(Add("k", 3)) == Counted(5, (1 << 48) | 2)
        assert [offset for offset, _, _ in world.connection.commits] == [2, 3]
        assert world.walked().state.state_of("dev/k").total == 5


async def test_nothing_leaves_before_the_ack() -> None:
    async with running(World()) as world:
        world.broker.held = True
        sequence = world.send(Add("k", 1))
        await until(lambda: len(world.broker.waiting) == 1)
        await turns()
        assert world.connection.answers == []
        world.broker.release()
        await until(lambda: bool(world.connection.of(sequence)))


async def test_at_most_two_commits_are_in_flight_and_the_rest_goes_together() -> None:
    async with running(World()) as world:
        world.broker.held = True
        for _ in range(2):
            count = len(world.broker.waiting)
            world.send(Add("k", 1))
            await until(lambda count=count: len(world.broker.waiting) == count + 1)  # type: ignore[misc]
        for _ in range(5):
            world.send(Add("k", 1))
        await turns()
        assert len(world.broker.waiting) == 2
        world.broker.held = False
        world.broker.release()
        await until(lambda: len(world.connection.answers) == 7)
        assert [len(commit.decisions) for commit in commits(world)] == [1, 1, 5]


async def test_a_repeat_gets_the_stored_answer_and_is_not_logged() -> None:
    async with running(World()) as world:
        first = await world.ask(Add("k", 2), sequence=7)
        end = len(world.broker.log.records)
        assert await world.ask(Add("k", 2), sequence=7) == first
        assert len(world.broker.log.records) == end


async def test_a_repeat_of_what_is_in_flight_waits_for_its_commit() -> None:
    async with running(World()) as world:
        world.broker.held = True
        world.send(Add("k", 2), sequence=7)
        await until(lambda: len(world.broker.waiting) == 1)
        world.send(Add("k", 2), sequence=7)
        await turns()
        assert world.connection.answers == []
        assert len(world.broker.waiting) == 1
        world.broker.release()
        await until(lambda: len(world.connection.of(7)) == 2)
        assert world.connection.of(7)[0] == world.connection.of(7)[1]
        assert len(commits(world)) == 1


async def test_a_push_waits_for_its_commit_and_a_repeat_of_the_wait_gets_the_outcome() -> None:
    async with running(locks()) as world:
        held = await world.ask(AcquireLock("k", EXCLUSIVE, 60_000), handle="a")
        waiting = world.send(AcquireLock("k", EXCLUSIVE, 60_000, 60_000), handle="b")
        await until(lambda: bool(world.connection.of(waiting)))
        assert world.connection.of(waiting)[0].waiting
        world.broker.held = True
        world.send(ReleaseLock("k", held.token), handle="a")
        await until(lambda: len(world.broker.waiting) == 1)
        world.send(AcquireLock("k", EXCLUSIVE, 60_000, 60_000), handle="b", sequence=waiting)
        await turns()
        assert len(world.connection.of(waiting)) == 1
        world.broker.release()
        await until(lambda: len(world.connection.of(waiting)) == 3)
        replies = [world.vocabulary.decode_reply(answer.reply) for answer in world.connection.of(waiting)]
        assert isinstance(replies[0], LockWaiting)
        assert replies[1] == replies[2] == LockHeld(held.token + 3, EXCLUSIVE, replies[1].expires_at)


async def test_a_foreign_claim_voids_what_was_in_flight_and_it_is_decided_again() -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1))
        world.foreign_claim()
        assert await world.ask(Add("k", 5)) == Counted(6, (1 << 48) | 2)
        reader = world.walked()
        assert reader.voids == {"foreign_owner": 1}
        assert reader.head.claims == 3
        assert reader.state.state_of("dev/k").total == 6
        assert len(world.connection.answers) == 2


async def test_behind_a_record_that_is_void_it_reads_back_and_answers_what_was_accepted() -> None:
    async with running(World()) as world:
        world.broker.log.append(b"garbage by somebody else")
        assert await world.ask(Add("k", 5)) == Counted(5, (1 << 48) | 1)
        assert [code.code for code in world.watch.troubles] == ["FENCED"]  # type: ignore[attr-defined]
        assert world.walked().state.state_of("dev/k").total == 5
        assert len(world.decisions()) == 1


@pytest.mark.parametrize("fate", ["lost", "landed, unknown", "raise"])
async def test_after_an_unknown_append_it_claims_again_and_everything_is_answered_once(fate: str) -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1))
        fates = iter([fate])
        world.broker.fate = lambda record: next(fates, "ok")
        sequences = [world.send(Add("k", 1)) for _ in range(10)]
        await until(lambda: all(world.connection.of(s) for s in sequences))
        await turns()
        assert [len(world.connection.of(s)) for s in sequences] == [1] * 10
        assert [world.reply_to(s).total for s in sequences] == list(range(2, 12))
        assert isinstance(world.watch.troubles[0], AppendUnknown)
        assert world.walked().head.claims == 2
        assert world.walked().state.state_of("dev/k").total == 11


async def test_of_two_in_flight_the_second_may_fail_first() -> None:
    async with running(World()) as world:
        world.broker.held = True
        first = world.send(Add("k", 1))
        await until(lambda: len(world.broker.waiting) == 1)
        world.broker.fate = lambda record: "lost"
        second = world.send(Add("k", 1))
        await until(lambda: len(world.broker.waiting) == 2)
        world.broker.fate = lambda record: "ok"
        world.broker.held = False
        world.broker.waiting.reverse()
        world.broker.release()
        await until(lambda: bool(world.connection.of(first)) and bool(world.connection.of(second)))
        assert [world.reply_to(s).total for s in (first, second)] == [1, 2]


async def test_without_a_broker_it_waits_for_one() -> None:
    world = World()
    world.broker.unavailable = 3
    async with running(world):
        assert [error.code for error in world.watch.troubles] == ["LOG_UNAVAILABLE"] * 3  # type: ignore[attr-defined]
        assert await world.ask(Add("k", 1)) == Counted(1, (1 << 48) | 1)


async def test_stopped_it_finishes_what_is_in_flight_and_sends_the_queue_elsewhere() -> None:
    world = World()
    async with running(world):
        world.broker.held = True
        for _ in range(2):
            count = len(world.broker.waiting)
            world.send(Add("k", 1))
            await until(lambda count=count: len(world.broker.waiting) == count + 1)  # type: ignore[misc]
        queued = world.send(Add("k", 1))
    assert [answer.sequence for answer in world.connection.answers] == [1, 2]
    (refused,) = world.connection.refused
    assert (refused.sequence, refused.code, refused.address) == (queued, "NOT_OWNER", "127.0.0.1:1")
    assert world.owner.phase == "stopped"
    assert world.walked().state.state_of("dev/k").total == 2


async def test_stopped_it_has_waiting_clients_ask_the_next_owner() -> None:
    world = locks()
    async with running(world):
        await world.ask(AcquireLock("k", EXCLUSIVE, 60_000), handle="a")
        waiting = world.send(AcquireLock("k", EXCLUSIVE, 60_000, 60_000), handle="b")
        await until(lambda: bool(world.connection.of(waiting)))
    assert [(refused.sequence, refused.code) for refused in world.connection.refused] == [
        (waiting, "NOT_OWNER")
    ]


async def test_beyond_its_bound_it_refuses_with_a_hint() -> None:
    settings = OwnerSettings(address="a", partitions=1, max_queued=3)
    async with running(World(settings=settings)) as world:
        world.broker.held = True
        for _ in range(2):
            count = len(world.broker.waiting)
            world.send(Add("k", 1))
            await until(lambda count=count: len(world.broker.waiting) == count + 1)  # type: ignore[misc]
        sequences = [world.send(Add("k", 1)) for _ in range(5)]
        refused = world.connection.refused
        assert [(one.sequence, one.code) for one in refused] == [(s, "OVERLOADED") for s in sequences[3:]]
        assert all(one.retry_after_ms for one in refused)
        world.broker.held = False
        world.broker.release()
        await until(lambda: len(world.connection.answers) == 5)


def tight(max_queued_bytes: int) -> World:
    return World(
        settings=OwnerSettings(address="a", partitions=1, tick_ms=1, max_queued_bytes=max_queued_bytes)
    )


async def two_in_flight(world: World) -> None:
    world.broker.held = True
    for _ in range(2):
        count = len(world.broker.waiting)
        world.send(Add("k", 1))
        await until(lambda count=count: len(world.broker.waiting) == count + 1)  # type: ignore[misc]


async def test_beyond_its_bytes_it_refuses_with_a_hint_and_takes_small_ones_while_they_fit() -> None:
    async with running(tight(10_000)) as world:
        await two_in_flight(world)
        first, large, small = (world.send(Put("k", bytes(size))) for size in (6_000, 6_000, 1_000))
        (refused,) = world.connection.refused
        assert (refused.sequence, refused.code) == (large, "OVERLOADED")
        assert refused.retry_after_ms and "1 commands" in refused.message
        assert 7_000 < world.owner.queued_bytes <= 10_000
        world.broker.held = False
        world.broker.release()
        await until(lambda: bool(world.connection.of(first)) and bool(world.connection.of(small)))
        assert world.owner.queued_bytes == 0
        assert await world.ask(Put("k", bytes(9_000)))


async def test_gathered_commands_count_towards_the_bytes() -> None:
    async with running(tight(1_000)) as world:
        sequences = [world.send(Beat(letter * 100)) for letter in "abcdefghij"]
        refused = [one.sequence for one in world.connection.refused]
        assert refused and refused == sequences[-len(refused) :]
        world.clock.now += 250
        await until(lambda: world.owner.queued == 0)
        assert world.owner.queued_bytes == 0


async def test_the_account_of_bytes_is_right_after_commits_that_were_void() -> None:
    async with running(tight(100_000)) as world:
        fates = iter(["lost", "ok", "lost"])
        world.broker.fate = lambda record: next(fates, "ok")
        puts = [world.send(Put("k", bytes(1_000 * number))) for number in range(1, 6)]
        beats = [world.send(Beat(name)) for name in "abc"]
        await until(lambda: all(world.connection.of(sequence) for sequence in puts))
        assert world.watch.troubles
        expected = sum(
            pending.size for group in world.owner._waiting.gather._groups.values() for pending in group[1]
        )
        assert world.owner.queued_bytes == expected
        world.clock.now += 250
        await until(lambda: all(world.connection.of(sequence) for sequence in beats))
        assert world.owner.queued_bytes == 0


@pytest.mark.parametrize("bound", [{"max_queued": 20}, {"max_queued_bytes": 4_000}], ids=["count", "bytes"])
async def test_repeats_that_wait_for_a_commit_in_flight_are_bounded(bound: dict[str, int]) -> None:
    async with running(World(settings=OwnerSettings(address="a", partitions=1, tick_ms=1, **bound))) as world:  # type: ignore[arg-type]
        done = world.send(Add("k", 1))
        await until(lambda: bool(world.connection.of(done)))
        world.broker.held = True
        world.send(Add("k", 1))
        await until(lambda: len(world.broker.waiting) == 1)
        meta = world.meta()
        for _ in range(400):
            world.send(Add("k", 1), sequence=done, issued_ms=meta.issued_ms)
            await turns(3)
        assert {refused.code for refused in world.connection.refused} == {"OVERLOADED"}
        (batch,) = world.owner._in_flight
        assert len(batch.commands) < 200
        world.broker.held = False
        world.broker.release()
        await until(lambda: len(world.connection.answers) + len(world.connection.refused) == 402)
        assert world.owner.queued_bytes == 0


async def test_repeats_that_carry_much_are_answered_part_by_part() -> None:
    async with running(World()) as world:
        await world.ask(Put("k", bytes(300_000)))
        taken = world.send(Take("k"))
        await until(lambda: bool(world.connection.of(taken)))
        issued_ms = world.meta().issued_ms
        for _ in range(50):
            world.send(Take("k"), sequence=taken, issued_ms=issued_ms)
        await until(lambda: len(world.connection.of(taken)) == 51)
        assert len(commits(world)) == 2
        assert max(world.connection.frames) < 2 * MAX_ATTACHED_BYTES


async def test_code_that_raises_costs_its_command_an_internal_and_nothing_else() -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1))
        exploded = [world.send(Add("k", 1, how)) for how in ("explode", "mine")]
        good = world.send(Add("k", 1))
        await until(lambda: bool(world.connection.of(good)))
        for sequence in exploded:
            assert world.reply_to(sequence).code == "INTERNAL"
        assert world.reply_to(good) == Counted(2, (1 << 48) | 2)
        assert world.walked().state.state_of("dev/k").total == 2
        assert len(world.watch.failures) == 2


async def test_a_command_that_no_commit_can_hold_does_not_take_the_partition_with_it() -> None:
    async with running(World()) as world:
        far = world.meta().issued_ms + 10**9
        sequence = world.send(Add("k", 1), sequence=2**63 - 1, deadline_ms=far)
        good = world.send(Add("k", 1), client="c2")
        await until(lambda: bool(world.connection.of(good)) and bool(world.connection.of(sequence)))
        assert isinstance(world.reply_to(sequence), Rejected)
        assert world.reply_to(good) == Counted(1, (1 << 48) | 1)


async def test_after_three_fatal_failures_it_is_quarantined_while_another_partition_goes_on() -> None:
    broken, healthy = World(), World()
    async with running(World()):
        pass
    broken.broker.log.append(b"not a genesis")
    task = asyncio.create_task(broken.owner.run())
    async with running(healthy):
        await until(lambda: broken.owner.phase == "quarantined")
        assert [error.code for error in broken.watch.troubles] == ["FOREIGN_LOG"] * 3  # type: ignore[attr-defined]
        assert "no Genesis" in str(broken.watch.troubles[0])
        assert await healthy.ask(Add("k", 1)) == Counted(1, (1 << 48) | 1)
        sequence = broken.send(Add("k", 1))
        assert [(one.sequence, one.code) for one in broken.connection.refused] == [
            (sequence, "PARTITION_CLOSED")
        ]
    await broken.owner.stop()
    await task
    assert broken.owner.phase == "quarantined"


async def test_code_that_fails_outside_any_decision_is_quarantined_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(batch: Batch) -> bytes:
        raise RuntimeError("planted")

    world = World()
    task = asyncio.create_task(world.owner.run())
    await world.leading()
    monkeypatch.setattr(Batch, "seal", fail)
    sequence = world.send(Add("k", 1))
    await until(lambda: world.owner.phase == "quarantined")
    assert [str(error) for error in world.watch.troubles] == ["planted"] * 3
    assert [(one.sequence, one.code) for one in world.connection.refused] == [(sequence, "PARTITION_CLOSED")]
    await world.owner.stop()
    await task


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"partitions": 2}, "partition count"),
        ({"generation": 2}, "generation"),
        ({"log_id": b"x" * 16}, "log id"),
    ],
)
async def test_a_log_that_is_not_the_settings_is_refused_by_the_setting_it_breaks(
    changed: dict[str, int | bytes], named: str
) -> None:
    async with running(World()) as first:
        pass
    settings = replace(first.settings, **changed)  # type: ignore[arg-type]
    world = World(settings=settings, broker=first.broker)
    task = asyncio.create_task(world.owner.run())
    await until(lambda: world.owner.phase == "quarantined")
    assert f"the log's {named} is" in str(world.watch.troubles[0])
    assert "Correct the settings" in str(world.watch.troubles[0])
    assert world.walked().head.claims == 1
    await world.owner.stop()
    await task


async def test_a_log_of_another_kind_is_refused() -> None:
    async with running(World()) as first:
        pass
    world = World(where=PartitionId("other", 0), broker=first.broker)
    task = asyncio.create_task(world.owner.run())
    await until(lambda: world.owner.phase == "quarantined")
    assert "kind is 'toys', the settings say 'other'" in str(world.watch.troubles[0])
    await world.owner.stop()
    await task


async def test_a_log_that_got_shorter_closes_the_partition_and_is_never_written_again() -> None:
    world = World()
    task = asyncio.create_task(world.owner.run())
    await world.leading()
    await world.ask(Add("k", 1))
    await world.ask(Add("k", 1))
    del world.broker.log.records[3:]
    world.broker.fate = lambda record: "lost"
    world.send(Add("k", 1))
    await until(lambda: world.owner.phase == "quarantined")
    assert isinstance(world.watch.troubles[-1], LogShrank)
    assert len(world.broker.log.records) == 3
    await world.owner.stop()
    await task


async def test_a_commit_that_lands_below_what_was_read_closes_the_partition() -> None:
    world = World()
    task = asyncio.create_task(world.owner.run())
    await world.leading()
    answered = [await world.ask(Add("k", 1)) for _ in range(3)]
    del world.broker.log.records[3:]
    lost = world.send(Add("k", 1))
    await until(lambda: world.owner.phase == "quarantined")
    assert len(answered) == 3
    assert world.connection.of(lost) == []
    assert [(one.sequence, one.code) for one in world.connection.refused] == [(lost, "PARTITION_CLOSED")]
    await world.owner.stop()
    await task


async def test_a_log_that_was_cut_and_written_again_is_noticed() -> None:
    world = World()
    task = asyncio.create_task(world.owner.run())
    await world.leading()
    for _ in range(3):
        await world.ask(Add("k", 1))
    last = world.broker.log.records[-1]
    world.broker.log.records[-1] = replace(last, value=b"somebody else's")
    world.broker.fate = lambda record: "lost"
    world.send(Add("k", 1))
    await until(lambda: world.owner.phase == "quarantined")
    assert isinstance(world.watch.troubles[-1], LogRewritten)
    await world.owner.stop()
    await task


async def test_a_worker_whose_clock_is_five_minutes_off_does_not_decide_and_says_which() -> None:
    world = World()
    world.clock.skew = 300_001
    task = asyncio.create_task(world.owner.run())
    await until(lambda: len(world.watch.troubles) > 3)
    assert "clock is +300 s from the broker's. It looks ahead of time" in str(world.watch.troubles[0])
    assert all(type(trouble) is ClockSkew for trouble in world.watch.troubles)
    world.clock.skew = 0
    await until(lambda: world.owner.phase == "leading")
    await world.owner.stop()
    await task


async def test_the_next_owner_continues_where_the_log_ends() -> None:
    async with running(World()) as first:
        await first.ask(Add("k", 1), sequence=1)
        answered = await first.ask(Add("k", 1), sequence=2)
    second = World(broker=first.broker)
    second.entropy.drawn = 99
    async with running(second):
        assert await second.ask(Add("k", 1), sequence=2) == answered
        assert await second.ask(Add("k", 1), sequence=3) == Counted(3, (1 << 48) | 3)
        assert second.walked().voids == {}
