"""Gathering: one group a type and tenant, due a fixed time after its first command."""

from streams.engine.gather import MOST, Gather
from tests.unit.engine.harness import World
from tests.unit.engine.toy import Add, Beat


def test_groups_are_due_after_the_pace_by_their_first_command() -> None:
    world, gather = World(), Gather(250)
    assert gather.next_ms(0) is None
    first, second = world.pending(Beat("a")), world.pending(Beat("b"))
    assert gather.add(first, 1_000)
    assert not gather.add(second, 1_200)  # nothing that whoever waits for the first would have to hear of
    assert (gather.size, gather.next_ms(1_200)) == (2, 50)
    assert gather.bytes == first.size + second.size
    assert gather.due(1_249) == []
    assert gather.due(1_250) == [(first, second)]
    assert (gather.size, gather.bytes, gather.next_ms(1_250)) == (0, 0, None)
    assert gather.add(first, 1_250)


def test_tenants_and_types_do_not_mix() -> None:
    world, gather = World(), Gather(250)
    ours, theirs = world.pending(Beat("a")), world.pending(Beat("a"), tenant="other")
    add = world.pending(Add("a", 1))
    for pending in (ours, theirs, add):
        gather.add(pending, 0)
    assert gather.due(250) == [(ours,), (theirs,), (add,)]


def test_everything_can_be_taken_at_once() -> None:
    world, gather = World(), Gather(250)
    first, second = world.pending(Beat("a")), world.pending(Beat("a"), tenant="other")
    gather.add(first, 0)
    gather.add(second, 100)
    assert gather.take_all() == [first, second]
    assert (gather.size, gather.bytes) == (0, 0)


def test_a_large_group_comes_in_parts_that_one_decision_holds() -> None:
    world, gather = World(), Gather(250)
    beats = [world.pending(Beat("a")) for _ in range(2 * MOST + 1)]
    for each in beats:
        gather.add(each, 0)
    parts = gather.due(250)
    assert [len(part) for part in parts] == [MOST, MOST, 1]
    assert [each for part in parts for each in part] == beats
