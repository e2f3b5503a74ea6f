"""`MovingReads` over a `MemoryProjectionStore`."""

from storage.memory.projections import MemoryProjectionStore
from streams.log.positions import PartitionId
from streams.projections.queues.moving import Moving, MovingRow
from streams.projections.queues.projections import QUEUES
from streams.projections.queues.tables import QUEUE_DELIVERIES, QUEUE_SHARDS

_TARGET = QUEUE_DELIVERIES.columns.index("target")


class MemoryMovingReads:
    """Counts rows."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        self._store = store

    async def moving(self, tenant: str, where: PartitionId) -> Moving:
        """Return what of a tenant is on its way in one partition, and as of where."""
        loaded = await self._store.load(QUEUES, where)
        shards = {row[4]: (row[2], row[3]) for row in loaded.rows.get(QUEUE_SHARDS, ()) if row[1] == tenant}
        lanes: dict[tuple[str, int, str, str], list[int]] = {}
        for row in loaded.rows.get(QUEUE_DELIVERIES, ()):
            if row[_TARGET] is not None and row[1] in shards:
                lanes.setdefault((*shards[row[1]], row[2], row[_TARGET]), []).append(row[3])
        rows = [MovingRow(*lane, len(of), min(of), max(of)) for lane, of in sorted(lanes.items())]
        return Moving(loaded.checkpoint, tuple(rows))
