"""A worker that decides queues with the real decider, in memory, by the clock that the test turns."""

from streams.domain.queues.kind import QUEUES
from tests.unit.client.deciding import LEASE_START_MS, Connection, DecidingWorker, let_pass
from tests.unit.client.worker import FakeClock

__all__ = ["LEASE_START_MS", "Connection", "QueueWorker", "let_pass"]


class QueueWorker(DecidingWorker):
    """One owner of all partitions of queues; it says that it serves locks, too."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, (QUEUES,), ("queues", "locks"))

    async def start(self) -> "QueueWorker":
        await self.listen()
        return self
