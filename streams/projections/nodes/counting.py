"""What windows of nodes count: a change at a time, and how all of a tenant's stand."""

from collections.abc import Iterable
from typing import Final

from streams.projections.nodes.draft import Draft, Standings
from streams.projections.nodes.services import Standing
from streams.projections.nodes.values import InstanceWhat, NodeChangeRow, NodeRow, NodeWhat
from streams.projections.nodes.windows import NodeCounts
from streams.projections.table import Row
from streams.projections.tally import Tally
from streams.wire.keys import tenant_of

_NODES: Final[dict[NodeWhat, str]] = {
    "REGISTERED": "registered", "SUSPECTED": "suspected", "DIED": "died", "DRAINED": "drained",
}  # fmt: skip
_INSTANCES: Final[dict[InstanceWhat, str]] = {
    "REGISTERED": "instances_offered", "UNHEALTHY": "instances_failed", "HEALTHY": "instances_recovered",
    "LEFT": "instances_left",
}  # fmt: skip
_NONE: Final = (0,) * len(NodeCounts.measures.gauges)


def count(counts: NodeCounts, change: NodeChangeRow, now_ms: int, before: NodeRow | None) -> None:
    """Count what happened to a node; `before`: as it was."""
    after, what = change.node, change.what
    if what in _NODES:
        counts.count(_NODES[what])
    if what == "DIED" and after.evidence is not None:
        counts.lasted("silences", after.evidence.silent_ms)
    elif what == "LEFT":
        counts.count("evicted" if after.cause == "EVICTED" else "deregistered")
    elif what == "HEARD" and before is not None:
        counts.count("cleared", before.status == "SUSPECTED")
        counts.count("health_changed", before.health != after.health)
    elif what == "SWEPT" and before is not None:
        _count_failover(counts, change.why, before, now_ms)


def _count_failover(counts: NodeCounts, session: str, before: NodeRow, now_ms: int) -> None:
    for each in before.unswept:
        if each.session == session:
            counts.count("failovers")
            counts.lasted("failover_times", now_ms - each.ended_ms)


def count_instance(counts: NodeCounts, what: InstanceWhat) -> None:
    """Count what happened to an instance."""
    if what in _INSTANCES:
        counts.count(_INSTANCES[what])


class Gauges:
    """How all nodes and instances of each tenant in one partition stand."""

    def __init__(self) -> None:
        self._tally = Tally(len(_NONE))

    def begin(self, standings: Standings) -> None:
        """Add up all that was taken back."""
        for key, node in standings.nodes.items():
            self._tally.change(tenant_of(key), _NONE, _of_node(node))
        for key, service in standings.services.items():
            self._tally.change(tenant_of(key), _NONE, _of_service(service))

    def change(self, tenant: str, draft: Draft) -> bool:
        """Note down what a decision changes; return whether anything."""
        changes = [(_of_node(old), _of_node(new)) for old, new in draft.nodes.changed()]
        changes += [(_of_service(old), _of_service(new)) for old, new in draft.services.changed()]
        for before, after in changes:
            self._tally.change(tenant, before, after)
        return any(before != after for before, after in changes)

    def gauges(self, key: Row) -> Row:
        """Return those of a tenant."""
        return self._tally.gauges(key)

    def always(self) -> Iterable[Row]:
        """Return the tenants that have anything: nodes are heard all the time, mostly without a change."""
        return self._tally.always()


def _of_node(node: NodeRow | None) -> Row:
    if node is None:
        return _NONE
    live = node.status != "ENDED"
    return (
        int(node.status == "ALIVE"), int(node.status == "SUSPECTED"), int(not live), int(node.draining),
        int(live and node.health == "WARNING"), int(live and node.health == "CRITICAL"), 0, 0,
    )  # fmt: skip


def _of_service(service: Standing | None) -> Row:
    if service is None:
        return _NONE
    healthy = sum(one.healthy for one in service.instances.values())
    return (*_NONE[:-2], len(service.instances), healthy)
