"""The read models of the kind `queues`, as the catalogue lists them."""

from typing import Final

from streams.projections.audit import audit_of
from streams.projections.projection import Points, Projection
from streams.projections.queues import tables, windows
from streams.projections.queues.fold import QueuesFold

QUEUES: Final = Projection(
    name="queues",
    version=1,
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
    points=Points(tables.QUEUE_WINDOWS, tables.QUEUE_POINTS, windows.merged),
)

AUDIT: Final = audit_of("queues", "queue_audit")
