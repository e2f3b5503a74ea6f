"""How the mover's commands reach the queues' owners. All may be sent again without harm; all raise `LaneError`."""

from typing import Protocol

from streams.domain.queues.commands import MoveFailure, NewMessage
from streams.domain.queues.replies import EnqueueResult, MessageBody, PeekedMessage
from streams.domain.queues.settings import QueueRoute
from streams.domain.value import value
from streams.processes.mover.moves import Source


@value
class Page:
    """Messages that are on their way from a source, by rising number, each with what is in it."""

    incarnation: int
    messages: tuple[tuple[PeekedMessage, MessageBody], ...]
    next: int | None
    """Behind which number there may be more; None: there are none."""


@value
class Settled:
    """What became of messages that were on their way to one queue: to be confirmed to their source."""

    to: str
    moved: tuple[int, ...] = ()
    failed: tuple[MoveFailure, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.moved or self.failed)


class QueueLane(Protocol):
    """Sends commands under one tenant."""

    async def peek(self, source: Source, after: int, limit: int) -> Page:
        """Return messages that are MOVING, of numbers above `after`."""

    async def route(self, queue: str, shard: int = 0) -> QueueRoute:
        """Return over which shards a queue spreads, as far as one of them knows."""

    async def tell(self, queue: str, shard: int, route: QueueRoute) -> None:
        """Tell a shard of a route that it does not know yet."""

    async def enqueue(
        self, queue: str, shard: int, epoch: int, messages: tuple[NewMessage, ...]
    ) -> tuple[EnqueueResult, ...]:
        """Put messages into a shard, all or none but for those that belong elsewhere."""

    async def confirm(self, source: Source, incarnation: int, settled: Settled) -> None:
        """Tell a source what became of messages that it had in this incarnation."""
