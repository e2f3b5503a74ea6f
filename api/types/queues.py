"""Queues: their settings, shards, subscriptions and rates."""

import time
from collections.abc import Sequence
from enum import Enum
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.selected import selects
from api.spans import closed_span, open_span
from api.types.asof import AsOf
from api.types.scalars import DateTime, Long, Position
from streams.projections.queues.reads import QueueRow, ShardRow, SubscriptionRow


@strawberry.enum
class Overflow(Enum):
    """What an enqueue does where there is no room."""

    REFUSE = "REFUSE"
    DEAD_LETTER_OLDEST = "DEAD_LETTER_OLDEST"


@strawberry.type(description="How a queue behaves. Times in ms; bounds are those of one shard.")
class QueueSettings:
    """Settings. Comes as `domain.queues.settings.QueueSettings`."""

    max_attempts: int = strawberry.field(description="Deliveries of one message before it is a dead letter.")
    lease_ms: int
    backoff_min_ms: int
    backoff_max_ms: int
    backoff_factor: int = strawberry.field(description="Percent: 200 doubles the pause with every attempt.")
    jitter: int = strawberry.field(description="Percent of the pause.")
    dead_letter_queue: str | None = strawberry.field(
        description="Where dead letters are moved; null: they stay, as dead."
    )
    dedup_window_ms: int
    max_depth: int
    max_bytes: Long
    overflow: Overflow
    max_payload_bytes: int
    default_priority: int
    aging_ms: Long
    paused: bool
    broadcast: bool


@strawberry.type(
    description="Over how many shards a queue spreads; `previous` differs while it is being resized."
)
class QueueRoute:
    """A route. Comes as `domain.queues.settings.QueueRoute`."""

    epoch: Long
    shards: int
    previous: int


@strawberry.type(
    description="How many messages are in which state; of a broadcast, once for each subscription."
)
class Depth:
    """Counts. Comes as `reads.Depth`."""

    ready: int
    delayed: int
    leased: int
    dead: int
    moving: int = strawberry.field(description="On their way to another queue.")
    total: int


def _age(root: Parent[QueueRow | SubscriptionRow]) -> Long | None:
    """Return how old the oldest is by this node's clock."""
    return _age_of(root.oldest_ms)


def _age_of(oldest_ms: int | None) -> Long | None:
    return None if oldest_ms is None else Long(max(0, int(time.time() * 1000) - oldest_ms))


OLDEST = "When the oldest message was enqueued that is neither done nor dead; null: none, or `at` was given."
AGE = "How long ago that was."


@strawberry.type(description="One subscription, of a shard or of a queue.")
class QueueSubscription:
    """A subscription. Comes as `reads.SubscriptionRow`."""

    name: str = strawberry.field(description="Empty where the queue is no broadcast.")
    depth: Depth
    waiting: int = strawberry.field(description="Consumers that wait.")
    oldest_ms: DateTime | None = strawberry.field(name="oldest", description=OLDEST)
    oldest_age_ms: Long | None = strawberry.field(resolver=_age, description=AGE)


def _shard_oldest(root: Parent[ShardRow]) -> DateTime | None:
    oldest_ms = _oldest_of(root.subscriptions)
    return None if oldest_ms is None else DateTime(oldest_ms)


def _shard_age(root: Parent[ShardRow]) -> Long | None:
    return _age_of(_oldest_of(root.subscriptions))


def _oldest_of(subscriptions: Sequence[SubscriptionRow]) -> int | None:
    return min([one.oldest_ms for one in subscriptions if one.oldest_ms is not None], default=None)


@strawberry.type(description="One shard of a queue: a part with a partition of its own.")
class QueueShard:
    """A shard. Comes as `reads.ShardRow`."""

    shard: int
    name: str = strawberry.field(description="By which it is placed.")
    partition: int
    incarnation: Long = strawberry.field(description="Tells its messages from those of a queue before it.")
    version: Long
    settings: QueueSettings
    route: QueueRoute
    messages: int
    bytes: Long
    depth: Depth
    waiting: int = strawberry.field(description="Consumers that wait.")
    oldest: DateTime | None = strawberry.field(resolver=_shard_oldest, description=OLDEST)
    oldest_age_ms: Long | None = strawberry.field(resolver=_shard_age, description=AGE)
    subscriptions: list[QueueSubscription] = strawberry.field(description="None if `at` was given.")
    position: Position = strawberry.field(description="The commit that changed it last.")
    changed_ms: DateTime = strawberry.field(name="changedAt")
    created_ms: DateTime | None = strawberry.field(name="createdAt")


