"""Clients that obey the protocol, over a bad network: no stale read, one order, one owner. And clients that do not."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.caches import draft
from tests.property.caches.client import Flaws
from tests.property.caches.shipped import verdict
from tests.property.caches.world import FAST, World

seeds = st.integers(0, 10**9)
EXAMPLES = settings(max_examples=20, deadline=None)
RELAXED = replace(FAST, mode="RELAXED")


def judged(world: World) -> World:
    judge = world.judge()
    assert judge.stale_reads() == []
    assert judge.broken_conditions() == []
    if world.threads == 1:
        assert not judge.cycle()
    shipped = verdict(world.history, world.directory.log)
    assert shipped.ok, shipped.violations
    return world


@EXAMPLES
@given(seeds, st.integers(1, 2))
def test_strict_reads_are_never_stale_and_there_is_one_order(seed: int, threads: int) -> None:
    world = World(seed, threads=threads).run(1_200).settle()
    world.check_quiet()
    world.check_replay()
    judged(world)


@EXAMPLES
@given(seeds)
def test_relaxed_has_one_owner_and_comes_to_rest(seed: int) -> None:
    world = World(seed, RELAXED).run(1_200).settle()
    world.check_quiet()
    world.check_replay()


@EXAMPLES
@given(seeds)
def test_small_bounds_change_nothing(seed: int) -> None:
    """One or two entries, short lives, resets after one call, decisions of one event."""
    rng = Random(seed)
    small = replace(FAST, max_entries=rng.choice((1, 2)), ttl_ms=rng.choice((0, 40, 200)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draft, "MAX_CALLS", rng.choice((1, 2, 400)))
        patch.setattr(draft, "MAX_EVENTS", rng.choice((1, 3)))
        world = World(seed, small).run(1_200).settle()
        world.check_quiet()
        world.check_replay()
        judged(world)


def test_without_faults_a_history_is_mostly_hits_and_all_of_it_counts() -> None:
    world = World(7, faults=False).run(2_000).settle()
    reads = [op for op in world.history.ops if op.kind == "read"]
    assert sum(op.start == op.end for op in reads) > len(reads) / 4
    assert len(judged(world).judge().ops) > 0.8 * len(world.history.ops)


# ── the checker sees what is broken ─────────────────────────────────────────────────────────────────────


def found(world: World) -> bool:
    """Whether a stale read, two orders or two owners were seen."""
    try:
        judge = world.run(1_500).judge()
    except AssertionError as error:  # two owners
        return "[" in str(error)
    return bool(judge.stale_reads()) or (world.threads == 1 and judge.cycle())


@pytest.mark.parametrize(
    "flaws",
    [
        Flaws(trusts_from_answer=True),
        Flaws(keeps_late_grants=True),
        Flaws(keeps_own_line=True),
        Flaws(rejoins_with_lines=True),
    ],
    ids=str,
)
def test_a_client_that_breaks_a_rule_is_found(flaws: Flaws) -> None:
    assert any(found(World(seed, flaws=flaws, threads=2)) for seed in range(60))


def test_a_directory_that_waits_for_nobody_is_found() -> None:
    def stale(seed: int) -> bool:
        world = World(seed, RELAXED).run(1_000)
        stale = bool(world.judge().stale_reads())
        shipped = verdict(world.history, world.directory.log)
        assert shipped.ok or shipped.counts["STALE_READ"] or shipped.counts["REORDERED"]
        return stale and not shipped.ok

    assert any(stale(seed) for seed in range(20))


def test_one_order_is_looked_for_apart_from_stale_reads() -> None:
    def cyclic(seed: int) -> bool:
        return World(seed, RELAXED).run(1_000).judge().cycle()

    assert any(cyclic(seed) for seed in range(60))
