"""`MovingReads` on PostgreSQL: counted and spanned there, as millions may be on their way."""

from functools import partial
from typing import Final

from storage.postgres.checkpoints import stored_checkpoint
from storage.postgres.deadlocks import despite_deadlocks
from storage.postgres.errors import translated
from storage.postgres.pool import Pool
from storage.postgres.statements import statements
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.ports import OfAnotherRelease
from streams.projections.queues.moving import Moving, MovingRow
from streams.projections.queues.projections import QUEUES
from streams.projections.queues.tables import QUEUE_DELIVERIES, QUEUE_SHARDS, QUEUE_SUBSCRIPTIONS

_READ: Final = (QUEUE_SHARDS, QUEUE_SUBSCRIPTIONS, QUEUE_DELIVERIES)
_MOVING: Final = """
SELECT s.queue, s.shard, d.subscription, d.target, count(*), min(d.number), max(d.number)
FROM tidelock.queue_shards s
JOIN tidelock.queue_subscriptions u ON u.partition = s.partition AND u.incarnation = s.incarnation AND u.moving > 0
JOIN tidelock.queue_deliveries d
  ON d.partition = u.partition AND d.incarnation = u.incarnation AND d.subscription = u.subscription
 AND d.state = 'MOVING'
WHERE s.partition = %s AND s.tenant = %s
GROUP BY s.queue, s.shard, d.subscription, d.target
ORDER BY s.queue, s.shard, d.subscription, d.target
"""


class PostgresMovingReads:
    """Reads beside the projector, in one snapshot."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def moving(self, tenant: str, where: PartitionId) -> Moving:
        """Return what of a tenant is on its way in one partition, and as of where."""
        with translated(f"what is moving in {where}"):
            return await despite_deadlocks(partial(self._moving, tenant, where))

    async def _moving(self, tenant: str, where: PartitionId) -> Moving:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for table in _READ:  # before the snapshot is taken: TRUNCATE heeds none
                await connection.execute(statements(table).share)
            try:
                checkpoint = await stored_checkpoint(connection.cursor(), QUEUES, where)
            except OfAnotherRelease:
                return Moving(START, ())
            if checkpoint == START:
                return Moving(START, ())
            found = await connection.execute(_MOVING, (where.partition, tenant))
            return Moving(checkpoint, tuple([MovingRow(*row) for row in await found.fetchall()]))
