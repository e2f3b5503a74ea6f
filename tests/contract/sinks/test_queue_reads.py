"""What every `QueueReads` answers, in memory and on PostgreSQL: of rows that the fold made and the store wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from storage.memory.queues import MemoryQueueReads
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS as READ_SETTINGS
from storage.postgres.reads_queues import PostgresQueueReads
from streams.domain.decider import Rejected
from streams.domain.queues.commands import Header
from streams.domain.queues.events import (
    MessagesDue,
    MessagesPurged,
    MessagesRedriven,
    QueueConfigured,
    QueueDeleted,
    ReceiveStarted,
    SubscriptionAdded,
    SubscriptionRemoved,
)
from streams.domain.queues.settings import QueueRoute
from streams.log.positions import PartitionId, Position
from streams.projections.queues.projections import AUDIT, QUEUES
from streams.projections.queues.reads import (
    BiographyPage,
    Depth,
    MessageFilter,
    MessageRef,
    OriginRow,
    QueueFilter,
    QueueReads,
    StepRow,
    SubscriptionRow,
)
from streams.projections.reads import AuditFilter, RowsForgotten
from tests.contract.sinks.conftest import Database, MemoryDatabase, empty_database, postgres_for_tests
from tests.contract.sinks.filling import fill
from tests.unit.projections.queues.spec import (
    SETTINGS,
    WHERE,
    WORDS,
    acked,
    at,
    commits,
    created,
    delivered,
    did,
    died,
    due,
    enqueued,
    message,
    origin,
    returned,
)
from tests.unit.projections.spec import Moment
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

SHARD = PartitionId("queues", 1)
"""Where `orders#1` lives."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


class World:
    """A store, what reads it, and a way to fill it."""

    def __init__(self, database: Database, reads: QueueReads) -> None:
        self.database, self.reads = database, reads

    async def told(self, *moments: Moment, where: PartitionId = WHERE) -> None:
        for projection in (QUEUES, AUDIT):
            await fill(self.database.store, projection, where, WORDS, commits(*moments))


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest, stack: LocalStack) -> AsyncIterator[World]:
    if request.param == "memory":
        database = MemoryDatabase()
        yield World(database, MemoryQueueReads(database.store))
        return
    async with (
        empty_database(stack) as found,
        pool(str(stack.addresses.postgres), READ_SETTINGS) as connections,
    ):
        yield World(found, PostgresQueueReads(connections))


ANY = MessageFilter()


def ref(number: int, incarnation: int = 1, queue: str = "orders") -> MessageRef:
    return MessageRef(0, queue, 0, incarnation, number)


async def biography(
    world: World, ref: MessageRef, first: int = 9, after: tuple[int, int] | None = None, tenant: str = "dev"
) -> Sequence[StepRow]:
    ((steps,), _) = await world.reads.biographies(tenant, [BiographyPage(ref, first, after)])
    assert not isinstance(steps, RowsForgotten)
    return steps


def position(offset: int) -> Position:
    return Position(WHERE, offset)


BATCH = (
    message(b"one", group="g", headers=(Header("a", "b"),)),
    message(b"two", ready_at=900),
    message(b"three", origin=origin()),
)
FILLED = (
    at(1_000, did(created())),  # offset 2, event 1
    at(2_000, did(enqueued(1, *BATCH))),  # event 2
    at(3_000, did(delivered(3, 1, 3))),
    at(4_000, did(died(3, 1, reason="out of stock"), returned("NACKED", 1, attempts=1, reason="busy"))),
)


async def test_a_queue_is_its_shards_put_together(world: World) -> None:
    await world.told(*FILLED)
    waits = ReceiveStarted("eve", "c", "h", 1, 2, "", 10, 30_000, 99_000)
    other = (
        at(1_500, did(created(), waits, key="dev/orders#1")),
        at(1_600, did(enqueued(1), key="dev/orders#1")),
    )
    await world.told(*other, where=SHARD)
    (queue,) = await world.reads.queues_by_name("dev", ["orders"])
    assert queue is not None
    assert (queue.depth, queue.messages, queue.bytes) == (Depth(2, 1, 0, 1, 0), 4, 16)
    assert (queue.waiting, queue.oldest_ms, queue.home.settings) == (1, 1_600, SETTINGS)
    assert [(one.name, one.partition, one.incarnation) for one in queue.shards] == [
        ("orders", 0, 1), ("orders#1", 1, 1),
    ]  # fmt: skip
    assert queue.home.route == QueueRoute(1, 1, 1)
    assert queue.subscriptions == (SubscriptionRow("", Depth(2, 1, 0, 1, 0), 1, 1_600),)
    assert [(one.partition, one.next_offset, one.time_ms) for one in queue.as_of.stands] == [
        (0, 6, 4_000), (1, 4, 1_600),
    ]  # fmt: skip


