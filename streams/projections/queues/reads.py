"""What can be asked of the read models of queues. Adapters: `storage.postgres.reads_queues`,
`storage.memory.queues`.

See `streams.projections.reads`. A queue is one to 64 shards, each of its own partition; an answer puts them together.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from streams.domain.arguments import shard_name
from streams.domain.queues.commands import State
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.value import value
from streams.log.positions import PartitionId, Position
from streams.projections.reads import AsOf, AuditReads, Moment, ProjectedRow, RowsForgotten

KIND = "queues"
MAX_WINDOWS = 1_000
"""So many windows of one queue a read returns at most: the newest."""

What: TypeAlias = Literal[
    "ENQUEUED", "DELIVERED", "EXTENDED", "ACKED", "RETURNED", "DUE", "DIED", "REDRIVEN", "PURGED", "MOVED",
    "MOVE_FAILED", "REMOVED", "DELETED",
]  # fmt: skip
"""What happened to a message. REMOVED: with its subscription; DELETED: with its queue."""


@value
class Depth:
    """How many messages are in which state; of a broadcast, once for each subscription that owes them."""

    ready: int = 0
    delayed: int = 0
    leased: int = 0
    dead: int = 0
    moving: int = 0

    def __add__(self, other: "Depth") -> "Depth":
        return Depth(
            self.ready + other.ready,
            self.delayed + other.delayed,
            self.leased + other.leased,
            self.dead + other.dead,
            self.moving + other.moving,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.ready + self.delayed + self.leased + self.dead + self.moving


@value
class SubscriptionRow:
    """One subscription of a shard, or of a queue; its name is empty where the queue is no broadcast."""

    name: str
    depth: Depth
    waiting: int
    """Consumers that wait."""
    oldest_ms: int | None
    """When the oldest message was enqueued that is neither done nor dead; None: there is none."""


@value
class ShardRow:
    """One shard as a read model has it."""

    partition: int
    queue: str
    shard: int
    incarnation: int
    version: int
    settings: QueueSettings
    route: QueueRoute
    messages: int
    bytes: int
    depth: Depth
    waiting: int
    changed_offset: int
    changed_ms: int
    next_message: int | None = None
    """Of a past shard None, as all that follows."""
    created_ms: int | None = None
    subscriptions: tuple[SubscriptionRow, ...] = ()

    @property
    def name(self) -> str:
        """By which it is placed."""
        return shard_name(self.queue, self.shard)

    @property
    def position(self) -> Position:
        """The commit that changed it last."""
        return Position(PartitionId(KIND, self.partition), self.changed_offset)


@value
class QueueRow:
    """One queue: its shards put together. Settings and route are those of its home, which is shard 0."""

    name: str
    shards: tuple[ShardRow, ...]
    """By number, the home first."""
    as_of: AsOf

    @property
    def home(self) -> ShardRow:
        """Shard 0; at a position, the first shard of that partition."""
        return self.shards[0]

    @property
    def depth(self) -> Depth:
        """Over all shards and subscriptions."""
        return sum([shard.depth for shard in self.shards], Depth())

    @property
    def messages(self) -> int:
        """How many are kept; of a broadcast, each once."""
        return sum([shard.messages for shard in self.shards])

    @property
    def bytes(self) -> int:
        """Their payloads."""
        return sum([shard.bytes for shard in self.shards])

    @property
    def waiting(self) -> int:
        """Consumers that wait; one that waits on several shards counts on each."""
        return sum([shard.waiting for shard in self.shards])

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest message was enqueued that is neither done nor dead; None: none, or of the past."""
        return _least([one.oldest_ms for shard in self.shards for one in shard.subscriptions])

    @property
    def subscriptions(self) -> tuple[SubscriptionRow, ...]:
        """Each over all shards, by name."""
        found: dict[str, SubscriptionRow] = {}
        for one in (one for shard in self.shards for one in shard.subscriptions):
            had = found.get(one.name)
            found[one.name] = one if had is None else _together(had, one)
        return tuple([found[name] for name in sorted(found)])


def _together(one: SubscriptionRow, other: SubscriptionRow) -> SubscriptionRow:
    oldest_ms = _least([one.oldest_ms, other.oldest_ms])
    return SubscriptionRow(one.name, one.depth + other.depth, one.waiting + other.waiting, oldest_ms)


def _least(times: Sequence[int | None]) -> int | None:
    return min([each for each in times if each is not None], default=None)


@value
class MessageRef:
    """One message, for ever. For people: `<shard>.<incarnation>.<number>`."""

    partition: int
    queue: str
    shard: int
    incarnation: int
    number: int

    @property
    def id(self) -> str:
        """What people know it by, within its queue."""
        return f"{self.shard}.{self.incarnation}.{self.number}"


@value
class OriginRow:
    """Where a message was before it was moved here."""

    queue: str
    message: str
    reason: str
    attempts: int
    subscription: str = ""


@value
class BodyRow:
    """What never changes of a message."""

    group: str | None
    key: str | None
    priority: int
    dedup_id: str | None
    headers: tuple[tuple[str, str], ...]
    payload: bytes
    stray: bool
    origin: OriginRow | None
    principal: str
    """Who enqueued it."""
    client: str
    enqueued_offset: int
    enqueued_ms: int


