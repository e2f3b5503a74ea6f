"""The processes' lanes over the client library: its own retries, routes and reconnects."""

from collections.abc import Awaitable
from typing import Any, TypeVar

from streams.domain.locks.commands import AbortWait, WaitEdge
from streams.domain.nodes.commands import EvictInstance, PullBrake, SweepDone
from streams.domain.nodes.names import node_of
from streams.domain.queues.commands import ConfirmMoves, NewMessage
from streams.domain.queues.replies import EnqueueResult
from streams.domain.queues.settings import QueueRoute
from streams.log.positions import PartitionId
from streams.processes.lane import LaneRefused, LaneUnavailable
from streams.processes.mover.moves import Source
from streams.processes.mover.ports import Page, Settled
from streams.processes.sweeper.claims import Claim
from streams.wire.messages import Barrier, EndSession
from tidelock.client.client import Client
from tidelock.client.errors import ConnectionLost, OutcomeUnknown, TidelockError, Unavailable

_T = TypeVar("_T")
PATIENCE_S = 10.0
"""How long the client tries one command, over whatever connections."""
STALE_ROUTE = "STALE_ROUTE"
"""Of what the client counts as unavailable, the answer of a shard that does not take the command by this route."""


class _ClientCommands:
    """Sends commands by one open client, under its tenant."""

    def __init__(self, client: Client, patience_s: float = PATIENCE_S) -> None:
        self._client = client
        self._patience_s = patience_s

    async def barrier(self, where: PartitionId) -> int:
        """Return the number of the partition's next event, as of a moment after this call."""
        reply = await self._asked(where.kind, Barrier(where.kind, where.partition))
        number: int = reply.number
        return number

    async def _asked(self, kind: str, command: object) -> Any:
        return await _answered(self._client.command(kind, command, timeout=self._patience_s))


class ClientLane(_ClientCommands):
    """The detector's lane."""

    async def abort(self, name: str, ticket: int, cycle: tuple[WaitEdge, ...]) -> bool:
        """End the wait `ticket` on the lock `name`; False: it waited no longer."""
        reply = await self._asked("locks", AbortWait(name, ticket, cycle))
        aborted: bool = reply.aborted
        return aborted


class ClientSessionLane(_ClientCommands):
    """The sweeper's lane."""

    async def end(self, where: PartitionId, session: str, cause: str) -> None:
        """Have a partition refuse the session from now on, and let go of what it holds there."""
        await self._asked(where.kind, EndSession(where.kind, where.partition, session, cause))

    async def evict(self, claim: Claim, why: str) -> None:
        """Have an instance leave, if it is still offered under that session."""
        await self._asked("nodes", EvictInstance(claim.service, claim.instance, why, claim.session))

    async def swept(self, session: str, partitions: int) -> bool:
        """Tell the session's node that so many partitions know; False: it knew that."""
        reply = await self._asked("nodes", SweepDone(node_of(session), session, partitions))
        recorded: bool = reply.recorded
        return recorded

    async def pull(self, pull: PullBrake) -> bool:
        """Tell the brake of a mass failure; return whether it is pulled now."""
        reply = await self._asked("nodes", pull)
        pulled: bool = reply.pulled
        return pulled


class ClientQueueLane:
    """The mover's: sends commands by one open client, under its tenant, for as long as that client is patient."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queues = client.queues

    async def peek(self, source: Source, after: int, limit: int) -> Page:
        """Return messages that are MOVING, of numbers above `after`."""
        page, bodies = await _answered(
            self._queues.peek(
                source.queue, shard=source.number, subscription=source.subscription, state="MOVING",
                after=after, limit=limit,
            )
        )  # fmt: skip
        messages = tuple(zip(page.messages, bodies, strict=True))
        return Page(page.incarnation, messages, page.next if page.more else None)

    async def route(self, queue: str, shard: int = 0) -> QueueRoute:
        """Return over which shards a queue spreads, as far as one of them knows."""
        stats = await _answered(self._queues.inspect(queue, shard))
        return stats.route

    async def tell(self, queue: str, shard: int, route: QueueRoute) -> None:
        """Tell a shard of a route that it does not know yet."""
        await _answered(self._queues.route(queue, route, shard))

    async def enqueue(
        self, queue: str, shard: int, epoch: int, messages: tuple[NewMessage, ...]
    ) -> tuple[EnqueueResult, ...]:
        """Put messages into a shard, all or none but for those that belong elsewhere."""
        accepted = await _answered(self._queues.enqueue(queue, messages, shard=shard, epoch=epoch))
        return accepted.results

    async def confirm(self, source: Source, incarnation: int, settled: Settled) -> None:
        """Tell a source what became of messages that it had in this incarnation."""
        command = ConfirmMoves(
            source.queue, source.number, source.subscription, incarnation, settled.moved, settled.failed,
            settled.to,
        )  # fmt: skip
        await _answered(self._client.command("queues", command))


async def _answered(asked: Awaitable[_T]) -> _T:
    """Return the answer. Raises `LaneUnavailable`, `LaneRefused`."""
    try:
        return await asked
    except (ConnectionLost, Unavailable, OutcomeUnknown) as error:
        if error.code == STALE_ROUTE:
            raise LaneRefused(str(error), error.code) from error
        raise LaneUnavailable(str(error)) from error
    except TidelockError as error:
        raise LaneRefused(str(error), error.code, error.retry_after_s) from error