async def test_queues_come_by_name_and_as_wanted(world: World) -> None:
    paused = replace(SETTINGS, paused=True)
    await world.told(
        at(0, did(created(1), key="dev/a")),
        at(0, did(created(2, paused), key="dev/ab")),
        at(0, did(created(3), key="dev/b"), did(enqueued(1), delivered(5, 1), died(1), key="dev/b")),
        at(0, did(created(7), key="other/a")),
        at(0, did(created(8), key="dev/c#1")),
    )

    async def names(wanted: QueueFilter, first: int = 9, after: str | None = None) -> list[str]:
        found, _ = await world.reads.queues("dev", wanted, first, after)
        return [queue.name for queue in found]

    assert await names(QueueFilter()) == ["a", "ab", "b"]
    assert await names(QueueFilter(), 1) == ["a", "ab"]
    assert await names(QueueFilter(), 1, "ab") == ["b"]
    assert await names(QueueFilter("a")) == ["a", "ab"]
    assert await names(QueueFilter(paused=True)) == ["ab"]
    assert await names(QueueFilter(dead=True)) == ["b"]
    assert await names(QueueFilter("a", paused=False, dead=False)) == ["a"]
    assert await world.reads.queues_by_name("dev", ["c", "no", "a"]) != [None, None, None]
    assert (await world.reads.queues_by_name("dev", ["c", "no"])) == [None, None]
    assert (await world.reads.queues_by_name("other", ["b"])) == [None]


async def test_queues_come_without_their_subscriptions_where_nobody_asks_for_them(world: World) -> None:
    await world.told(*FILLED)
    ((whole,), _) = await world.reads.queues("dev", QueueFilter(), 9, None)
    bare = replace(whole, shards=tuple(replace(one, subscriptions=()) for one in whole.shards))
    assert bare != whole
    assert list((await world.reads.queues("dev", QueueFilter(), 9, None, whole=False))[0]) == [bare]
    assert list(await world.reads.queues_by_name("dev", ["no", "orders"], whole=False)) == [None, bare]


async def test_messages_come_by_shard_and_number_and_as_wanted(world: World) -> None:
    await world.told(*FILLED)
    await world.told(at(0, did(created(), enqueued(1), key="dev/orders#1")), where=SHARD)

    async def found(wanted: MessageFilter = ANY, first: int = 9, after: Any = None) -> list[Any]:
        rows, _ = await world.reads.messages("dev", "orders", wanted, first, after)
        return [(row.ref.shard, row.ref.number) for row in rows]

    assert await found() == [(0, 1), (0, 2), (0, 3), (1, 1)]
    assert await found(first=1, after=(0, 1)) == [(0, 2), (0, 3)]
    assert await found(after=(0, 3)) == [(1, 1)]
    assert await found(MessageFilter(state="DEAD")) == [(0, 3)]
    assert await found(MessageFilter(state="READY", shard=1)) == [(1, 1)]
    assert await found(MessageFilter(group="g")) == [(0, 1)]
    assert await found(MessageFilter(reason="stock")) == [(0, 3)]
    assert await found(MessageFilter(subscription="nobody")) == []
    assert (await world.reads.messages("other", "orders", MessageFilter(), 9, None))[0] == []


async def test_a_message_is_all_that_was_put_in_and_how_it_stands(world: World) -> None:
    await world.told(*FILLED)
    ((one,), _) = await world.reads.message("dev", ref(1))
    assert (one.state, one.attempts, one.reason, one.token, one.since_ms) == ("READY", 1, "busy", None, 4_000)
    body = one.body
    assert (body.payload, body.group, body.headers, body.client) == (b"one", "g", (("a", "b"),), "a")
    assert (body.enqueued_offset, body.enqueued_ms, body.origin) == (3, 2_000, None)
    assert one.ref.id == "0.1.1"
    ((two,), _) = await world.reads.message("dev", ref(2))
    assert (two.state, two.due_lease_ms, two.due_ms) == ("DELAYED", 900, 2_880)
    ((three,), _) = await world.reads.message("dev", ref(3))
    assert (three.state, three.body.origin) == ("DEAD", OriginRow("old", "old.1.1", "broken", 3))
    assert (await world.reads.message("other", ref(1)))[0] == []
    assert (await world.reads.message("dev", ref(9)))[0] == []


