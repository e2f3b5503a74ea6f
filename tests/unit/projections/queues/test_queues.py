"""The read model `queues`: what each event leaves in which row."""

import json
from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues.commands import Header, MoveFailure
from streams.domain.queues.events import (
    Delay,
    LeasesExtended,
    MessagesDue,
    MessagesMoved,
    MessagesPurged,
    MessagesRedriven,
    MovesFailed,
    QueueConfigured,
    QueueDeleted,
    QueueRouted,
    ReceiveEnded,
    ReceiveStarted,
    SubscriptionAdded,
    SubscriptionRemoved,
)
from streams.domain.queues.settings import QueueRoute
from streams.projections.projection import PoisonDecision
from streams.projections.queues import tables
from streams.windows.sketch import Sketch
from streams.wire.messages import SessionEnded, TimerFailed
from tests.unit.projections.queues.spec import (
    KEY,
    SETTINGS,
    acked,
    at,
    commits,
    created,
    delivered,
    did,
    died,
    due,
    enqueued,
    given,
    message,
    origin,
    returned,
    spec,
)

COUNTS = "messages bytes ready delayed leased dead moving waiting"
STATE = "number state attempts"
STEPS = "event what first_ last_ numbers attempts"
BEGUN = at(1_000, did(created()))
BROADCAST = replace(SETTINGS, broadcast=True)


def waits(ticket: int) -> ReceiveStarted:
    return ReceiveStarted("eve", "c", "h", 1, ticket, "", 10, 30_000, 99_000)


