"""`NodeReads` over a `MemoryProjectionStore`: for pure tests and single-process use. It looks at all rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from storage.memory.projections import MemoryProjectionStore
from storage.memory.reads import MemoryReads, by_then
from streams.domain.nodes.names import node_of
from streams.log.positions import PartitionId, Position
from streams.projections.nodes import rows as rows_of
from streams.projections.nodes.projections import AUDIT, NODES
from streams.projections.nodes.reads import HistoryPage, NodeFilter, ServiceFilter
from streams.projections.nodes.stood import ServiceStood, standing_of
from streams.projections.nodes.tables import (
    BRAKE_HISTORY,
    BRAKE_STATE,
    BRAKES,
    INSTANCE_HISTORY,
    INSTANCE_STATE,
    NODE_HISTORY,
    NODE_STATE,
    SERVICE_INSTANCES,
    SERVICES,
)
from streams.projections.nodes.tables import NODES as NODES_TABLE
from streams.projections.nodes.values import (
    BrakeChangeRow,
    BrakeRow,
    InstanceChangeRow,
    InstanceRow,
    NodeChangeRow,
    NodeRow,
    ServiceRow,
)
from streams.projections.reads import AsOf, Moment
from streams.projections.table import Row, Table

Named = Mapping[str, Any]
_NODE = ("partition", "name", *NODE_STATE.names)
_SERVICE = SERVICES.columns[0:1] + SERVICES.columns[2:-1]
_INSTANCE = ("partition", "service", "instance", *INSTANCE_STATE.names)
_BRAKE = ("partition", *BRAKE_STATE.names)
_order = itemgetter("changed_offset", "event")
_order_in_service = itemgetter("changed_offset", "event", "part")


class MemoryNodeReads(MemoryReads):
    """Reads of nodes."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        super().__init__(store, NODES, AUDIT)

    async def nodes(
        self, tenant: str, wanted: NodeFilter, first: int, after: str | None
    ) -> tuple[Sequence[NodeRow], AsOf]:
        """Return nodes by name."""
        when = await self._as_of()
        found = [rows_of.node_of(_picked(row, _NODE), when) for row in self._of(NODES_TABLE, tenant)]
        page = [one for one in found if one.name > (after or "") and _fits(one, wanted)]
        return sorted(page, key=lambda one: one.name)[: first + 1], when

    async def nodes_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[NodeRow | None]:
        """Return the nodes of these names, in that order."""
        when = await self._as_of()
        rows = {row["name"]: _picked(row, _NODE) for row in self._of(NODES_TABLE, tenant)}
        return [rows_of.node_of(rows[name], when) if name in rows else None for name in names]

    async def node_at(self, tenant: str, name: str, at: Moment) -> NodeRow | None:
        """Return the node as it was."""
        self._kept("history of nodes", at, NODE_HISTORY)
        rows = self._then(self._of(NODE_HISTORY, tenant, name=name), at)
        if not rows or rows[-1]["what"] == "FORGOTTEN":
            return None
        return rows_of.node_of(_picked(rows[-1], _NODE), AsOf((await self._as_of()).stands, at))

    async def node_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[NodeChangeRow]], AsOf]:
        """Return what happened to each node, newest first."""
        return [self._of_node(tenant, each) for each in wanted], await self._as_of()

    def _of_node(self, tenant: str, wanted: HistoryPage) -> list[NodeChangeRow]:
        told = ("what", "by_", "why", *_NODE)
        rows = self._of(NODE_HISTORY, tenant, name=wanted.name)
        page = _page(rows, _order, wanted.first, wanted.after)
        return [rows_of.node_change_of(_with_until(row, told, rows)) for row in page]

    async def services(
        self, tenant: str, wanted: ServiceFilter, first: int, after: str | None
    ) -> tuple[Sequence[ServiceRow], AsOf]:
        """Return services by name."""
        when = await self._as_of()
        found = [row for row in self._of(SERVICES, tenant) if row["name"] > (after or "")]
        page = [row for row in found if self._offers(tenant, row["name"], wanted)]
        services = [rows_of.service_of(_picked(row, _SERVICE), when) for row in page]
        return sorted(services, key=lambda one: one.name)[: first + 1], when

    async def services_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[ServiceRow | None]:
        """Return the services of these names with their instances, in that order."""
        when = await self._as_of()
        rows = {row["name"]: _picked(row, _SERVICE) for row in self._of(SERVICES, tenant)}
        return [
            rows_of.service_of(rows[name], when, self._instances(tenant, name)) if name in rows else None
            for name in names
        ]

    async def service_at(self, tenant: str, name: str, at: Moment) -> ServiceRow | None:
        """Return the service as it was."""
        self._kept("history of services", at, INSTANCE_HISTORY)
        rows = self._then(self._of(INSTANCE_HISTORY, tenant, service=name), at)
        when = AsOf((await self._as_of()).stands, at)
        told = ("part", "what", "cause", "why", "spell", "keyframe", *_INSTANCE)
        changes = [rows_of.instance_change_of((*_picked(row, told), None, None)) for row in rows]
        return rows_of.service_then(name, changes, when)

    async def service_stood(
        self, tenant: str, name: str, where: PartitionId, before: int | None
    ) -> ServiceStood:
        """Return the service as far as it is projected; with `before`, no further than before that offset."""
        stands = {stand.partition: stand for stand in (await self._as_of()).stands}
        stand = stands.get(where.partition)
        known = 0 if stand is None else stand.next_offset
        at = known if before is None else min(known, before)
        (row,) = await self.services_by_name(tenant, [name])
        stands_since = row is not None and row.changed_offset < at
        if at < known and not stands_since:  # else history is not asked: it may have forgotten
            row = await self.service_at(tenant, name, Position(where, at - 1))
        return ServiceStood(at, 0 if stand is None else stand.time_ms, standing_of(row))

    async def service_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[InstanceChangeRow]], AsOf]:
        """Return what happened to each service's instances, newest first."""
        return [self._of_service(tenant, each) for each in wanted], await self._as_of()

    def _of_service(self, tenant: str, wanted: HistoryPage) -> list[InstanceChangeRow]:
        told = ("part", "what", "cause", "why", "spell", "keyframe", *_INSTANCE)
        rows = self._of(INSTANCE_HISTORY, tenant, service=wanted.name)
        page = _page(rows, _order_in_service, wanted.first, wanted.after)
        return [
            rows_of.instance_change_of(
                _with_until(row, told, [one for one in rows if one["instance"] == row["instance"]])
            )
            for row in page
        ]

    async def brake(self, tenant: str) -> tuple[BrakeRow | None, AsOf]:
        """Return the brake."""
        when = await self._as_of()
        rows = [rows_of.brake_of(_picked(row, _BRAKE), when) for row in self._of(BRAKES, tenant)]
        return (rows[0] if rows else None), when

    async def brake_at(self, tenant: str, at: Moment) -> tuple[BrakeRow | None, AsOf]:
        """Return the brake as it was."""
        self._kept("history of the brake", at, BRAKE_HISTORY)
        when = AsOf((await self._as_of()).stands, at)
        rows = self._then(self._of(BRAKE_HISTORY, tenant), at)
        return (rows_of.brake_of(_picked(rows[-1], _BRAKE), when) if rows else None), when

    async def brake_history(
        self, tenant: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[BrakeChangeRow], AsOf]:
        """Return what happened to the brake, newest first."""
        rows = self._of(BRAKE_HISTORY, tenant)
        told = ("what", "by_", "why", *_BRAKE)
        page = _page(rows, _order, first, after)
        return [rows_of.brake_change_of(_with_until(row, told, rows)) for row in page], await self._as_of()

    def _of(self, table: Table, tenant: str, **wanted: str) -> list[dict[str, Any]]:
        rows = [row for row in self._rows(table) if row["tenant"] == tenant]
        return [row for row in rows if all(row[column] == each for column, each in wanted.items())]

    def _then(self, rows: Iterable[Named], at: Moment) -> list[Named]:
        found = [row for row in rows if by_then(row, at, "changed_offset", "changed_ms")]
        return sorted(found, key=_order_in_service if found and "part" in found[0] else _order)

    def _instances(self, tenant: str, service: str) -> list[InstanceRow]:
        rows = self._of(SERVICE_INSTANCES, tenant, service=service)
        found = [rows_of.instance_of(_picked(row, _INSTANCE)) for row in rows]
        return sorted(found, key=lambda one: one.instance)

    def _offers(self, tenant: str, name: str, wanted: ServiceFilter) -> bool:
        if not name.startswith(wanted.name_prefix or ""):
            return False
        instances = self._instances(tenant, name)
        if wanted.node is not None and wanted.node not in {node_of(one.session) for one in instances}:
            return False
        able = any(one.healthy and not one.draining for one in instances)
        return wanted.healthy is None or wanted.healthy == able


def _picked(row: Named, columns: Iterable[str]) -> Row:
    return tuple([row[column] for column in columns])


def _page(
    rows: Iterable[Named], order: Callable[[Named], Any], first: int, after: tuple[int, ...] | None
) -> list[Named]:
    found = [row for row in rows if after is None or order(row) < after]
    return sorted(found, key=order, reverse=True)[: first + 1]


def _with_until(row: Named, columns: Iterable[str], rows: Iterable[Named]) -> Row:
    """Return the columns of a row, and where and when the next one of the same is."""
    later = sorted([one for one in rows if _order(one) > _order(row)], key=_order)
    until = (later[0]["changed_offset"], later[0]["changed_ms"]) if later else (None, None)
    return (*_picked(row, columns), *until)


def _fits(node: NodeRow, wanted: NodeFilter) -> bool:
    told = (node.status, node.health, node.draining, node.zone)
    asked = (wanted.status, wanted.health, wanted.draining, wanted.zone)
    if any(wish not in (None, each) for each, wish in zip(told, asked, strict=True)):
        return False
    labels = {label.name: label.value for label in node.labels}
    has = all(labels.get(name) == said for name, said in wanted.labels.items())
    return has and node.name.startswith(wanted.name_prefix or "")
