"""What happens to a queue. Standard library only.

All policy is in the events: which messages, when they are due, why. The fold decides nothing. Times are of the
partition's lease clock. A list that would be too long for one event goes on in the next one.
"""

from typing import Literal, TypeAlias

from streams.domain.queues.commands import Header, MoveFailure, Origin
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.value import value

ReturnCause: TypeAlias = Literal["NACKED", "EXPIRED", "WITHDRAWN", "SESSION_ENDED"]
DeathCause: TypeAlias = Literal["ATTEMPTS", "OVERFLOW"]
ReceiveEnd: TypeAlias = Literal["TIMED_OUT", "WITHDRAWN", "ROUTED", "DELETED", "SESSION_ENDED"]


@value
class EnqueuedMessage:
    """A message as it is kept. Its number is the event's `first` and its place."""

    payload: bytes
    group: str | None
    key: str | None
    priority: int
    ready_at: int
    """When it may be delivered first; 0: at once."""
    dedup_id: str | None
    headers: tuple[Header, ...]
    stray: bool
    """True: by the newest route it belongs to another shard; it is here because of what its group has here."""
    origin: Origin | None


@value
class Attempt:
    """Which delivery of a message this is: 1 is the first."""

    message: int
    attempt: int


@value
class Return:
    """A message that is to be delivered again."""

    message: int
    ready_at: int
    """0: at once."""
    attempts: int
    """Deliveries that count."""


@value
class Delay:
    """A message that is not to be delivered yet."""

    message: int
    ready_at: int


@value
class QueueCreated:
    """The shard is there. The event's token is its incarnation: message ids begin with it."""

    incarnation: int
    settings: QueueSettings
    route: QueueRoute


@value
class QueueConfigured:
    """The settings changed."""

    version: int
    settings: QueueSettings


@value
class QueueRouted:
    """The route changed. Messages below `next_message` were enqueued by an older one."""

    route: QueueRoute
    next_message: int
    at: int


@value
class QueueDeleted:
    """The shard is gone, with so many messages."""

    messages: int


@value
class SubscriptionAdded:
    """Messages are kept for one more subscription."""

    subscription: str


@value
class SubscriptionRemoved:
    """A subscription is gone, and what it had not acknowledged."""

    subscription: str
    messages: int


@value
class MessagesEnqueued:
    """Messages came in."""

    principal: str
    client: str
    first: int
    """Number of the first; the others follow."""
    at: int
    messages: tuple[EnqueuedMessage, ...]


@value
class ReceiveStarted:
    """A consumer waits."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    subscription: str
    max_messages: int
    lease_ms: int
    wait_until: int
    session: str = ""
    """Of the node it acts for; '': of none."""


@value
class MessagesDelivered:
    """A consumer leases messages until `expires_at`. `ticket`: the wait that this ends, or None."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int | None
    subscription: str
    incarnation: int
    token: int
    expires_at: int
    messages: tuple[Attempt, ...]
    session: str = ""
    """Of the node it acts for; '': of none."""


@value
class ReceiveEnded:
    """A consumer waits no longer, and got nothing."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    subscription: str
    cause: ReceiveEnd


@value
class MessagesDue:
    """The delay of these is over."""

    subscription: str
    messages: tuple[int, ...]


@value
class MessagesAcked:
    """These are done, and gone."""

    subscription: str
    messages: tuple[int, ...]


@value
class MessagesReturned:
    """Leases ended without an acknowledgement."""

    subscription: str
    cause: ReturnCause
    reason: str
    messages: tuple[Return, ...]


@value
class LeasesExtended:
    """Consumers keep these until `expires_at`."""

    subscription: str
    messages: tuple[int, ...]
    expires_at: int


@value
class MessagesDied:
    """These are dead letters. `to`: on their way to that queue."""

    subscription: str
    cause: DeathCause
    reason: str
    messages: tuple[Attempt, ...]
    to: str | None
    at: int


@value
class MessagesRedriven:
    """Dead letters get new attempts. `to`: in that queue, to which they are on their way."""

    subscription: str
    messages: tuple[int, ...]
    to: str | None
    delayed: tuple[Delay, ...] = ()
    """Those that died before their time came, and wait for it again."""


@value
class MessagesPurged:
    """Removed by hand."""

    subscription: str
    messages: tuple[int, ...]


@value
class MessagesMoved:
    """They are in the other queue, and gone here."""

    subscription: str
    messages: tuple[int, ...]


@value
class MovesFailed:
    """They could not be moved, and are dead letters here."""

    subscription: str
    messages: tuple[MoveFailure, ...]


Event: TypeAlias = (
    QueueCreated
    | QueueConfigured
    | QueueRouted
    | QueueDeleted
    | SubscriptionAdded
    | SubscriptionRemoved
    | MessagesEnqueued
    | ReceiveStarted
    | MessagesDelivered
    | ReceiveEnded
    | MessagesDue
    | MessagesAcked
    | MessagesReturned
    | LeasesExtended
    | MessagesDied
    | MessagesRedriven
    | MessagesPurged
    | MessagesMoved
    | MovesFailed
)
