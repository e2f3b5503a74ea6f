"""The hot copies of all kinds that this node of the API knows."""

from collections.abc import Mapping
from typing import Self

from api.hot.caches import HotCaches
from api.hot.locks import HotLocks
from api.hot.nodes import HotNodes
from api.hot.queues import HotQueues
from api.hot.rows import HotRows
from streams.domain.value import value


@value
class Hot:
    """Where each kind is looked up first; None: it is not known here."""

    locks: HotLocks | None = None
    queues: HotQueues | None = None
    caches: HotCaches | None = None
    nodes: HotNodes | None = None

    @classmethod
    def of(cls, rows: HotRows, partitions: Mapping[str, int]) -> Self:
        """Return those of the kinds that have so many `partitions`."""
        return cls(
            HotLocks(rows) if "locks" in partitions else None,
            HotQueues(rows, partitions["queues"]) if "queues" in partitions else None,
            HotCaches(rows, partitions["caches"]) if "caches" in partitions else None,
            HotNodes(rows, partitions["nodes"]) if "nodes" in partitions else None,
        )