@value
class MessageRow:
    """One message as one subscription has it."""

    ref: MessageRef
    subscription: str
    state: State
    attempts: int
    """Deliveries that count."""
    due_lease_ms: int | None
    """DELAYED: when it may be delivered; LEASED: when the lease ends."""
    due_ms: int | None
    """About when that will be by the broker's clock."""
    token: int | None
    """Of the delivery, while it is LEASED, as what follows."""
    principal: str | None
    client: str | None
    handle: str | None
    reason: str | None
    """Why it failed last."""
    target: str | None
    """MOVING: to this queue."""
    since_ms: int
    """When its state began."""
    changed_offset: int
    body: BodyRow

    @property
    def position(self) -> Position:
        """The commit that changed it last."""
        return Position(PartitionId(KIND, self.ref.partition), self.changed_offset)


@value
class StepRow:
    """One thing that happened to one message."""

    partition: int
    event: int
    part: int
    subscription: str
    """Empty for ENQUEUED, and where the queue is no broadcast."""
    what: What
    attempts: int
    """Deliveries that counted by then; DELIVERED: which delivery it was."""
    due_lease_ms: int | None
    """When it may be delivered, or when its lease ends; None: at once."""
    due_ms: int | None
    token: int | None
    """DELIVERED: of the delivery."""
    principal: str
    """DELIVERED: the consumer; else who asked for it. Empty: nobody, it was due."""
    client: str
    handle: str
    cause: str | None
    reason: str | None
    target: str | None
    origin: OriginRow | None
    offset: int
    at_ms: int

    @property
    def position(self) -> Position:
        """The commit that it is in."""
        return Position(PartitionId(KIND, self.partition), self.offset)

    @property
    def state(self) -> State | None:
        """The state that it left; None: the message is gone."""
        match self.what:
            case "ENQUEUED" | "RETURNED":
                return "READY" if self.due_lease_ms is None else "DELAYED"
            case "DELIVERED" | "EXTENDED":
                return "LEASED"
            case "DUE":
                return "READY"
            case "DIED":
                return "DEAD" if self.target is None else "MOVING"
            case "REDRIVEN":
                return "READY" if self.target is None else "MOVING"
            case "MOVE_FAILED":
                return "DEAD"
            case _:
                return None


@value
class WindowRow:
    """Ten seconds of one queue, over all partitions. Percentiles of nothing are None."""

    queue: str
    start_ms: int
    enqueued: int
    delivered: int
    retried: int
    acked: int
    returned: int
    expired: int
    dead: int
    redriven: int
    purged: int
    wait_p50_ms: float | None
    """From being ready to being delivered."""
    wait_p95_ms: float | None
    wait_p99_ms: float | None
    work_p50_ms: float | None
    """From being delivered to being acknowledged."""
    work_p95_ms: float | None
    work_p99_ms: float | None


@value
class QueueFilter:
    """Which queues a page shows. All that is given must hold."""

    name_prefix: str | None = None
    paused: bool | None = None
    dead: bool | None = None
    """Whether it has dead letters."""


@value
class MessageFilter:
    """Which messages a page shows. All that is given must hold."""

    subscription: str = ""
    state: State | None = None
    """DEAD: the dead letters."""
    group: str | None = None
    reason: str | None = None
    """Only those that failed last for a reason that holds this text."""
    shard: int | None = None


@value
class BiographyPage:
    """Which of what happened to a message: the `first` steps `after` an (event, part)."""

    ref: MessageRef
    first: int
    after: tuple[int, int] | None = None


Biography: TypeAlias = Sequence[StepRow] | RowsForgotten
"""The steps of a message, all or none: it never was. `RowsForgotten`: or it was over before the steps that are kept."""


class QueueReads(AuditReads, Protocol):
    """The read models of queues. Every method raises `ReadsUnavailable` and `ReadTooSlow`.

    Methods that list return one row more than `first` if there is one: then there is a next page. `after` is the key
    of the last row of the page before. What a method returns is of one snapshot.
    """

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is; those without any record are missing."""

    async def queues(
        self, tenant: str, wanted: QueueFilter, first: int, after: str | None, *, whole: bool = True
    ) -> tuple[Sequence[QueueRow], AsOf]:
        """Return queues by name; unless `whole`, without subscriptions and what is told by them. One statement."""

    async def queues_by_name(
        self, tenant: str, names: Sequence[str], *, whole: bool = True
    ) -> Sequence[QueueRow | None]:
        """Return the queues of these names, in that order; None where there is none. `whole`: as of `queues`."""

    async def queue_at(self, tenant: str, name: str, at: Moment) -> QueueRow | None:
        """Return the queue as it was, without its subscriptions; None: there was none. `at` must be projected.

        At a position: only the shards of its partition.
        """

    async def messages(
        self, tenant: str, queue: str, wanted: MessageFilter, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[MessageRow], AsOf]:
        """Return messages that are there, by shard and number. `after`: (shard, number)."""

    async def message(self, tenant: str, ref: MessageRef) -> tuple[Sequence[MessageRow], AsOf]:
        """Return the message once for each subscription that owes it, by name; none: it is gone, or never was."""

    async def message_at(
        self, tenant: str, ref: MessageRef, subscription: str, at: Moment
    ) -> tuple[StepRow | None, AsOf]:
        """Return what had happened to the message last by then (`StepRow.state` tells how it stood); None: nothing.

        `at` must be projected. Raises `RowsForgotten` of what is too long ago, and of a message of which there is
        nothing any more, where steps were forgotten.
        """

    async def biographies(
        self, tenant: str, wanted: Sequence[BiographyPage]
    ) -> tuple[Sequence[Biography], AsOf]:
        """Return what happened to each message, oldest first, in the order of the pages. One statement."""

    async def windows(
        self, tenant: str, queues: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        """Return by queue the windows that begin in this time, newest first. One statement.

        No more than `MAX_WINDOWS` before `to_ms`. A window in which nothing happened is missing.
        """
