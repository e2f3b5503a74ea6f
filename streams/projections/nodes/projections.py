"""The read models of the kind `nodes`, as the catalogue lists them."""

from typing import Final

from streams.domain.nodes.commands import Heartbeat
from streams.domain.nodes.heartbeat import Heartbeats
from streams.projections.audit import audit_of
from streams.projections.nodes import tables
from streams.projections.nodes.fold import NodesFold
from streams.projections.nodes.windows import NodeCounts
from streams.projections.projection import Projection, points_of

NODES: Final = Projection(
    name="nodes",
    version=2,
    kind="nodes",
    tables=(
        tables.NODES,
        tables.NODE_HISTORY,
        tables.SERVICES,
        tables.SERVICE_INSTANCES,
        tables.INSTANCE_HISTORY,
        tables.BRAKES,
        tables.BRAKE_HISTORY,
        tables.NODE_WINDOWS,
    ),
    fold=NodesFold,
    hot=tables.NODES,
    points=points_of(NodeCounts),
)

HEARTBEATS: Final = frozenset({Heartbeat.__name__, Heartbeats.__name__})
"""Commands of which there are some every quarter of a second for ever."""

AUDIT: Final = audit_of("nodes", "node_audit", without=HEARTBEATS)
