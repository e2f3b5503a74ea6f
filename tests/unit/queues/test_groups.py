"""Groups: one at a time, in order, whatever becomes of the first."""

import pytest

from streams.domain.queues.commands import ConfirmMoves, NewMessage
from streams.domain.structures.heap import SLACK, rising
from tests.unit.queues.spec import NAME, ack, nack, new, purge, put, queue, redrive, take


def g(priority: int = -1, delay_ms: int = 0) -> NewMessage:
    return new(group="g", priority=priority, delay_ms=delay_ms)


def test_only_the_first_of_a_group_is_delivered() -> None:
    spec = queue().when(put(g(), g(), new(group="h"), new())).when(take(9)).gets(1, 3, 4)
    spec.when(take(9)).gets().when(ack((1, 3))).when(take(9)).gets(2)


def test_order_in_the_group_is_above_priority() -> None:
    spec = queue().when(put(g(0), g(9), new(priority=4))).when(take(1)).gets(3)
    spec.when(take(9)).gets(1)


def test_while_the_first_is_delayed_the_group_waits() -> None:
    spec = queue().when(put(g(delay_ms=10), g())).when(take(9)).gets()
    spec.at(10).when(take(9)).gets(1)


def test_a_later_delay_holds_up_nobody_before_it() -> None:
    spec = queue().when(put(g(), g(delay_ms=50), g())).when(take(9)).gets(1).when(ack((1, 3)))
    spec.when(take(9)).gets().at(50).when(take(9)).gets(2)


def test_while_the_first_backs_off_the_group_waits() -> None:
    spec = queue().when(put(g(), g())).when(take(9)).when(nack((1, 3))).when(take(9)).gets()
    spec.at(1_000).when(take(9)).gets(1)


def test_a_returned_message_is_still_the_first() -> None:
    queue().when(put(g(), g())).when(take(9)).when(nack((1, 3), returned=True)).when(take(9)).gets(1)


def test_a_dead_one_lets_the_group_go_on() -> None:
    spec = queue(max_attempts=1).when(put(g(), g())).when(take(9)).when(nack((1, 3)))
    spec.stands(m1="DEAD", m2="READY").when(take(9)).gets(2)


def test_a_redriven_one_is_ahead_of_its_group_again() -> None:
    dead = queue(max_attempts=1).when(put(g(), g(), g())).when(take(9)).when(nack((1, 3)))
    dead.when(redrive()).when(take(9)).gets(1).when(take(9)).gets()


def test_a_redriven_one_waits_for_the_one_that_is_leased() -> None:
    dead = queue(max_attempts=1).when(put(g(), g(), g())).when(take(9)).when(nack((1, 3))).when(take(9))
    token = dead.gets(2).reply.token
    spec = dead.when(redrive()).when(take(9)).gets()
    spec.when(ack((2, token))).when(take(9)).gets(1)
    spec.when(nack((2, token), returned=True)).when(take(9)).gets(1)
    spec.when(nack((2, token))).stands(m1="READY", m2="DEAD", m3="READY").when(take(9)).gets(1)


def test_purging_the_first_lets_the_group_go_on() -> None:
    spec = queue().when(put(g(), g(), g())).when(purge("READY", 1)).when(take(9)).gets(2)
    spec.when(purge("READY")).stands(m2="LEASED").when(ack((2, spec.reply.token))).stands()
    delayed = queue().when(put(g(delay_ms=10), g())).when(purge("DELAYED"))
    delayed.when(take(9)).gets(2)


def test_groups_that_are_empty_are_forgotten() -> None:
    spec = queue().when(put(g(), g())).when(purge("READY"))
    sub = spec.state.subscriptions[""]
    assert (len(sub.groups), sub.grouped, sub.late) == (0, 0, 0)


def test_who_waits_gets_the_next_when_the_first_is_done() -> None:
    spec = queue().when(put(g(), g())).when(take()).when(take(wait_ms=50), "w", 4)
    spec.when(ack((1, 3))).settles(("w", 4, [2]))


def test_what_is_gone_behind_a_stuck_head_is_forgotten() -> None:
    spec = queue().when(put(g(delay_ms=10_000)))
    for _ in range(300):
        spec = spec.when(put(g())).when(purge("READY"))
        group = spec.state.subscriptions[""].groups["g"]
        assert group.here == 1 and group.size == len(list(rising(group.numbers))) <= 2 + SLACK
    spec.when(put(g())).at(10_000).when(take(9)).gets(1)


def test_what_made_room_behind_a_leased_head_is_forgotten() -> None:
    spec = queue(max_depth=10, overflow="DEAD_LETTER_OLDEST", dead_letter_queue="late")
    spec = spec.when(put(g())).when(take())
    for _ in range(300):
        spec = spec.when(put(g()))
        gone = tuple(spec.state.subscriptions[""].moving)
        spec = spec.when(ConfirmMoves(NAME, 0, "", 1, gone, (), "late"))
    group = spec.state.subscriptions[""].groups["g"]
    assert group.size <= 2 * group.here + SLACK


@pytest.mark.parametrize("delay_ms", [0, 1])
def test_what_is_purged_behind_a_ready_head_is_forgotten(delay_ms: int) -> None:
    """The one part of a lane has those that are ready as they come, the other those that were delayed."""
    spec = queue().when(put(new(delay_ms=delay_ms)))
    for now in range(1, 300):
        spec = spec.at(2 * now).when(put(new(delay_ms=delay_ms))).at(2 * now + 1).tick()
        spec = spec.when(purge("READY", after=1))
        lane = spec.state.subscriptions[""].lanes[4]
        assert lane.size == len(list(rising(lane.back)))
        assert len(lane.fresh) + lane.size <= 2 + SLACK + 1
    spec.when(put(new())).when(take(9)).gets(1, 301)