@strawberry.type(description="Ten seconds of a queue, all shards together. Percentiles of nothing are null.")
class QueueWindow:
    """A window. Comes as `reads.WindowRow`."""

    start_ms: DateTime = strawberry.field(name="start")
    enqueued: int
    delivered: int
    retried: int = strawberry.field(description="Deliveries of messages that had been delivered before.")
    acked: int
    returned: int
    expired: int
    dead: int
    redriven: int
    purged: int
    wait_p50_ms: float | None = strawberry.field(description="From being ready to being delivered.")
    wait_p95_ms: float | None
    wait_p99_ms: float | None
    work_p50_ms: float | None = strawberry.field(description="From being delivered to being acknowledged.")
    work_p95_ms: float | None
    work_p99_ms: float | None


@strawberry.type(description="Messages a second, all shards together, over whole windows of ten seconds.")
class QueueRates:
    """Rates."""

    since: DateTime
    until: DateTime
    enqueued: float
    delivered: float
    retried: float = strawberry.field(description="Deliveries of messages that had been delivered before.")
    acked: float
    returned: float
    expired: float
    dead: float
    redriven: float
    purged: float


COUNTED = (
    "enqueued", "delivered", "retried", "acked", "returned", "expired", "dead", "redriven", "purged",
)  # fmt: skip


async def _windows(root: Parent[QueueRow], info: Info, last_s: int = 600) -> list[QueueWindow]:
    """Load the newest windows, together with those of all other queues that are asked for."""
    found = await info.context.loaders.queue_windows.load((root.name, *open_span(last_s)))
    return cast("list[QueueWindow]", found)


async def _rates(root: Parent[QueueRow], info: Info, last_s: int = 60) -> QueueRates:
    """Add up the newest windows."""
    from_ms, to_ms = closed_span(last_s)
    found = await info.context.loaders.queue_windows.load((root.name, from_ms, to_ms))
    counts = {name: sum([getattr(one, name) for one in found]) * 1000 / (to_ms - from_ms) for name in COUNTED}
    return QueueRates(since=DateTime(from_ms), until=DateTime(to_ms), **counts)


def selects_whole(info: Info) -> bool:
    """Return whether what is selected of a queue needs its subscriptions, and the ages of their messages."""
    return selects(info, "subscriptions", "oldest", "oldestAgeMs")


async def queue_now(info: Info, name: str) -> "Queue | None":
    """Load a queue, together with all others that are asked for."""
    loaders = info.context.loaders
    if selects_whole(info):
        found = loaders.whole_queues
    elif selects(info, "shards"):
        found = loaders.stored_queues
    else:
        found = loaders.queues
    return cast("Queue | None", await found.load(name))


def _settings(root: Parent[QueueRow]) -> QueueSettings:
    return cast("QueueSettings", root.home.settings)


def _route(root: Parent[QueueRow]) -> QueueRoute:
    return cast("QueueRoute", root.home.route)


@strawberry.type(
    description="A queue: its shards put together. Settings and route are those of its home, shard 0."
)
class Queue:
    """A queue. Comes as `reads.QueueRow`."""

    name: str
    settings: QueueSettings = strawberry.field(resolver=_settings)
    route: QueueRoute = strawberry.field(resolver=_route)
    shards: list[QueueShard] = strawberry.field(
        description="By number; `at` a position, those of its partition alone."
    )
    messages: int = strawberry.field(description="How many are kept; of a broadcast, each once.")
    bytes: Long = strawberry.field(description="Their payloads.")
    depth: Depth = strawberry.field(description="Over all shards and subscriptions.")
    waiting: int = strawberry.field(
        description="Consumers that wait; one that waits on several shards counts on each."
    )
    oldest_ms: DateTime | None = strawberry.field(name="oldest", description=OLDEST)
    oldest_age_ms: Long | None = strawberry.field(resolver=_age, description=AGE)
    subscriptions: list[QueueSubscription] = strawberry.field(
        description="Each over all shards, by name; none if `at` was given."
    )
    as_of: AsOf
    rates: QueueRates = strawberry.field(
        resolver=_rates, description="Of the last `lastS` seconds, 10 to 9,000, as of now."
    )
    windows: list[QueueWindow] = strawberry.field(
        resolver=_windows,
        description="Those of the last `lastS` seconds, 10 to 9,000, newest first; where nothing happened, none.",
    )