def test_a_queue_that_is_made_has_a_row_and_a_subscription_without_a_name() -> None:
    told = given(BEGUN).shows(
        tables.QUEUE_SHARDS,
        "tenant queue shard incarnation version epoch shards paused created_ms changed_offset " + COUNTS,
        ("dev", "orders", 0, 1, 1, 1, 1, False, 1_000, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    ).shows(tables.QUEUE_SUBSCRIPTIONS, "incarnation subscription ready", (1, "", 0))  # fmt: skip
    (row,) = told.rows[tables.QUEUE_SHARDS].values()
    assert json.loads(row[6])["max_attempts"] == SETTINGS.max_attempts


def test_a_shard_of_a_queue_goes_by_its_name_and_its_number() -> None:
    given(at(0, did(created(), key="dev/a/b#12"))).shows(tables.QUEUE_SHARDS, "queue shard", ("a/b", 12))


def test_settings_and_route_are_those_of_the_last_change() -> None:
    given(
        BEGUN,
        at(2_000, did(QueueConfigured(2, replace(SETTINGS, paused=True)))),
        at(3_000, did(QueueRouted(QueueRoute(2, 3, 1), 1, 0))),
    ).shows(tables.QUEUE_SHARDS, "version paused epoch shards previous", (2, True, 2, 3, 1)).shows(
        tables.QUEUE_HISTORY,
        "offset_ at_ms version epoch",
        (2, 1_000, 1, 1),
        (3, 2_000, 2, 1),
        (4, 3_000, 2, 2),
    )


def test_a_message_is_a_body_and_a_delivery_of_each_subscription() -> None:
    given(
        BEGUN,
        at(2_000, did(enqueued(1, message(b"hello", group="g", headers=(Header("a", "b"),), origin=origin())))),
    ).shows(tables.QUEUE_SHARDS, COUNTS, (1, 5, 1, 0, 0, 0, 0, 0)).shows(
        tables.QUEUE_MESSAGES,
        "number group_ payload headers origin client enqueued_offset enqueued_ms",
        (1, "g", b"hello", '[["a","b"]]',
         '{"queue":"old","message":"old.1.1","reason":"broken","attempts":3,"subscription":""}', "a", 3, 2_000),
    ).shows(
        tables.QUEUE_DELIVERIES,
        "subscription number state attempts size due_lease_ms token since_ms",
        ("", 1, "READY", 0, 5, None, None, 2_000),
    )  # fmt: skip


def test_what_is_due_later_is_told_by_the_clock_of_people() -> None:
    told = given(BEGUN, at(2_000, did(enqueued(1, message(ready_at=520)))))
    told.shows(tables.QUEUE_DELIVERIES, STATE + " due_lease_ms due_ms", (1, "DELAYED", 0, 520, 2_500))
    told.shows(tables.MESSAGE_HISTORY, "due_lease_ms due_ms", ((520,), (2_500,)))


def test_a_delayed_message_that_is_due_is_ready_since_then() -> None:
    given(
        BEGUN, at(2_000, did(enqueued(1, message(ready_at=520)))), at(2_600, due(MessagesDue("", (1,))))
    ).shows(tables.QUEUE_DELIVERIES, STATE + " due_ms since_ms", (1, "READY", 0, None, 2_600)).shows(
        tables.QUEUE_SHARDS, COUNTS, (1, 5, 1, 0, 0, 0, 0, 0)
    )


def test_a_delivery_says_who_leases_it_until_when_and_ends_the_wait() -> None:
    given(
        BEGUN,
        at(1_500, did(waits(2))),
        at(2_000, did(enqueued(1), delivered(4, 1, expires_at=1_030, ticket=2))),
    ).shows(
        tables.QUEUE_DELIVERIES,
        STATE + " due_lease_ms due_ms token principal client handle",
        (1, "LEASED", 1, 1_030, 3_000, 4, "eve", "c", "h"),
    ).shows(tables.QUEUE_SHARDS, COUNTS, (1, 5, 0, 0, 1, 0, 0, 0)).shows(
        tables.MESSAGE_HISTORY,
        "event what token principal client attempts due_ms",
        (3, "ENQUEUED", None, "dev", "a", (0,), None),
        (4, "DELIVERED", 4, "eve", "c", (1,), (3_000,)),
    )


def test_a_wait_that_ends_without_a_message_counts_no_more() -> None:
    ended = ReceiveEnded("eve", "c", "h", 1, 2, "", "TIMED_OUT")
    given(BEGUN, at(0, did(waits(2)))).shows(tables.QUEUE_SHARDS, "waiting", 1)
    given(BEGUN, at(0, did(waits(2))), at(9, due(ended))).shows(tables.QUEUE_SHARDS, "waiting", 0)


def test_what_is_acknowledged_is_gone_but_for_its_history() -> None:
    given(
        BEGUN, at(2_000, did(enqueued(1))), at(2_040, did(delivered(3, 1))), at(2_100, did(acked(1), client="c")),
    ).shows(tables.QUEUE_SHARDS, COUNTS, (0, 0, 0, 0, 0, 0, 0, 0)).shows(tables.QUEUE_MESSAGES, "number").shows(
        tables.QUEUE_DELIVERIES, "number"
    ).shows(
        tables.MESSAGE_HISTORY,
        "event what client at_ms",
        (2, "ENQUEUED", "a", 2_000), (3, "DELIVERED", "c", 2_040), (4, "ACKED", "c", 2_100),
    ).shows(
        tables.QUEUE_WINDOWS,
        "tenant queue start_ms enqueued delivered acked waits works closed",
        ("dev", "orders", 0, 1, 1, 1, _sketch(40), _sketch(60), None),
    )  # fmt: skip


def test_what_comes_and_goes_within_a_stretch_leaves_its_history_alone() -> None:
    fold = spec().fold
    for accepted in commits(
        BEGUN, at(0, did(enqueued(1), delivered(3, 1))), at(0, did(acked(1))), at(0, did(QueueDeleted(0)))
    ):
        fold.commit(accepted)
    changes = fold.take()
    found = {table.name: len(rows) for table, rows in changes.inserted.items() if rows}
    assert found == {"message_history": 3, "queue_history": 4, "queue_windows": 1}
    assert not changes.put
    assert not fold.take()


def test_a_batch_is_one_row_of_history_for_128_numbers() -> None:
    numbers = tuple(range(1, 301))
    told = given(BEGUN, at(0, did(enqueued(1, *[message()] * 300))), at(0, did(delivered(3, *numbers[::-1]))))
    told.shows(
        tables.MESSAGE_HISTORY, "block " + STEPS,
        (0, 2, "ENQUEUED", 1, 127, None, (0,)), (0, 3, "DELIVERED", 1, 127, None, (1,)),
        (1, 2, "ENQUEUED", 128, 255, None, (0,)), (1, 3, "DELIVERED", 128, 255, None, (1,)),
        (2, 2, "ENQUEUED", 256, 300, None, (0,)), (2, 3, "DELIVERED", 256, 300, None, (1,)),
    )  # fmt: skip


def test_what_is_not_the_same_for_all_of_a_batch_is_told_of_each() -> None:
    batch = (message(), message(ready_at=90), message(), message(origin=origin()), message())
    told = given(BEGUN, at(100, did(enqueued(1, *batch))))
    told.shows(
        tables.MESSAGE_HISTORY, "part " + STEPS + " due_lease_ms",
        (0, 2, "ENQUEUED", 1, 5, (1, 2, 3, 5), (0,), (0, 90, 0, 0)), (4, 2, "ENQUEUED", 4, 4, None, (0,), None),
    )  # fmt: skip


def test_a_message_that_comes_back_waits_and_says_why() -> None:
    taken = (BEGUN, at(2_000, did(enqueued(1), delivered(3, 1))))
    back = at(2_500, did(returned("NACKED", 1, ready_at=1_030, reason="no \0 stock")))
    given(*taken, back).shows(
        tables.QUEUE_DELIVERIES,
        STATE + " due_ms token reason since_ms",
        (1, "DELAYED", 1, 3_500, None, "no \ufffd stock", 2_500),
    ).shows(tables.QUEUE_WINDOWS, "returned expired", (1, 0))
    given(*taken, at(2_500, due(returned("EXPIRED", 1)))).shows(
        tables.QUEUE_DELIVERIES, STATE + " reason", (1, "READY", 1, None)
    ).shows(tables.QUEUE_WINDOWS, "returned expired", (0, 1)).shows(
        tables.MESSAGE_HISTORY, "what cause principal", ("ENQUEUED", None, "dev"), ("DELIVERED", None, "eve"),
        ("RETURNED", "EXPIRED", ""),
    )  # fmt: skip


def test_a_longer_lease_changes_its_end_alone() -> None:
    given(
        BEGUN, at(2_000, did(enqueued(1), delivered(3, 1))), at(2_500, did(LeasesExtended("", (1,), 60_030)))
    ).shows(
        tables.QUEUE_DELIVERIES,
        STATE + " due_lease_ms due_ms token client since_ms changed_offset",
        (1, "LEASED", 1, 60_030, 62_500, 3, "c", 2_000, 4),
    )


def test_a_dead_letter_stays_until_it_is_redriven() -> None:
    dead = (BEGUN, at(2_000, did(enqueued(1), delivered(3, 1))), at(2_500, did(died(1, reason="broken"))))
    given(*dead).shows(tables.QUEUE_DELIVERIES, STATE + " reason", (1, "DEAD", 3, "broken")).shows(
        tables.QUEUE_SHARDS, COUNTS, (1, 5, 0, 0, 0, 1, 0, 0)
    ).shows(tables.QUEUE_WINDOWS, "dead redriven", (1, 0))
    given(*dead, at(3_000, did(MessagesRedriven("", (1,), None)))).shows(
        tables.QUEUE_DELIVERIES, STATE + " reason", (1, "READY", 0, None)
    ).shows(tables.QUEUE_WINDOWS, "dead redriven", (1, 1))
    given(*dead, at(3_000, did(MessagesRedriven("", (1,), None, (Delay(1, 1_030),))))).shows(
        tables.QUEUE_DELIVERIES, STATE + " due_lease_ms due_ms", (1, "DELAYED", 0, 1_030, 3_990)
    )


def test_a_dead_letter_that_is_to_be_moved_is_moving_until_it_is_there() -> None:
    moving = (BEGUN, at(2_000, did(enqueued(1), delivered(3, 1))), at(2_500, did(died(1, to="dead"))))
    given(*moving).shows(tables.QUEUE_DELIVERIES, STATE + " target", (1, "MOVING", 3, "dead"))
    given(*moving, at(3_000, did(MessagesMoved("", (1,))))).shows(tables.QUEUE_MESSAGES, "number")
    given(*moving, at(3_000, did(MovesFailed("", (MoveFailure(1, "no such queue"),))))).shows(
        tables.QUEUE_DELIVERIES, STATE + " target reason", (1, "DEAD", 3, None, "no such queue")
    )


def test_what_is_purged_is_gone() -> None:
    given(BEGUN, at(0, did(enqueued(1, message(), message()))), at(0, did(MessagesPurged("", (2,))))).shows(
        tables.QUEUE_MESSAGES, "number", 1
    ).shows(tables.QUEUE_SHARDS, "messages bytes", (1, 5))


def test_each_subscription_of_a_broadcast_owes_a_message_until_the_last_is_done() -> None:
    begun = (
        at(0, did(created(settings=BROADCAST), SubscriptionAdded("a"), SubscriptionAdded("b"))),
        at(0, did(enqueued(1))),
        at(0, did(delivered(5, 1, subscription="a"))),
        at(0, did(acked(1, subscription="a"))),
    )
    given(*begun).shows(tables.QUEUE_SHARDS, COUNTS, (1, 5, 1, 0, 0, 0, 0, 0)).shows(
        tables.QUEUE_DELIVERIES, "subscription number", ("b", 1)
    ).shows(tables.QUEUE_MESSAGES, "number", 1)
    given(*begun, at(0, did(SubscriptionRemoved("b", 1)))).shows(tables.QUEUE_MESSAGES, "number").shows(
        tables.QUEUE_SUBSCRIPTIONS, "subscription", "a"
    ).shows(
        tables.MESSAGE_HISTORY, "block part subscription what first_ last_", (-1, 0, "b", "REMOVED", 1, 1),
        (0, 0, "", "ENQUEUED", 1, 1), (0, 0, "a", "DELIVERED", 1, 1), (0, 0, "a", "ACKED", 1, 1),
    )  # fmt: skip


def test_what_nobody_subscribes_to_leaves_its_history_alone() -> None:
    given(at(0, did(created(settings=BROADCAST))), at(0, did(enqueued(1)))).shows(
        tables.QUEUE_SHARDS, "messages next_message", (0, 2)
    ).shows(tables.QUEUE_MESSAGES, "number").shows(tables.MESSAGE_HISTORY, "what", "ENQUEUED")


def test_a_queue_that_is_deleted_takes_all_along_and_may_be_made_anew() -> None:
    gone = (BEGUN, at(0, did(enqueued(1, message(), message()))), at(5_000, did(QueueDeleted(2))))
    told = given(*gone)
    for table in (
        tables.QUEUE_SHARDS,
        tables.QUEUE_SUBSCRIPTIONS,
        tables.QUEUE_MESSAGES,
        tables.QUEUE_DELIVERIES,
    ):
        told.shows(table, "partition")
    told.shows(
        tables.QUEUE_HISTORY, "incarnation deleted messages", (1, False, 0), (1, False, 2), (1, True, 0)
    )
    told.shows(
        tables.MESSAGE_HISTORY, "block what first_ last_", (-1, "DELETED", 1, 2), (0, "ENQUEUED", 1, 2)
    )
    given(*gone, at(6_000, did(created(4))), at(6_000, did(enqueued(1)))).shows(
        tables.QUEUE_DELIVERIES, "incarnation number", (4, 1)
    )


def test_what_is_deleted_and_made_anew_in_a_stretch_is_one_row_that_changed() -> None:
    told = spec()
    first, *rest = commits(
        BEGUN, at(0, did(enqueued(1))), at(0, did(QueueDeleted(1))), at(0, did(created(4)))
    )
    told.fold.commit(first)
    told.take()
    for accepted in rest:
        told.fold.commit(accepted)
    assert tables.QUEUE_SHARDS not in told.take().inserted
    told.shows(tables.QUEUE_SHARDS, "incarnation messages", (4, 0))


def test_how_a_queue_was_is_kept_once_a_commit() -> None:
    given(BEGUN, at(2_000, did(enqueued(1)), did(enqueued(2)), did(delivered(4, 1)))).shows(
        tables.QUEUE_HISTORY,
        "offset_ at_ms messages ready leased",
        (2, 1_000, 0, 0, 0),
        (3, 2_000, 2, 1, 1),
    )


def test_what_the_engine_says_of_sessions_and_timers_counts_but_changes_no_queue() -> None:
    engine = (at(0, did(SessionEnded("s", 1, "why"), key="")), at(0, due(TimerFailed("a bug"))))
    given(BEGUN, *engine, at(0, did(created(4), key="dev/b"))).shows(
        tables.QUEUE_SHARDS, "queue incarnation", ("b", 4), ("orders", 1)
    )


@pytest.mark.parametrize(
    "events",
    [
        (acked(1),),
        (delivered(9, 7),),
        (enqueued(2), acked(2)),
        (enqueued(1),),
        (enqueued(2), delivered(3, 1), delivered(4, 1)),
        (created(3),),
        (delivered(3, 1), ReceiveEnded("eve", "c", "h", 1, 2, "", "TIMED_OUT")),
        (MessagesDue("", (1,)),),
        (MessagesDue("nobody", (1,)),),
    ],
)
def test_what_does_not_fit_is_refused_whole(events: tuple[Any, ...]) -> None:
    told = given(BEGUN, at(0, did(enqueued(1))))
    before = {table: dict(rows) for table, rows in told.rows.items()}
    *_, good = commits(BEGUN, at(0, did(enqueued(1))), at(0, did(*events)))
    with pytest.raises(PoisonDecision):
        told.fold.commit(good)
    told.take()
    assert told.rows == before


def test_what_is_of_no_queue_is_refused() -> None:
    with pytest.raises(PoisonDecision):
        given(at(0, did(enqueued(1), key=KEY)))


def _sketch(*durations: int) -> str:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    return sketch.dumps()
