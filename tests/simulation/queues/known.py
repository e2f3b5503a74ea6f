"""What the log says of one message, as one subscription of one life of a shard has it. Values only."""

from dataclasses import dataclass
from typing import NamedTuple

from streams.domain.queues import events as e


class Place(NamedTuple):
    """A message as one subscription of one life of a shard has it."""

    key: str
    """Of the shard."""
    incarnation: int
    number: int
    subscription: str = ""


IN_PLAY = frozenset({"READY", "DELAYED", "LEASED"})
BECOMES = {e.MessagesAcked: "ACKED", e.MessagesPurged: "PURGED", e.MessagesDue: "READY"}
UNDONE = IN_PLAY | {"MOVING"}
STANDING = UNDONE | {"DEAD"}


@dataclass(slots=True)
class Known:
    """One message of the log."""

    place: Place
    payload: bytes
    group: str | None
    dedup_id: str | None
    priority: int
    at: int
    state: str
    """READY, DELAYED, LEASED, DEAD, MOVING, or how it ended: ACKED, PURGED, MOVED, DELETED."""
    token: int = 0
    attempt: int = 0
    expires_at: int = 0
    receive: tuple[str, int] = ("", 0)
    """(client, sequence) of the receive that got it last."""
    life: int = 0
    """How often its queue was deleted before it came."""
    redriven: bool = False
    fresh: bool = True
    """It was neither delayed nor a dead letter: its place is that of its number."""

    @property
    def queue(self) -> str:
        """The queue's key; of a broadcast queue, and whose."""
        return queue_of(self.place.key) + self.place.subscription


def claim_of(place: Place) -> str:
    """Return by which name a message is trusted."""
    return ":".join(map(str, place))


def queue_of(key: str) -> str:
    """Return the key of the queue that a shard is of."""
    return key.partition("#")[0]
