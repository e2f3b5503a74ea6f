"""One write of a lane, under way beside its fold."""

import asyncio
import time

from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import ProjectionStore
from streams.projections.projection import Projection
from streams.projections.table import Changes


class Writing:
    """Rows from one checkpoint to another, on their way to the store."""

    task: asyncio.Task[None]

    def __init__(
        self, expected: Checkpoint, reached: Checkpoint, changes: Changes, decisions: int, moved_ms: int = 0
    ) -> None:
        """`moved_ms`: up to which time windows are."""
        self.expected, self.reached, self.moved_ms = expected, reached, moved_ms
        self.changes, self.decisions = changes, decisions
        self.began_s, self.seconds = time.monotonic(), 0.0

    def begin(
        self, store: ProjectionStore, projection: Projection, where: PartitionId, ended: asyncio.Event
    ) -> None:
        """Start it; `ended` is set when it ends, however it does."""
        self.task = asyncio.create_task(
            self._write(store, projection, where), name=f"write {projection.name} {where}"
        )
        self.task.add_done_callback(lambda _: ended.set())

    async def end(self, within_s: float) -> None:
        """Wait for its end, then cut it short. Whether it was written, the store knows."""
        _, late = await asyncio.wait([self.task], timeout=within_s)
        for task in late:
            task.cancel()
            await asyncio.wait([task])

    async def _write(self, store: ProjectionStore, projection: Projection, where: PartitionId) -> None:
        await store.write(projection, where, self.expected, self.reached, self.changes)
        self.seconds = time.monotonic() - self.began_s
