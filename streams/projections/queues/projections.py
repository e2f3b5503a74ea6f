"""The read models of the kind `queues`, as the catalogue lists them."""

from typing import Final

from streams.projections.audit import audit_of
from streams.projections.projection import Projection, points_of
from streams.projections.queues import tables
from streams.projections.queues.fold import QueuesFold
from streams.projections.queues.windows import QueueCounts

QUEUES: Final = Projection(
    name="queues",
    version=2,
    kind="queues",
    tables=(
        tables.QUEUE_SHARDS,
        tables.QUEUE_SUBSCRIPTIONS,
        tables.QUEUE_MESSAGES,
        tables.QUEUE_DELIVERIES,
        tables.MESSAGE_HISTORY,
        tables.QUEUE_HISTORY,
        tables.QUEUE_WINDOWS,
    ),
    fold=QueuesFold,
    hot=tables.QUEUE_SHARDS,
    points=points_of(QueueCounts),
)

AUDIT: Final = audit_of("queues", "queue_audit")
