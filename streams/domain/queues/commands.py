"""What a shard of a queue is asked. Standard library only.

`queue` is its name, without `#`. A receipt is a message's number in the shard, and the token of one delivery of it.
"""

from typing import Literal, TypeAlias

from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.value import value

State: TypeAlias = Literal["READY", "DELAYED", "LEASED", "DEAD", "MOVING"]
"""Messages that wait for an earlier one of their group count as READY."""


@value
class Header:
    """A word that travels with a message."""

    name: str
    value: str


@value
class Origin:
    """Where a message was before it was moved here."""

    queue: str
    message: str
    """Its id there."""
    reason: str
    attempts: int
    subscription: str = ""
    """Whose dead letter it was, in a broadcast queue."""
    hops: int = 0
    """How often it was moved since it was put or redriven, up to 8."""


@value
class NewMessage:
    """A message to be enqueued."""

    payload: bytes
    """Up to the queue's limit, which is 128 KiB at most: put larger ones elsewhere and enqueue a reference."""
    group: str | None
    """Messages of a group are delivered one after the other, in the order in which they were enqueued."""
    key: str | None
    """What decides the shard of a message without group."""
    priority: int
    """0 to 9; -1: the queue's default."""
    delay_ms: int
    """Not delivered earlier; up to 366 days."""
    dedup_id: str | None
    headers: tuple[Header, ...]
    home: int
    """The shard where it belongs by the route that the producer knows."""
    origin: Origin | None

    @property
    def routing_key(self) -> str | None:
        """What decides its shard; None: nothing, every shard is as good."""
        return self.group or self.key or self.dedup_id


@value
class Receipt:
    """One delivery of one message."""

    message: int
    token: int


@value
class MoveFailure:
    """Why a message could not be moved."""

    message: int
    reason: str


@value
class CreateQueue:
    """Make the shard. If it is there with the same settings and route, that is fine."""

    queue: str
    shard: int
    settings: QueueSettings
    route: QueueRoute


@value
class ConfigureQueue:
    """Replace the settings. `version`: only if they are still of this one; 0: whatever they are."""

    queue: str
    shard: int
    settings: QueueSettings
    version: int


@value
class RouteQueue:
    """Change over how many shards the queue spreads. Refused unless the epoch is greater than the known one."""

    queue: str
    shard: int
    route: QueueRoute


@value
class DeleteQueue:
    """Remove the shard; with `force`, whatever it still holds."""

    queue: str
    shard: int
    force: bool


@value
class AddSubscription:
    """Have a broadcast queue keep messages for one more subscription, from now on. Idempotent."""

    queue: str
    shard: int
    subscription: str


@value
class RemoveSubscription:
    """Forget a subscription and what it has not acknowledged. Idempotent."""

    queue: str
    shard: int
    subscription: str
    force: bool = False
    """True: also its dead letters, and those that are on their way to another queue."""


@value
class EnqueueMessages:
    """Put messages in, in order, all or none but for those that belong to another shard (MOVED)."""

    queue: str
    shard: int
    epoch: int
    """Of the route by which the shard was found; 0: of whoever does not care for shards (one shard only)."""
    messages: tuple[NewMessage, ...]
    """1 to 500, 400 KiB in all."""


@value
class ReceiveMessages:
    """Lease up to so many messages, at once or after up to `wait_ms`. The answer has at least one, or none in time."""

    queue: str
    shard: int
    subscription: str
    """Empty but for broadcast queues."""
    max_messages: int
    """1 to 500."""
    wait_ms: int
    """Up to 24 h; 0 only looks."""
    lease_ms: int
    """0: the queue's."""


@value
class WithdrawReceive:
    """Undo what the requester's receive `receive_sequence` did or may still do. What it got returns: no attempt."""

    queue: str
    shard: int
    subscription: str
    receive_sequence: int


@value
class AckMessages:
    """Done: these never come back."""

    queue: str
    shard: int
    subscription: str
    receipts: tuple[Receipt, ...]
    """1 to 500."""


@value
class NackMessages:
    """Not done: to be delivered again, after the backoff or `delay_ms`, or dead after the last attempt."""

    queue: str
    shard: int
    subscription: str
    receipts: tuple[Receipt, ...]
    delay_ms: int
    """-1: the queue's backoff."""
    reason: str
    """Kept with the message; up to 500 characters."""
    returned: bool
    """True: they were not worked on (a consumer that stops); at once, and no attempt."""


@value
class ExtendLeases:
    """Keep messages for longer: `lease_ms` from now."""

    queue: str
    shard: int
    subscription: str
    receipts: tuple[Receipt, ...]
    lease_ms: int
    """0: the queue's."""


@value
class RedriveMessages:
    """Give dead letters new attempts, oldest first: here, or in the queue `to`."""

    queue: str
    shard: int
    subscription: str
    messages: tuple[int, ...]
    """Only these; empty: whatever else fits."""
    group: str | None
    reason: str | None
    """Only those whose reason holds this text."""
    to: str | None
    limit: int
    """1 to 500; the answer says whether more are left, and after which to go on."""
    dry_run: bool
    after: int = 0
    """Only those of greater numbers."""


@value
class PurgeMessages:
    """Remove messages, oldest first; never those that are leased."""

    queue: str
    shard: int
    subscription: str
    state: State
    """READY, DELAYED or DEAD."""
    limit: int
    """1 to 5,000; the answer says whether more are left, and after which to go on."""
    after: int = 0
    """Only those of greater numbers."""


@value
class ConfirmMoves:
    """The mover's: these are in the other queue (or cannot be). Those that are not here any more are passed over."""

    queue: str
    shard: int
    subscription: str
    incarnation: int
    """Of the shard where they were on their way. Of one that was made anew they are not: nothing is taken."""
    moved: tuple[int, ...]
    failed: tuple[MoveFailure, ...]
    to: str | None = None
    """Only those that are on their way to this queue: who comes late does not end a later move. None: whichever."""


@value
class PeekMessages:
    """Look at messages without leasing them, by rising number."""

    queue: str
    shard: int
    subscription: str
    state: State | None
    after: int
    limit: int
    """1 to 100."""


@value
class InspectQueue:
    """Read the shard at a point in its log: settings, route, counts."""

    queue: str
    shard: int


Command: TypeAlias = (
    CreateQueue
    | ConfigureQueue
    | RouteQueue
    | DeleteQueue
    | AddSubscription
    | RemoveSubscription
    | EnqueueMessages
    | ReceiveMessages
    | WithdrawReceive
    | AckMessages
    | NackMessages
    | ExtendLeases
    | RedriveMessages
    | PurgeMessages
    | ConfirmMoves
    | PeekMessages
    | InspectQueue
)
