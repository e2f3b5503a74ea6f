"""Receipts: acknowledge, return, keep for longer; leases that end; attempts and backoff."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.backoff import backoff_ms
from streams.domain.queues.replies import ReceiptsTaken, RefusedReceipt
from tests.unit.queues.spec import LEASE, NAME, SETTINGS, Spec, ack, extend, nack, new, put, queue, take

THREE = tuple([new()] * 3)


def leased(most: int = 3, **settings: Any) -> Spec:
    """Three messages, leased by token 3 until LEASE."""
    return queue(**settings).when(put(*THREE)).when(take(most))


def test_acknowledged_is_gone() -> None:
    spec = leased().when(ack((1, 3), (3, 3))).then(e.MessagesAcked("", (1, 3)))
    spec.answers(ReceiptsTaken(2, (), 0)).stands(m2="LEASED").due(LEASE)
    spec.when(ack((2, 3))).due(None).stands()


@pytest.mark.parametrize("command", [ack, nack, extend])
def test_a_receipt_holds_only_for_its_delivery(command: Any) -> None:
    spec = leased()
    for wrong in ((1, 2), (4, 3), (9, 9)):
        spec.when(command(wrong)).refuses("RECEIPT_INVALID", "NOT_LEASED")
    spec.at(LEASE - 1).when(command((1, 3)))
    spec.at(LEASE).when(command((1, 3))).refuses("RECEIPT_INVALID")
    other = spec.when(command((1, 3)), "b", principal="bob").refuses("RECEIPT_INVALID")
    assert other.reply.details == (("1.3", "NOT_YOURS"),)
    spec.when(command()).refuses("BAD_ARGUMENT")
    spec.when(command(*[(1, 3)] * 501)).refuses("BATCH_TOO_LARGE")


def test_good_receipts_are_taken_and_bad_ones_named() -> None:
    spec = leased().when(ack((1, 3), (1, 3), (7, 3)))
    spec.answers(ReceiptsTaken(1, (RefusedReceipt(7, 3, "NOT_LEASED"),), 0))


def test_a_late_acknowledgement_of_what_was_delivered_anew_is_refused() -> None:
    spec = leased(1, backoff_min_ms=0).at(LEASE).tick().when(take())
    spec.gets(1).when(ack((1, 3))).refuses("RECEIPT_INVALID")
    spec.when(ack((1, spec.reply.token))).answers(ReceiptsTaken(1, (), 0))


def test_a_lease_that_is_over_returns_its_messages_after_a_backoff() -> None:
    spec = leased(2).at(LEASE).tick()
    back = (e.Return(1, LEASE + 1_000, 1), e.Return(2, LEASE + 1_000, 1))
    spec.then(e.MessagesReturned("", "EXPIRED", "", back)).stands(m1="DELAYED", m2="DELAYED", m3="READY")
    spec.due(LEASE + 1_000).at(LEASE + 1_000).tick().then(e.MessagesDue("", (1, 2))).when(take(9)).gets(
        1, 2, 3
    )


def test_a_nack_waits_for_the_backoff_or_as_long_as_it_says() -> None:
    spec = leased().at(7)
    spec.when(nack((1, 3), reason="bad")).then(
        e.MessagesReturned("", "NACKED", "bad", (e.Return(1, 1_007, 1),))
    )
    spec.when(nack((1, 3), delay_ms=0)).then(e.MessagesReturned("", "NACKED", "", (e.Return(1, 0, 1),)))
    spec.when(nack((1, 3), delay_ms=50)).then(e.MessagesReturned("", "NACKED", "", (e.Return(1, 57, 1),)))
    spec.when(nack((1, 3), returned=True)).then(e.MessagesReturned("", "NACKED", "", (e.Return(1, 0, 0),)))
    spec.when(nack((1, 3), delay_ms=-2)).refuses("BAD_ARGUMENT")
    spec.when(nack((1, 3), reason="x" * 501)).refuses("BAD_ARGUMENT")


def test_after_the_last_attempt_it_is_dead() -> None:
    spec, at = queue(max_attempts=2).when(put(new())), 0
    for attempt in (1, 2):
        spec = spec.at(at).when(take())
        assert spec.reply.messages == (e.Attempt(1, attempt),)
        at += 10_000
        spec = spec.at(at).when(nack((1, spec.reply.token), reason=f"no {attempt}"))
        at += 10_000
    spec.then(e.MessagesDied("", "ATTEMPTS", "no 2", (e.Attempt(1, 2),), None, 30_000)).stands(m1="DEAD")
    spec.at(10**6).when(take()).gets().due(None)


def test_dead_letters_go_to_their_queue_at_once() -> None:
    spec = leased(1, max_attempts=1, dead_letter_queue="late").at(LEASE).tick()
    spec.then(e.MessagesDied("", "ATTEMPTS", "expired 1 times", (e.Attempt(1, 1),), "late", LEASE))
    spec.stands(m1="MOVING", m2="READY", m3="READY")


def test_one_nack_may_return_some_and_end_others() -> None:
    spec = leased(1, max_attempts=2, backoff_min_ms=0).when(nack((1, 3))).when(take(2))
    token = spec.reply.token
    spec.when(nack((1, token), (2, token))).stands(m1="DEAD", m2="READY", m3="READY")


def test_extended_leases_never_get_shorter() -> None:
    spec = leased().at(100).when(extend((1, 3), (2, 3)))
    spec.then(e.LeasesExtended("", (1, 2), 100 + LEASE)).answers(ReceiptsTaken(2, (), 100 + LEASE)).due(LEASE)
    spec.when(extend((1, 3), (3, 3), lease_ms=500)).then().answers(ReceiptsTaken(2, (), 600))
    over = spec.at(LEASE).tick().stands(m1="LEASED", m2="LEASED", m3="DELAYED")
    over.when(ack((1, 3))).answers(ReceiptsTaken(1, (), 0))
    spec.when(extend((1, 3), lease_ms=99)).refuses("BAD_ARGUMENT")


def test_what_is_freed_goes_to_those_who_wait() -> None:
    spec = queue().when(put(new())).when(take()).when(take(wait_ms=50), "w", 4)
    spec.when(nack((1, 3), returned=True)).settles(("w", 4, [1]))
    spec.when(nack((1, 3))).settles().due(50)
    spec.when(c.WithdrawReceive("orders", 0, "", 1)).settles(("w", 4, [1]))


def test_a_mass_expiry_goes_on_in_the_next_decision() -> None:
    spec = queue()
    for _ in range(2):
        spec = spec.when(put(*[new()] * 300))
    for _ in range(600):
        spec = spec.when(take())
    spec = spec.at(LEASE).tick()
    assert 0 < len(spec.decision.events) <= 200
    spec = spec.due(LEASE)
    rounds = 0
    while spec.state.subscriptions[""].leased:
        spec, rounds = spec.tick(), rounds + 1
    assert rounds < 30


@pytest.mark.parametrize(
    ("attempts", "pause"), [(1, 1_000), (2, 2_000), (3, 4_000), (6, 32_000), (7, 60_000), (999, 60_000)]
)
def test_backoff_doubles_up_to_its_most(attempts: int, pause: int) -> None:
    assert backoff_ms(SETTINGS, 1, 1, attempts) == pause


@pytest.mark.parametrize(
    ("least", "factor", "pauses"),
    [
        (9, 110, (9, 9, 10, 11, 13, 14, 15, 17, 19, 21)),
        (1, 150, (1, 1, 2, 3, 5, 7, 11, 17, 25, 38)),
        (50, 101, (50, 50, 51, 51, 52, 52, 53, 53, 54, 54)),
        (0, 200, (0,) * 10),
        (7, 100, (7,) * 10),
    ],
)
def test_short_pauses_grow_too(least: int, factor: int, pauses: tuple[int, ...]) -> None:
    settings = replace(SETTINGS, backoff_min_ms=least, backoff_factor=factor)
    assert tuple(backoff_ms(settings, 1, 1, attempts) for attempts in range(1, 11)) == pauses


def test_fewer_attempts_count_for_a_message_when_it_comes_back() -> None:
    spec = queue(max_attempts=5, backoff_min_ms=0).when(put(new()))
    for _ in range(3):
        spec = spec.when(take())
        spec = spec.when(nack((1, spec.reply.token), delay_ms=0))
    fewer = spec.when(c.ConfigureQueue(NAME, 0, replace(SETTINGS, max_attempts=2), 0)).when(take()).gets(1)
    fewer.when(nack((1, fewer.reply.token))).stands(m1="DEAD")
    given_back = fewer.when(nack((1, fewer.reply.token), returned=True)).stands(m1="READY")
    again = given_back.when(take())
    again.when(nack((1, again.reply.token))).stands(m1="DEAD")


def test_jitter_is_spread_evenly_and_always_the_same() -> None:
    settings = queue(jitter=20).state.settings
    assert settings is not None
    pauses = [backoff_ms(settings, 5, number, 1) for number in range(2_000)]
    assert pauses == [backoff_ms(settings, 5, number, 1) for number in range(2_000)]
    assert min(pauses) >= 800 and max(pauses) <= 1_200
    assert 990 < sum(pauses) / 2_000 < 1_010
    assert len(dict.fromkeys(pauses)) > 350
    assert pauses != [backoff_ms(settings, 6, number, 1) for number in range(2_000)]
