"""What a queue answers. Refusals are `Rejected` (see `rejections`). Standard library only."""

from typing import Final, Literal, TypeAlias

from streams.domain.queues.commands import Header, Origin, State
from streams.domain.queues.events import Attempt
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.value import value

Outcome: TypeAlias = Literal["ENQUEUED", "DUPLICATE", "MOVED"]
ReceiptProblem: TypeAlias = Literal["NOT_LEASED", "NOT_YOURS"]


@value
class QueueOpened:
    """The shard is there; `existed`: it was before."""

    incarnation: int
    version: int
    existed: bool


@value
class QueueChanged:
    """Settings, route or subscriptions are as asked for."""

    version: int
    route: QueueRoute


@value
class QueueRemoved:
    """The shard is gone, with so many messages."""

    messages: int


@value
class EnqueueResult:
    """What became of one message: its number, or the first one's with its `dedup_id`; 0: MOVED, enqueue it at home."""

    message: int
    outcome: Outcome


@value
class MessagesAccepted:
    """One result a message, in order."""

    incarnation: int
    results: tuple[EnqueueResult, ...]


@value
class ReceiveWaiting:
    """The consumer waits; messages are pushed to it."""

    ticket: int


@value
class Delivery:
    """The leased messages; what is in them is attached, in order (`MessageBody`). Empty: none came in time."""

    incarnation: int
    token: int
    expires_at: int
    messages: tuple[Attempt, ...]


@value
class MessageBody:
    """What is in a message: attached to the answers that name it, and logged only once, where it was enqueued."""

    payload: bytes
    group: str | None
    key: str | None
    priority: int
    dedup_id: str | None
    headers: tuple[Header, ...]
    origin: Origin | None
    enqueued_at: int
    """Lease clock."""


GONE: Final = MessageBody(b"", None, None, 0, None, (), None, -1)
"""Attached instead of a body of which nothing is left. No message is of a time before the lease clock's 0."""


@value
class RefusedReceipt:
    """A receipt that holds no longer: its message was acknowledged, returned or delivered anew; or it is another's."""

    message: int
    token: int
    problem: ReceiptProblem


@value
class ReceiptsTaken:
    """How many receipts were good, and which were not. If none was, the command is refused instead."""

    taken: int
    refused: tuple[RefusedReceipt, ...]
    expires_at: int
    """After ExtendLeases, when the leases end now; else 0."""


@value
class ReceiveWithdrawn:
    """What the withdrawn receive had come to."""

    returned: int


@value
class MessagesChosen:
    """What a redrive or purge chose (with `dry_run`: would choose), and whether more may be left."""

    messages: tuple[int, ...]
    more: bool
    next: int
    """After which number to go on. One command looks at 20,000 messages at the most."""


@value
class MovesTaken:
    """How many of the messages were still on their way."""

    taken: int


@value
class PeekedMessage:
    """A message where it stands; its body is attached."""

    message: int
    state: State
    attempts: int
    ready_at: int
    """0: it could be delivered now, as far as time goes."""
    expires_at: int
    """End of its lease; 0: not leased."""
    client: str
    """Who leases it; or empty."""
    reason: str
    """Why it failed last; or empty."""
    to: str | None
    """Where it is on its way to."""


@value
class MessagesPeeked:
    """Messages by rising number, and whether more may be behind them."""

    incarnation: int
    messages: tuple[PeekedMessage, ...]
    more: bool
    next: int
    """After which number to go on. One command looks at 20,000 messages at the most."""


@value
class SubscriptionStats:
    """One subscription of the shard, in numbers."""

    subscription: str
    ready: int
    delayed: int
    leased: int
    dead: int
    moving: int
    waiting: int
    """Consumers that wait."""
    oldest_at: int
    """When the oldest message that is neither done nor dead was enqueued; 0: none."""


@value
class QueueStats:
    """The shard at a point in its log."""

    incarnation: int
    version: int
    settings: QueueSettings
    route: QueueRoute
    messages: int
    bytes: int
    next_message: int
    drained: bool
    """Whether nothing here stands in the way of `previous` becoming `shards`."""
    subscriptions: tuple[SubscriptionStats, ...]


@value
class QueueSwept:
    """The answer of a timer, which nobody reads."""


Reply: TypeAlias = (
    QueueOpened
    | QueueChanged
    | QueueRemoved
    | MessagesAccepted
    | ReceiveWaiting
    | Delivery
    | ReceiptsTaken
    | ReceiveWithdrawn
    | MessagesChosen
    | MovesTaken
    | MessagesPeeked
    | QueueStats
    | QueueSwept
)
