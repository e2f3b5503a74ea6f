"""Nodes by name."""

from collections.abc import Mapping, Sequence

from api.hot.rows import HotRows
from streams.projections.nodes.projections import NODES
from streams.projections.nodes.rows import node_of
from streams.projections.nodes.values import NodeRow
from streams.projections.reads import AsOf
from streams.projections.table import Row
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of


class HotNodes:
    """Nodes, as far as the hot copies tell."""

    def __init__(self, rows: HotRows, partitions: int) -> None:
        self._rows, self._partitions = rows, partitions

    async def nodes_by_name(self, tenant: str, names: Sequence[str]) -> Mapping[str, NodeRow | None]:
        """Return nodes by name, None where there is none; of those that are missing the copies cannot tell."""
        keys = {name: (partition_of(key_of(tenant, name), self._partitions), tenant, name) for name in names}
        found = await self._rows.look(NODES, keys.values())
        return {
            name: _node(found.rows[key], AsOf((found.stands[key[0]],))) if key in found.rows else None
            for name, key in keys.items()
            if key[0] in found.stands
        }


def _node(row: Row, as_of: AsOf) -> NodeRow:
    partition, _, *rest = row
    return node_of((partition, *rest), as_of)
