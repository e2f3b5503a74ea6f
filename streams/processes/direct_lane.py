"""`CommandLane` over the client library: its own retries, routes and reconnects."""

from typing import Any

from streams.domain.locks.commands import AbortWait, WaitEdge
from streams.log.positions import PartitionId
from streams.processes.lane import LaneRefused, LaneUnavailable
from streams.wire.messages import Barrier
from tidelock.client.client import Client
from tidelock.client.errors import ConnectionLost, OutcomeUnknown, TidelockError, Unavailable

PATIENCE_S = 10.0
"""How long the client tries one command, over whatever connections."""


class ClientLane:
    """Sends commands by one open client, under its tenant."""

    def __init__(self, client: Client, patience_s: float = PATIENCE_S) -> None:
        self._client = client
        self._patience_s = patience_s

    async def barrier(self, where: PartitionId) -> int:
        """Return the number of the partition's next event, as of a moment after this call."""
        reply = await self._asked(where.kind, Barrier(where.kind, where.partition))
        number: int = reply.number
        return number

    async def abort(self, name: str, ticket: int, cycle: tuple[WaitEdge, ...]) -> bool:
        """End the wait `ticket` on the lock `name`; False: it waited no longer."""
        reply = await self._asked("locks", AbortWait(name, ticket, cycle))
        aborted: bool = reply.aborted
        return aborted

    async def _asked(self, kind: str, command: Barrier | AbortWait) -> Any:
        try:
            return await self._client.command(kind, command, timeout=self._patience_s)
        except (ConnectionLost, Unavailable, OutcomeUnknown) as error:
            raise LaneUnavailable(str(error)) from error
        except TidelockError as error:
            raise LaneRefused(f"{type(command).__name__}: {error}") from error
