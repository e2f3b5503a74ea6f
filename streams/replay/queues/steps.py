"""What can happen to a message, one step at a time, each with the decision behind it. Values only."""

from typing import Literal, TypeAlias

from streams.domain.queues.commands import Origin
from streams.domain.value import value
from streams.replay.causes import Cause

What: TypeAlias = Literal[
    "ENQUEUED", "DELIVERED", "EXTENDED", "RETURNED", "DUE", "ACKED", "DIED", "REDRIVEN", "MOVED", "MOVE_FAILED",
    "PURGED", "SUBSCRIPTION_REMOVED", "QUEUE_DELETED",
]  # fmt: skip
ENDS: frozenset[What] = frozenset({"ACKED", "MOVED", "PURGED", "SUBSCRIPTION_REMOVED", "QUEUE_DELETED"})
"""After these, the subscription has the message no more."""


@value
class Place:
    """One message of one shard: for people `<shard>.<incarnation>.<number>`."""

    queue: str
    shard: int
    incarnation: int
    number: int

    @property
    def id(self) -> str:
        """Its id, beside the queue's name."""
        return f"{self.shard}.{self.incarnation}.{self.number}"


@value
class Consumer:
    """To whom a message was delivered."""

    principal: str
    client: str
    handle: str


@value
class Step:
    """One thing that happened to a message."""

    what: What
    place: Place
    cause: Cause
    subscription: str = ""
    attempt: int = 0
    """DELIVERED: which delivery it is. RETURNED, DIED: deliveries that count."""
    token: int = 0
    consumer: Consumer | None = None
    due_lease_ms: int = 0
    """When it may be delivered, or its lease ends; 0: at once."""
    why: str = ""
    """Stable: NACKED, EXPIRED, WITHDRAWN, SESSION_ENDED; ATTEMPTS, OVERFLOW."""
    reason: str = ""
    """What was given as reason."""
    to: str | None = None
    origin: Origin | None = None
    group: str | None = None
    priority: int = 0
    size: int = 0
