"""Receiving: the order, waits, withdrawal, pause."""

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.replies import Delivery, ReceiveWaiting, ReceiveWithdrawn
from tests.unit.queues.spec import LEASE, SETTINGS, ack, nack, new, put, queue, take

NONE = Delivery(0, 0, 0, ())


def test_a_delivery_is_a_lease_with_a_token() -> None:
    spec = queue().when(put(new(), new())).at(5).when(take(9), "c", 3)
    both = (e.Attempt(1, 1), e.Attempt(2, 1))
    spec.then(e.MessagesDelivered("alice", "client-c", "c", 3, None, "", 1, 3, 5 + LEASE, both))
    spec.answers(Delivery(1, 3, 5 + LEASE, both)).settles().due(5 + LEASE)


def test_the_consumer_may_name_its_lease() -> None:
    queue().when(put(new())).when(take(lease_ms=500)).due(500)
    queue().when(take(lease_ms=99)).refuses("BAD_ARGUMENT")
    queue().when(take(lease_ms=12 * 3_600_000 + 1)).refuses("BAD_ARGUMENT")


def test_without_wait_an_empty_queue_answers_nothing() -> None:
    queue().when(take()).then().answers(NONE)


def test_a_wait_ends_in_time() -> None:
    spec = queue().when(take(wait_ms=50), "c", 3).answers(ReceiveWaiting(2), waiting=True).due(50)
    spec.at(50).tick().settles(("c", 3, [])).due(None)


@pytest.mark.parametrize("command", [take(0), take(501), take(wait_ms=-1), take(wait_ms=86_400_001)])
def test_bounds(command: c.ReceiveMessages) -> None:
    queue().when(command).refuses("BAD_ARGUMENT")


def test_too_many_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.receive.MAX_WAITING", 1)
    spec = queue().when(take(wait_ms=50)).when(take(wait_ms=50)).refuses("TOO_MANY_WAITING")
    spec.when(take()).answers(NONE)


def test_who_comes_later_waits_behind_who_waits() -> None:
    paused = queue(paused=True).when(put(new())).when(take(wait_ms=50), "a").when(take(wait_ms=50), "b")
    paused.when(take()).answers(NONE)


def test_higher_priorities_first_then_the_oldest() -> None:
    spec = queue().when(put(new(priority=1), new(priority=9), new(), new(priority=9), new(priority=1)))
    spec.when(take(9)).gets(2, 4, 3, 1, 5)


def test_aging_lets_low_priorities_through() -> None:
    spec = queue(aging_ms=10).when(put(new(priority=0))).at(20).when(put(new(priority=1), new(priority=3)))
    spec.at(20).when(take(3)).gets(3, 1, 2)  # 3, 0 + 2, 1
    spec.at(29).when(take(3)).gets(3, 1, 2)
    spec.at(30).when(take(3)).gets(3, 1, 2)  # 3 + 1, 0 + 3, 1 + 1
    late = spec.at(1_000)  # all at the top: the oldest
    late.when(take(3)).gets(1, 2, 3)


def test_a_delayed_message_ages_from_when_it_is_due() -> None:
    spec = queue().when(put(new(delay_ms=10))).at(5).when(put(new())).due(10)
    spec.at(10).tick().then(e.MessagesDue("", (1,))).at(11).when(put(new())).when(take(9)).gets(2, 1, 3)


def test_what_is_due_is_delivered_though_the_timer_has_not_come() -> None:
    spec = queue().when(put(new(delay_ms=10)))
    spec.at(9).when(take()).answers(NONE)
    spec.at(10).when(take()).gets(1)


def test_a_delay_that_is_over_ends_a_wait() -> None:
    spec = queue().when(put(new(delay_ms=10))).when(take(wait_ms=50), "w", 4)
    spec.at(10).tick().settles(("w", 4, [1]))


def test_what_comes_back_is_ahead_of_the_younger() -> None:
    spec = queue().when(put(new(), new(), new())).when(take(2))
    spec.when(nack((2, 3), returned=True)).when(take(9)).gets(2, 3)


def test_a_paused_queue_delivers_nothing_and_goes_on_later() -> None:
    spec = queue(paused=True).when(put(new())).when(take(wait_ms=50), "w", 4)
    spec.when(c.ConfigureQueue("orders", 0, SETTINGS, 0)).settles(("w", 4, [1]))


def test_withdrawing_a_wait_ends_it() -> None:
    spec = queue().when(take(wait_ms=50), "w", 4)
    gone = spec.when(c.WithdrawReceive("orders", 0, "", 4), "w", 5)
    gone.answers(ReceiveWithdrawn(0)).settles(("w", 4, "RECEIVE_WITHDRAWN")).due(None)
    spec.when(c.WithdrawReceive("orders", 0, "", 4), "x", 5).then().answers(ReceiveWithdrawn(0))
    spec.when(c.WithdrawReceive("orders", 0, "", 3), "w", 5).then()


def test_withdrawing_a_delivery_returns_what_is_left_and_counts_no_attempt() -> None:
    spec = queue().when(put(new(), new(), new())).when(take(3), "w", 4).when(ack((2, 3)), "w")
    back = spec.when(c.WithdrawReceive("orders", 0, "", 4), "w", 5).answers(ReceiveWithdrawn(2))
    back.then(e.MessagesReturned("", "WITHDRAWN", "", (e.Return(1, 0, 0), e.Return(3, 0, 0))))
    back.when(take(9)).then(
        e.MessagesDelivered(
            "alice", "client-a", "a", 1, None, "", 1, 6, LEASE, (e.Attempt(1, 1), e.Attempt(3, 1))
        )
    )


def test_withdrawing_after_an_extension_still_finds_it() -> None:
    spec = queue().when(put(new(), new())).when(take(2), "w", 4).at(5)
    longer = spec.when(c.ExtendLeases("orders", 0, "", (c.Receipt(1, 3),), 0), "w")
    longer.when(c.WithdrawReceive("orders", 0, "", 4), "w", 5).answers(ReceiveWithdrawn(2))


def test_who_does_not_wait_gets_what_is_ready_though_more_is_due_than_one_decision_ends() -> None:
    spec = queue(max_depth=10_000).when(put(*[new()] * 500))
    for index in range(300):
        spec = spec.when(take(), "w", index)
    spec.at(LEASE).when(take(2)).gets(301, 302)


def test_a_withdrawn_receive_gives_back_what_it_still_has_and_nothing_else() -> None:
    spec = queue().when(put(*[new()] * 6)).when(take(3), "w", 7).when(take(3), "w", 8)
    token = 3
    spec = spec.at(5).when(c.ExtendLeases("orders", 0, "", (c.Receipt(2, token),), 2 * LEASE))
    spec = spec.when(ack((1, token))).when(c.WithdrawReceive("orders", 0, "", 7), "w", 9)
    spec.answers(ReceiveWithdrawn(2))
    spec.stands(m2="READY", m3="READY", m4="LEASED", m5="LEASED", m6="LEASED")
    sub = spec.state.subscriptions[""]
    assert list(sub.receives) == [("alice", "client-w", 8)]
    assert len(spec.at(LEASE).tick().state.subscriptions[""].receives) == 0
