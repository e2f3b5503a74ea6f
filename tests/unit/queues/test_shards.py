"""The shard itself: create, configure, route, drain, delete."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.replies import QueueChanged, QueueOpened, QueueRemoved
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.queues.state import ABSENT
from tests.unit.queues.spec import NAME, ROUTE, SETTINGS, Spec, ack, new, peek, purge, put, queue, take

INSPECT = c.InspectQueue(NAME, 0)
NEW = QueueRoute(2, 2, 1)


def create(settings: QueueSettings = SETTINGS, route: QueueRoute = ROUTE, name: str = NAME) -> c.CreateQueue:
    return c.CreateQueue(name, 0, settings, route)


def configure(version: int = 0, **changed: Any) -> c.ConfigureQueue:
    return c.ConfigureQueue(NAME, 0, replace(SETTINGS, **changed), version)


def route(to: QueueRoute = NEW) -> c.RouteQueue:
    return c.RouteQueue(NAME, 0, to)


def delete(force: bool = False) -> c.DeleteQueue:
    return c.DeleteQueue(NAME, 0, force)


def nothing() -> Spec:
    return Spec(ABSENT, 0, 1, None)


def test_created_once_it_is_there() -> None:
    spec = (
        nothing()
        .when(create())
        .then(e.QueueCreated(1, SETTINGS, ROUTE))
        .answers(QueueOpened(1, 1, existed=False))
    )
    spec.when(create()).then().answers(QueueOpened(1, 1, existed=True))
    spec.when(create(replace(SETTINGS, lease_ms=500))).refuses("QUEUE_EXISTS")
    spec.when(create(route=NEW)).refuses("QUEUE_EXISTS")


@pytest.mark.parametrize(
    "command",
    [
        configure(),
        route(),
        put(new()),
        take(),
        ack((1, 2)),
        peek(),
        INSPECT,
        c.AddSubscription(NAME, 0, "x"),
        c.WithdrawReceive(NAME, 0, "", 1),
        c.ConfirmMoves(NAME, 0, "", 1, (), ()),
    ],
)
def test_nothing_can_be_asked_of_a_queue_that_is_not_there(command: Any) -> None:
    nothing().when(command).refuses("QUEUE_UNKNOWN", "CreateQueue")
    nothing().when(replace(command, shard=2)).refuses("QUEUE_UNKNOWN", "shard 2")


def test_a_name_holds_no_mark_of_shards() -> None:
    nothing().when(create(name="orders#1")).refuses("BAD_ARGUMENT", "'#'")
    nothing().when(replace(create(), shard=64)).refuses("BAD_ARGUMENT")
    queue().when(replace(INSPECT, queue="a#1")).refuses("BAD_ARGUMENT")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"max_attempts": 0}, "BAD_ARGUMENT"),
        ({"max_attempts": 1_001}, "BAD_ARGUMENT"),
        ({"lease_ms": 99}, "BAD_ARGUMENT"),
        ({"backoff_min_ms": -1}, "BAD_ARGUMENT"),
        ({"backoff_max_ms": 999}, "BAD_ARGUMENT"),
        ({"backoff_factor": 99}, "BAD_ARGUMENT"),
        ({"jitter": 101}, "BAD_ARGUMENT"),
        ({"dedup_window_ms": -1}, "BAD_ARGUMENT"),
        ({"max_depth": 0}, "BAD_ARGUMENT"),
        ({"max_bytes": 0}, "BAD_ARGUMENT"),
        ({"max_payload_bytes": 131_073}, "BAD_ARGUMENT"),
        ({"default_priority": 10}, "BAD_ARGUMENT"),
        ({"aging_ms": -1}, "BAD_ARGUMENT"),
        ({"overflow": "DEAD_LETTER_OLDEST"}, "BAD_ARGUMENT"),
        ({"overflow": "DEAD_LETTER_OLDEST", "dead_letter_queue": "d", "broadcast": True}, "BAD_ARGUMENT"),
        ({"dead_letter_queue": NAME}, "DEAD_LETTER_LOOP"),
        ({"dead_letter_queue": ""}, "BAD_ARGUMENT"),
        ({"dead_letter_queue": "d#1"}, "BAD_ARGUMENT"),
    ],
)
def test_settings_have_bounds(changed: dict[str, Any], code: str) -> None:
    nothing().when(create(replace(SETTINGS, **changed))).refuses(code)
    queue().when(configure(**changed)).refuses(code)


def test_settings_change_from_version_to_version() -> None:
    spec = queue().when(configure(1, lease_ms=500))
    spec.then(e.QueueConfigured(2, replace(SETTINGS, lease_ms=500))).answers(QueueChanged(2, ROUTE))
    spec.when(configure(1)).refuses("VERSION_CONFLICT", "version 2")
    spec.when(configure(2, lease_ms=500)).then().answers(QueueChanged(2, ROUTE))
    spec.when(configure(0)).answers(QueueChanged(3, ROUTE))
    spec.when(configure(0, broadcast=True)).refuses("BAD_ARGUMENT", "cannot change")


def test_a_route_has_bounds_and_only_rises() -> None:
    for bad in (QueueRoute(2, 0, 1), QueueRoute(2, 65, 1), QueueRoute(2, 1, 65), QueueRoute(0, 1, 1)):
        queue().when(route(bad)).refuses("BAD_ARGUMENT")
    spec = queue().at(7).when(route()).then(e.QueueRouted(NEW, 1, 7)).answers(QueueChanged(1, NEW))
    spec.when(route()).then().answers(QueueChanged(1, NEW))
    spec.when(route(QueueRoute(2, 3, 1))).refuses("STALE_ROUTE")
    spec.when(route(ROUTE)).refuses("STALE_ROUTE")


def test_a_route_follows_on_the_one_that_is_known() -> None:
    four = queue(route=QueueRoute(1, 4, 4))
    four.when(route(QueueRoute(2, 8, 1))).refuses("STALE_ROUTE", "4 shards")
    four.when(route(QueueRoute(2, 8, 4))).answers(QueueChanged(1, QueueRoute(2, 8, 4)))
    queue().when(put(new(group="g"))).when(route(QueueRoute(2, 2, 2))).refuses("STALE_ROUTE")


def test_a_shard_that_was_made_for_a_change_that_lost_follows_home() -> None:
    made = nothing().when(replace(create(route=QueueRoute(2, 3, 1)), shard=1))
    made = made.when(put(new(group="g", home=1), epoch=2, shard=1))
    won = replace(route(QueueRoute(3, 2, 2)), shard=1)
    made.when(won).answers(QueueChanged(1, QueueRoute(3, 2, 2)))
    settled = nothing().when(replace(create(route=QueueRoute(2, 3, 3)), shard=1))
    settled.when(won).answers(QueueChanged(1, QueueRoute(3, 2, 2)))
    settled.when(put(new(group="g", home=1), epoch=2, shard=1)).when(won).refuses("STALE_ROUTE")


def test_a_change_ends_where_nothing_moves_any_more() -> None:
    spec = queue().when(put(new(group="g"))).when(route())
    spec.when(route(QueueRoute(3, 2, 2))).refuses("NOT_DRAINED", "from 1 to 2 shards")
    spec.when(route(QueueRoute(3, 3, 2))).refuses("NOT_DRAINED")
    taken = spec.when(take())
    done = taken.when(ack((1, taken.reply.token)))
    done.when(route(QueueRoute(3, 2, 2))).answers(QueueChanged(1, QueueRoute(3, 2, 2)))


def test_a_shard_that_goes_is_drained_when_it_is_empty() -> None:
    made = nothing().when(replace(create(route=QueueRoute(1, 2, 2)), shard=1))
    full = made.when(put(new(home=1), epoch=1, shard=1)).when(replace(route(QueueRoute(2, 1, 2)), shard=1))
    inspect, end = replace(INSPECT, shard=1), replace(route(QueueRoute(3, 1, 1)), shard=1)
    assert not full.when(inspect).reply.drained
    full.when(end).refuses("NOT_DRAINED")
    purged = full.when(replace(purge("READY"), shard=1))
    assert purged.when(inspect).reply.drained
    purged.when(end).answers(QueueChanged(1, QueueRoute(3, 1, 1)))


def test_a_shard_is_one_of_its_route() -> None:
    nothing().when(replace(create(route=QueueRoute(7, 2, 2)), shard=2)).refuses("BAD_ARGUMENT", "shard")
    nothing().when(replace(create(route=QueueRoute(7, 2, 3)), shard=2)).answers(
        QueueOpened(1, 1, existed=False)
    )


def test_a_new_route_ends_waits() -> None:
    spec = queue().when(take(wait_ms=90), "w", 4).when(route())
    spec.settles(("w", 4, "ROUTE_CHANGED")).due(None)


def test_so_many_waits_end_in_several_decisions() -> None:
    spec = queue()
    for index in range(450):
        spec = spec.when(take(wait_ms=90), "w", index)
    spec, ended = spec.when(route()), 0
    while spec.state.leaving:
        ended += sum(isinstance(event, e.ReceiveEnded) for event in spec.decision.events)
        spec = spec.due(0).tick()
        assert len(spec.decision.events) <= 200
    ended += len(spec.decision.events)
    assert ended == 450


def test_a_shard_is_drained_when_old_groups_are_over() -> None:
    spec = queue().when(put(new(group="g"), new())).when(take(9))
    assert spec.when(INSPECT).reply.drained
    token, routed = spec.reply.token, spec.at(10).when(route())
    assert not routed.at(200).when(INSPECT).reply.drained
    done = routed.when(ack((1, token)))
    assert done.when(INSPECT).reply.drained
    stray = routed.when(put(new(group="g", home=1), epoch=2)).when(ack((1, token)))
    assert not stray.when(INSPECT).reply.drained
    last = stray.when(take())
    assert last.when(ack((3, last.reply.token))).when(INSPECT).reply.drained
    here = done.when(put(new(group="g"), epoch=2))
    assert here.when(INSPECT).reply.drained
    assert done.when(route(QueueRoute(3, 2, 2))).when(INSPECT).reply.drained


def test_a_shard_that_only_gains_is_drained_at_once() -> None:
    spec = queue(route=QueueRoute(1, 2, 2)).when(put(new(group="g", dedup_id="x"), epoch=1))
    assert spec.when(route(QueueRoute(2, 1, 2))).when(INSPECT).reply.drained


def test_a_shard_is_drained_when_the_ids_that_it_may_have_lost_count_no_more() -> None:
    spec = queue(dedup_window_ms=100).when(put(new(group="g"), new(dedup_id="x"))).when(take(9))
    token, routed = spec.reply.token, spec.at(10).when(route())
    done = routed.when(ack((1, token)))
    assert not done.at(99).when(INSPECT).reply.drained
    assert done.at(100).when(INSPECT).reply.drained
    shorter = done.at(50).when(configure(dedup_window_ms=30))
    assert shorter.when(INSPECT).reply.drained
    at_home = done.at(90).when(put(new(dedup_id="home"), epoch=2))
    assert at_home.at(100).when(INSPECT).reply.drained
    stray = routed.at(90).when(put(new(group="g", home=1, dedup_id="y"), epoch=2)).when(ack((1, token)))
    last = stray.when(take())
    worked = last.when(ack((3, last.reply.token)))
    assert not worked.at(189).when(INSPECT).reply.drained
    assert worked.at(190).when(INSPECT).reply.drained


def test_a_shard_remembers_what_was_moved_to_it_until_movers_have_it_no_more() -> None:
    letter = new(key="k", origin=c.Origin("old", "0.1.2", "r", 3))
    spec = queue(dedup_window_ms=0).when(put(letter)).when(route())
    assert not spec.at(3_599_999).when(INSPECT).reply.drained
    assert spec.at(3_600_000).when(INSPECT).reply.drained


def test_deleting() -> None:
    full = queue().when(put(new()))
    full.when(delete()).refuses("QUEUE_NOT_EMPTY", "force")
    gone = full.when(delete(True)).then(e.QueueDeleted(1)).answers(QueueRemoved(1))
    assert gone.state is ABSENT
    gone.when(delete()).then().answers(QueueRemoved(0))
    again = gone.when(create())
    assert again.reply == QueueOpened(4, 1, existed=False)


def test_who_waits_at_a_deleted_queue_is_told() -> None:
    waits = queue().when(take(wait_ms=90), "w", 4)
    gone = waits.when(delete()).settles(("w", 4, "QUEUE_DELETED"))
    assert gone.state is ABSENT


def test_a_queue_may_be_created_anew_while_waits_of_the_old_one_end() -> None:
    spec = queue()
    for index in range(300):
        spec = spec.when(take(wait_ms=90), "w", index)
    spec = spec.when(delete()).when(create()).due(0)
    spec.when(put(new())).stands(m1="READY")
    while spec.state.leaving:
        spec = spec.tick()
    assert spec.state.settings == SETTINGS


def test_numbers() -> None:
    spec = queue(max_attempts=1).when(put(*[new(b"ab")] * 4, new(delay_ms=9))).at(3).when(take(2))
    spec = spec.when(c.NackMessages(NAME, 0, "", (c.Receipt(1, 3),), -1, "", False)).when(take(9, wait_ms=0))
    spec = spec.at(5).when(take(wait_ms=9)).when(INSPECT)
    stats, (sub,) = spec.reply, spec.reply.subscriptions
    assert (stats.messages, stats.bytes, stats.next_message, stats.incarnation) == (5, 9, 6, 1)
    assert (sub.ready, sub.delayed, sub.leased, sub.dead, sub.moving, sub.waiting) == (0, 1, 3, 1, 0, 1)
    assert sub.oldest_at == 0
    empty = queue().at(4).when(put(new())).when(INSPECT)
    assert empty.reply.subscriptions[0].oldest_at == 4


def test_ending_very_many_waits_takes_the_same_time_for_each() -> None:
    """None of them is looked at again while another ends: 10,000 once took 4 s."""
    spec = queue()
    for index in range(1_000):
        spec = spec.when(take(wait_ms=90), "w", index)
    spec = spec.when(delete())
    leaving = spec.state.leaving
    after = spec.tick().state.leaving
    assert len(leaving) - len(after) == 200
    kept = set(after.chunks) & set(leaving.chunks)
    assert kept and all(after.chunks[each] is leaving.chunks[each] for each in kept)