async def test_a_leased_message_says_by_whom(world: World) -> None:
    await world.told(*FILLED[:3])
    ((one,), _) = await world.reads.message("dev", ref(1))
    assert (one.state, one.token, one.principal, one.client, one.handle) == ("LEASED", 3, "eve", "c", "h")


async def test_a_biography_is_all_that_happened_in_order(world: World) -> None:
    await world.told(
        *FILLED,
        at(5_000, due(MessagesDue("", (2,)))),
        at(6_000, did(MessagesRedriven("", (3,), None), client="boss"), did(delivered(8, 3, 2), acked(3, 2))),
    )
    steps = await biography(world, ref(3))
    assert [(one.what, one.attempts, one.client, one.cause, one.reason, one.at_ms) for one in steps] == [
        ("ENQUEUED", 0, "a", None, None, 2_000),
        ("DELIVERED", 1, "c", None, None, 3_000),
        ("DIED", 1, "a", "ATTEMPTS", "out of stock", 4_000),
        ("REDRIVEN", 0, "boss", None, None, 6_000),
        ("DELIVERED", 1, "c", None, None, 6_000),
        ("ACKED", 1, "a", None, None, 6_000),
    ]
    assert steps[0].origin == OriginRow("old", "old.1.1", "broken", 3)
    assert [one.state for one in steps] == ["READY", "LEASED", "DEAD", "READY", "LEASED", None]
    assert (str(steps[1].position), steps[1].token) == ("queues/0@4", 3)
    after = (steps[1].event, steps[1].part)
    assert await biography(world, ref(3), 2, after) == steps[2:5]
    delayed = await biography(world, ref(2))
    assert [(one.what, one.due_ms, one.principal) for one in delayed] == [
        ("ENQUEUED", 2_880, "dev"), ("DUE", None, ""), ("DELIVERED", 35_940, "eve"), ("ACKED", None, "dev"),
    ]  # fmt: skip
    assert await biography(world, ref(3), tenant="other") == []
    pages = [BiographyPage(ref(2), 9), BiographyPage(ref(9), 9), BiographyPage(ref(3), 2, after)]
    several, when = await world.reads.biographies("dev", [*pages, pages[0]])
    assert list(several) == [delayed, [], steps[2:5], delayed]
    assert when.stands[0].next_offset == 8


async def test_the_end_of_a_queue_is_the_end_of_what_was_in_it(world: World) -> None:
    await world.told(
        at(1_000, did(created())),
        at(2_000, did(enqueued(1, message(), message(), message()))),
        at(3_000, did(MessagesPurged("", (2,)))),
        at(4_000, did(QueueDeleted(2), client="boss")),
        at(5_000, did(created(5), enqueued(1))),
    )

    async def told(number: int, incarnation: int = 1) -> list[Any]:
        return [one.what for one in await biography(world, ref(number, incarnation))]

    assert await told(1) == ["ENQUEUED", "DELETED"]
    assert await told(2) == ["ENQUEUED", "PURGED"]
    assert await told(3) == ["ENQUEUED", "DELETED"]
    assert await told(1, 5) == ["ENQUEUED"]
    assert (await world.reads.message("dev", ref(1)))[0] == []


async def test_each_subscription_of_a_broadcast_has_a_life_of_its_own(world: World) -> None:
    broadcast = replace(SETTINGS, broadcast=True)
    await world.told(
        at(0, did(created(1, broadcast), SubscriptionAdded("a"), SubscriptionAdded("b"))),
        at(0, did(enqueued(1))),
        at(0, did(delivered(5, 1, subscription="a"))),
        at(0, did(SubscriptionRemoved("b", 1))),
    )
    found, _ = await world.reads.message("dev", ref(1))
    assert [(one.subscription, one.state) for one in found] == [("a", "LEASED")]
    steps = await biography(world, ref(1))
    assert [(one.subscription, one.what) for one in steps] == [
        ("", "ENQUEUED"),
        ("a", "DELIVERED"),
        ("b", "REMOVED"),
    ]
    for subscription, offset, state in (("a", 4, "LEASED"), ("b", 4, "READY"), ("b", 5, None)):
        then, _ = await world.reads.message_at("dev", ref(1), subscription, position(offset))
        assert then is not None
        assert then.state == state
    (queue,) = await world.reads.queues_by_name("dev", ["orders"])
    assert queue is not None
    assert queue.subscriptions == (SubscriptionRow("a", Depth(leased=1), 0, 0),)


