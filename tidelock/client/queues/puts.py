"""Puts on their way: what becomes of one, and the lane of a shard, in which they wait for the next command."""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from streams.domain.queues.commands import NewMessage
from streams.domain.value import value
from streams.log.positions import Position
from tidelock.client.errors import TidelockError
from tidelock.client.queues.ids import MessageId

MAX_MESSAGES: Final = 500
MAX_BYTES: Final = 380 * 1024
"""Of messages in one command: a little below 400 KiB, for what surrounds them. The largest message fits."""
OVERHEAD: Final = 48


@value
class Put:
    """A message that is in the queue. `duplicate`: it was before, under the same dedup id."""

    id: MessageId
    duplicate: bool
    position: Position | None
    """The commit that says so."""


OnPut: TypeAlias = Callable[[Put | TidelockError], None]


class PendingPut:
    """A message that has no answer yet, and who is told of it."""

    __slots__ = ("asked_home", "message", "number", "size", "told", "tried", "until_s")

    def __init__(self, message: NewMessage, number: int, until_s: float, told: OnPut) -> None:
        self.message = message
        self.number = number
        self.until_s = until_s
        """Until when its shard is looked for."""
        self.told = told
        self.size = size_of(message)
        self.tried = False
        """It was in a command that was refused as a whole, so others may be to blame."""
        self.asked_home = False
        """Its old shard gave it up."""


def size_of(message: NewMessage) -> int:
    """Return about how many bytes the message has in a command; not fewer."""
    size = len(message.payload) + OVERHEAD
    for text in (message.group, message.key, message.dedup_id):
        size += 4 * len(text) if text else 0
    for header in message.headers:
        size += 4 * (len(header.name) + len(header.value)) + 8
    return size


class Lane:
    """One shard, and what waits to go there."""

    __slots__ = ("most", "puts", "sent", "shard")

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.puts: deque[PendingPut] = deque()
        self.sent: list[PendingPut] = []
        """Under way."""
        self.most = MAX_MESSAGES
        """Messages in the next command: fewer after a refusal, to find the one to blame."""

    def take(self) -> list[PendingPut]:
        """Return what goes into the next command."""
        puts, taken, size = self.puts, list[PendingPut](), 0
        while puts and len(taken) < self.most:
            size += puts[0].size
            if taken and size > MAX_BYTES:
                break
            taken.append(puts.popleft())
        return taken
