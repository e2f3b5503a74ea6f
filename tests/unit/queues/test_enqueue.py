"""Putting messages in: what is kept, known already, refused, and what makes room."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues import limits
from streams.domain.queues.settings import QueueRoute
from tests.unit.queues.spec import LEASE, accepted, kept, new, put, queue, take, who

ORIGIN = c.Origin("old", "0.1.2", "r", 3)


def test_messages_are_numbered_and_kept_as_they_are() -> None:
    header = c.Header("h", "v")
    message = new(b"1", key="k", priority=9, delay_ms=5, dedup_id="d", headers=(header,), group="g")
    spec = queue().at(10).when(put(new(b"0"), message))
    spec.answers(accepted((1, "ENQUEUED"), (2, "ENQUEUED")))
    whole = kept(b"1", group="g", key="k", priority=9, ready_at=15, dedup_id="d", headers=(header,))
    spec.then(e.MessagesEnqueued("alice", "client-a", 1, 10, (kept(b"0"), whole)))
    assert spec.state.next_message == 3
    assert spec.state.bytes == 2


def test_who_waits_gets_it_in_the_same_decision() -> None:
    spec = queue().when(take(5, wait_ms=100), "w", 7).at(3).when(put(new(), new()))
    delivered = e.MessagesDelivered(
        *("alice", "client-w", "w", 7, 2, "", 1, 4, 3 + LEASE), (e.Attempt(1, 1), e.Attempt(2, 1))
    )
    spec.then(e.MessagesEnqueued("alice", "client-a", 1, 3, (kept(), kept())), delivered)
    spec.settles(("w", 7, [1, 2])).stands(m1="LEASED", m2="LEASED")


def test_those_who_wait_are_served_in_turn() -> None:
    spec = queue().when(take(1, wait_ms=100), "a", 1).when(take(2, wait_ms=100), "b", 2)
    spec.when(put(new(), new(), new(), new())).settles(("a", 1, [1]), ("b", 2, [2, 3]))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (new(priority=10), "priority"),
        (new(priority=-2), "priority"),
        (new(delay_ms=-1), "delay_ms"),
        (new(delay_ms=limits.MAX_DELAY_MS + 1), "delay_ms"),
        (new(group=""), "group"),
        (new(key="k" * 257), "key"),
        (new(dedup_id="\n"), "dedup_id"),
        (new(headers=(c.Header("", "v"),)), "headers.name"),
        (new(headers=(c.Header("h", "v" * 1025),)), "headers.h"),
        (new(headers=(c.Header("h", "v"),) * 33), "headers"),
        (new(origin=replace(ORIGIN, queue="\0")), "origin.queue"),
        (new(origin=replace(ORIGIN, message="m" * 257)), "origin.message"),
        (new(origin=replace(ORIGIN, subscription="\n")), "origin.subscription"),
        (new(origin=replace(ORIGIN, reason="r" * 501)), "origin.reason"),
        (new(origin=replace(ORIGIN, attempts=-1)), "origin.attempts"),
    ],
)
def test_what_is_absurd_is_refused(message: c.NewMessage, field: str) -> None:
    spec = queue().when(put(new(), message)).refuses("BAD_ARGUMENT")
    assert ("field", field) in spec.reply.details


def test_sizes_are_bounded() -> None:
    queue().when(put(new(bytes(131_072))))
    queue().when(put(new(bytes(131_073)))).refuses("PAYLOAD_TOO_LARGE", "enqueue a reference")
    queue(max_payload_bytes=5).when(put(new(bytes(6)))).refuses("PAYLOAD_TOO_LARGE", "takes 5")
    queue().when(put(*[new(bytes(100_000))] * 5)).refuses("BATCH_TOO_LARGE", "bytes")
    queue().when(put(*[new()] * 501)).refuses("BATCH_TOO_LARGE", "500")
    queue().when(put()).refuses("BAD_ARGUMENT")


def test_a_full_queue_refuses_all_or_takes_all() -> None:
    full = queue(max_depth=2).when(put(new()))
    full.when(put(new(), new())).refuses("QUEUE_FULL", "1 messages of 2", "purge")
    full.when(put(new())).stands(m1="READY", m2="READY")
    queue(max_bytes=5).when(put(new(b"abc"))).when(put(new(b"abc"))).refuses("QUEUE_FULL", "3 bytes of 5")


def test_what_would_never_fit_is_not_told_to_come_again() -> None:
    for overflow in ({}, MOVING):
        small = queue(max_bytes=10, max_depth=2, **overflow)
        small.when(put(new(bytes(11)))).refuses("PAYLOAD_TOO_LARGE", "takes 10")
        small.when(put(new(bytes(6)), new(bytes(6)))).refuses("BATCH_TOO_LARGE", "bytes of payload, 10")
        small.when(put(new(), new(), new())).refuses("BATCH_TOO_LARGE", "messages, 2")
        small.when(put(new(bytes(10))))
    queue(max_bytes=1, broadcast=True).when(put(new(b"nobody keeps it"))).answers(accepted((1, "ENQUEUED")))


MOVING: dict[str, Any] = {"overflow": "DEAD_LETTER_OLDEST", "dead_letter_queue": "late"}


def test_the_oldest_make_room_by_leaving_for_the_dead_letter_queue() -> None:
    full = queue(max_depth=3, **MOVING).when(put(new(), new(delay_ms=50), new())).when(take())
    spec = full.at(9).when(put(new()))
    died = e.MessagesDied("", "OVERFLOW", "overflow", (e.Attempt(2, 0),), "late", 9)
    assert spec.decision.events[0] == died
    spec.stands(m1="LEASED", m2="MOVING", m3="READY", m4="READY")


def test_bytes_make_room_too() -> None:
    full = queue(max_bytes=6, **MOVING).when(put(new(b"ab"), new(b"cd"), new(b"ef")))
    full.when(put(new(b"ghi"))).stands(m1="MOVING", m2="MOVING", m3="READY", m4="READY")


def test_what_cannot_leave_makes_no_room() -> None:
    leased = queue(max_depth=1, **MOVING).when(put(new())).when(take())
    leased.when(put(new())).refuses("QUEUE_FULL", "redrive or purge")
    queue(max_depth=2, **MOVING).when(put(new())).when(take()).when(put(new(), new())).refuses("QUEUE_FULL")


def test_what_is_on_its_way_is_bounded_too() -> None:
    spec = queue(max_depth=2, **MOVING)
    for _ in range(4):
        spec = spec.when(put(new()))
    spec.when(put(new())).refuses("QUEUE_FULL", "mover")


def test_at_most_500_make_room_at_once() -> None:
    spec = (
        queue(max_depth=600, max_bytes=600, **MOVING)
        .when(put(*[new(b"x")] * 300))
        .when(put(*[new(b"x")] * 300))
    )
    spec.when(put(new(bytes(500)))).stands(
        **{f"m{n}": "MOVING" if n <= 500 else "READY" for n in range(1, 602)}
    )
    spec.when(put(new(bytes(501)))).refuses("QUEUE_FULL")


TWO = QueueRoute(3, 2, 1)


def test_producers_with_another_route_are_told_this_one() -> None:
    spec = queue(route=TWO).when(put(new(), epoch=2)).refuses("STALE_ROUTE", "2 shards")
    assert dict(spec.reply.details) == {"queue": "orders", "epoch": "3", "shards": "2", "previous": "1"}
    queue(route=TWO).when(put(new(), epoch=0)).refuses("STALE_ROUTE")
    queue().when(put(new(), epoch=0)).answers(accepted((1, "ENQUEUED")))


def test_a_message_without_a_place_in_the_route_is_refused() -> None:
    for home in (-1, 2, 77):
        queue(route=TWO).when(put(new(home=home), epoch=3)).refuses("BAD_ARGUMENT", "home must be 0 to 1")
    gone = queue(route=QueueRoute(2, 1, 2)).when(c.RouteQueue("orders", 0, QueueRoute(3, 1, 1)))
    gone.when(put(new(), shard=1)).refuses("STALE_ROUTE")
    gone.when(put(new(), shard=1, epoch=3)).answers(accepted((0, "MOVED")))


def test_a_message_whose_home_is_elsewhere_stays_only_while_its_group_lives_here() -> None:
    routed = queue(dedup_window_ms=1000).when(put(new(group="g"), new(dedup_id="x")))
    routed = routed.when(c.RouteQueue("orders", 0, QueueRoute(2, 2, 1)))
    away = (new(group="g", home=1), new(group="h", home=1), new(home=1), new(dedup_id="x", home=1))
    spec = routed.when(put(*away, new(group="h"), epoch=2))
    spec.answers(accepted((3, "ENQUEUED"), (0, "MOVED"), (0, "MOVED"), (2, "DUPLICATE"), (4, "ENQUEUED")))
    event = spec.decision.events[0]
    assert isinstance(event, e.MessagesEnqueued)
    assert [m.stray for m in event.messages] == [True, False]


def test_who_enqueues_is_in_the_event() -> None:
    spec = queue().when(put(new()), "z")
    event = spec.decision.events[0]
    assert isinstance(event, e.MessagesEnqueued)
    assert (event.principal, event.client) == (who("z").principal, who("z").client)


def test_one_decision_fits_a_commit_however_many_wait() -> None:
    spec = queue(max_bytes=10**6)
    for index in range(300):
        spec = spec.when(take(1, wait_ms=1000), "n" * 200, index)
    spec = spec.when(put(*[new(bytes(1300))] * 300))
    delivered = len(spec.decision.events) - 1
    assert 0 < delivered < 300
    spec = spec.due(0)
    while spec.state.subscriptions[""].waits:
        spec = spec.tick()
        assert 0 < len(spec.decision.events) <= 201
    spec.stands(**{f"m{n}": "LEASED" for n in range(1, 301)})


def test_a_delivery_attaches_480_kib_or_one_message() -> None:
    large = new(bytes(131_072))
    spec = queue(max_bytes=10**8).when(put(large, large, large)).when(put(large, large, large))
    spec.when(take(10)).gets(1, 2, 3)