async def test_a_message_of_the_past_stood_where_its_last_step_left_it(world: World) -> None:
    await world.told(*FILLED)
    stood = [(await world.reads.message_at("dev", ref(3), "", position(at_)))[0] for at_ in (2, 3, 4, 5)]
    assert [one and one.state for one in stood] == [None, "READY", "LEASED", "DEAD"]
    then, when = await world.reads.message_at("dev", ref(3), "", 3_999)
    assert then is not None
    assert (then.state, when.moment) == ("LEASED", 3_999)


async def test_a_queue_of_the_past_is_as_its_last_commit_left_it(world: World) -> None:
    paused = replace(SETTINGS, paused=True)
    await world.told(*FILLED, at(5_000, did(QueueConfigured(2, paused))), at(6_000, did(QueueDeleted(3))))
    await world.told(at(2_500, did(created(), enqueued(1), key="dev/orders#1")), where=SHARD)
    assert await world.reads.queue_at("dev", "orders", position(1)) is None
    then = await world.reads.queue_at("dev", "orders", position(4))
    assert then is not None
    assert (then.depth, then.home.settings, len(then.shards)) == (Depth(0, 1, 2, 0, 0), SETTINGS, 1)
    by_time = await world.reads.queue_at("dev", "orders", 5_500)
    assert by_time is not None
    assert [(one.depth.total, one.version, one.settings.paused) for one in by_time.shards] == [
        (3, 2, True), (1, 1, False),
    ]  # fmt: skip
    gone = await world.reads.queue_at("dev", "orders", 6_000)
    assert gone is not None
    assert [one.shard for one in gone.shards] == [1]
    assert await world.reads.queue_at("other", "orders", 5_500) is None


async def test_windows_are_those_of_all_partitions_newest_first(world: World) -> None:
    await world.told(*FILLED, at(15_000, did(MessagesRedriven("", (3,), None))))
    await world.told(at(2_500, did(created(), enqueued(1), key="dev/orders#1")), where=SHARD)
    found = await world.reads.windows("dev", ["orders", "none"], 0, 20_000)
    assert list(found) == ["orders"]
    newest, oldest = found["orders"]
    assert (newest.start_ms, newest.redriven, newest.wait_p50_ms) == (10_000, 1, None)
    assert (oldest.start_ms, oldest.enqueued, oldest.delivered, oldest.dead, oldest.returned) == (
        0,
        4,
        2,
        1,
        1,
    )
    assert oldest.wait_p50_ms == pytest.approx(1_000, rel=0.01)
    assert await world.reads.windows("dev", ["orders"], 0, 10_000) == {"orders": [oldest]}
    assert await world.reads.windows("other", ["orders"], 0, 20_000) == {}


async def test_decisions_are_kept_newest_first(world: World) -> None:
    refused = did(reply=Rejected("QUEUE_FULL", "no room"), client="late")
    await world.told(at(1_000, did(created(), command="CreateQueue")), at(2_000, did(enqueued(1)), refused))
    found, _ = await world.reads.audit("dev", AuditFilter(), 9, None)
    assert [(one.name, one.command, one.outcome, one.events) for one in found] == [
        ("orders", "EnqueueMessages", "QUEUE_FULL", ""),
        ("orders", "EnqueueMessages", "", "MessagesEnqueued"),
        ("orders", "CreateQueue", "", "QueueCreated"),
    ]
    last = found[0]
    rest, _ = await world.reads.audit(
        "dev", AuditFilter(), 1, (last.at_ms, last.partition, last.offset, last.index)
    )
    assert rest == found[1:]
    refusals, _ = await world.reads.audit("dev", AuditFilter(accepted=False, client="late"), 9, None)
    assert refusals == found[:1]
    assert (await world.reads.audit("dev", AuditFilter(name="orders", to_ms=2_000), 9, None))[0] == found[2:]
    assert not (await world.reads.audit("other", AuditFilter(), 9, None))[0]


async def test_how_far_the_projections_are(world: World) -> None:
    await world.told(*FILLED)
    found = [(one.projection, str(one.stand.position)) for one in await world.reads.projected()]
    assert found == [("queue_audit", "queues/0@5"), ("queues", "queues/0@5")]
