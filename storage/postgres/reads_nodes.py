"""`NodeReads` on PostgreSQL: one statement a question, so that it has one snapshot."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, LiteralString

from storage.postgres import reads_nodes_sql as sql
from storage.postgres.asking import MAX_LONG, above, moment
from storage.postgres.pool import Connections
from storage.postgres.reads_kind import PostgresReads
from streams.log.positions import PartitionId, Position
from streams.projections.nodes import rows as rows_of
from streams.projections.nodes.reads import HistoryPage, NodeFilter, ServiceFilter
from streams.projections.nodes.stood import ServiceStood, standing_of
from streams.projections.nodes.values import (
    KIND,
    BrakeChangeRow,
    BrakeRow,
    InstanceChangeRow,
    NodeChangeRow,
    NodeRow,
    ServiceRow,
)
from streams.projections.reads import AsOf, Moment

NODES: Final = "nodes"
HISTORY: Final = "history of nodes"
SERVICES: Final = "history of services"
BRAKE_HISTORY: Final = "history of the brake"
AUDIT: Final = "node_audit"
NEWEST: Final = (MAX_LONG, MAX_LONG)


class PostgresNodeReads(PostgresReads):
    """Reads of nodes."""

    def __init__(self, pool: Connections) -> None:
        super().__init__(pool, KIND, AUDIT)

    async def nodes(
        self, tenant: str, wanted: NodeFilter, first: int, after: str | None
    ) -> tuple[Sequence[NodeRow], AsOf]:
        """Return nodes by name."""
        conditions, given = _of_nodes(wanted)
        given |= {"tenant": tenant, "after": after or "", "limit": first + 1}
        rows, when = await self._asking.listed(sql.nodes(conditions), NODES, given)
        return [rows_of.node_of(row[:-1], when) for row in rows], when

    async def nodes_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[NodeRow | None]:
        """Return the nodes of these names, in that order."""
        given = {"tenant": tenant, "names": list(names)}
        rows, when = await self._asking.listed(sql.NODES_BY_NAME, NODES, given)
        found = {row[1]: rows_of.node_of(row[:-1], when) for row in rows}
        return [found.get(name) for name in names]

    async def node_at(self, tenant: str, name: str, at: Moment) -> NodeRow | None:
        """Return the node as it was."""
        given = {"tenant": tenant, "name": name, **moment(at)}
        statement = sql.NODE_AT_OFFSET if isinstance(at, Position) else sql.NODE_AT_TIME
        rows, when = await self._asking.stood(statement, NODES, given, HISTORY)
        there = [row for row in rows if row[-2] != "FORGOTTEN"]
        return rows_of.node_of(there[0][:-2], AsOf(when.stands, at)) if there else None

    async def node_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[NodeChangeRow]], AsOf]:
        """Return what happened to each node, newest first."""
        rows, when = await self._asking.listed(sql.NODE_HISTORIES, NODES, _pages(tenant, wanted))
        found: list[list[NodeChangeRow]] = [[] for _ in wanted]
        for place, *row, _ in rows:
            found[place - 1].append(rows_of.node_change_of(tuple(row)))
        return found, when

    async def services(
        self, tenant: str, wanted: ServiceFilter, first: int, after: str | None
    ) -> tuple[Sequence[ServiceRow], AsOf]:
        """Return services by name."""
        conditions, given = _of_services(wanted)
        given |= {"tenant": tenant, "after": after or "", "limit": first + 1}
        rows, when = await self._asking.listed(sql.services(conditions), NODES, given)
        return [rows_of.service_of(row[:-1], when) for row in rows], when

    async def services_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[ServiceRow | None]:
        """Return the services of these names with their instances, in that order."""
        given = {"tenant": tenant, "names": list(names)}
        rows, when = await self._asking.listed(sql.SERVICES_BY_NAME, NODES, given)
        found = _services(rows, when)
        return [found.get(name) for name in names]

    async def service_at(self, tenant: str, name: str, at: Moment) -> ServiceRow | None:
        """Return the service as it was."""
        given = {"tenant": tenant, "service": name, **moment(at)}
        statement = sql.SERVICE_AT_OFFSET if isinstance(at, Position) else sql.SERVICE_AT_TIME
        rows, when = await self._asking.stood(statement, NODES, given, SERVICES)
        changes = [rows_of.instance_change_of((*row[:-1], None, None)) for row in rows]
        return rows_of.service_then(name, changes, AsOf(when.stands, at))

    async def service_stood(
        self, tenant: str, name: str, where: PartitionId, before: int | None
    ) -> ServiceStood:
        """Return the service as far as it is projected; with `before`, no further than before that offset."""
        rows, when = await self._asking.listed(
            sql.SERVICES_BY_NAME, NODES, {"tenant": tenant, "names": [name]}
        )
        stand = next((one for one in when.stands if one.partition == where.partition), None)
        known, time_ms = (0, 0) if stand is None else (stand.next_offset, stand.time_ms)
        row = _services(rows, when).get(name)
        if before is None or known <= before:
            return ServiceStood(known, time_ms, standing_of(row))
        stands_since = row is not None and row.changed_offset < before
        if not stands_since:  # else history is not asked: it may have forgotten
            row = await self.service_at(tenant, name, Position(where, before - 1))
        return ServiceStood(before, time_ms, standing_of(row))

    async def service_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[InstanceChangeRow]], AsOf]:
        """Return what happened to each service's instances, newest first."""
        rows, when = await self._asking.listed(sql.SERVICE_HISTORIES, NODES, _pages(tenant, wanted))
        found: list[list[InstanceChangeRow]] = [[] for _ in wanted]
        for place, *row, _ in rows:
            found[place - 1].append(rows_of.instance_change_of(tuple(row)))
        return found, when

    async def brake(self, tenant: str) -> tuple[BrakeRow | None, AsOf]:
        """Return the brake."""
        rows, when = await self._asking.listed(sql.BRAKE_NOW, NODES, {"tenant": tenant})
        return (rows_of.brake_of(rows[0][:-1], when) if rows else None), when

    async def brake_at(self, tenant: str, at: Moment) -> tuple[BrakeRow | None, AsOf]:
        """Return the brake as it was."""
        statement = sql.BRAKE_AT_OFFSET if isinstance(at, Position) else sql.BRAKE_AT_TIME
        given = {"tenant": tenant, **moment(at)}
        rows, when = await self._asking.stood(statement, NODES, given, BRAKE_HISTORY)
        when = AsOf(when.stands, at)
        return (rows_of.brake_of(rows[0][:-1], when) if rows else None), when

    async def brake_history(
        self, tenant: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[BrakeChangeRow], AsOf]:
        """Return what happened to the brake, newest first."""
        offset, event = after or NEWEST
        given = {"tenant": tenant, "offset": offset, "event": event, "limit": first + 1}
        rows, when = await self._asking.listed(sql.BRAKE_HISTORY, NODES, given)
        return [rows_of.brake_change_of(row[:-1]) for row in rows], when


def _services(rows: Iterable[Any], when: AsOf) -> dict[str, ServiceRow]:
    """Return services by name, of rows of one instance each."""
    found: dict[str, ServiceRow] = {}
    for name, of_one in groupby(rows, itemgetter(1)):
        first, *others = of_one
        instances = [rows_of.instance_of(row[sql.SERVICE_COLUMNS : -1]) for row in (first, *others)]
        found[name] = rows_of.service_of(first[: sql.SERVICE_COLUMNS], when, instances)
    return found


def _pages(tenant: str, wanted: Sequence[HistoryPage]) -> dict[str, Any]:
    after = [(*(each.after or NEWEST), 0)[:3] for each in wanted]
    return {
        "tenant": tenant,
        "names": [each.name for each in wanted],
        "offsets": [each[0] for each in after],
        "events": [each[1] for each in after],
        "parts": [each[2] for each in after],
        "limits": [each.first + 1 for each in wanted],
    }


def _of_nodes(wanted: NodeFilter) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = ""
    given: dict[str, Any] = {}
    conditions: tuple[tuple[LiteralString, LiteralString, object], ...] = (
        (sql.STATUS, "status", wanted.status),
        (sql.HEALTH, "health", wanted.health),
        (sql.DRAINING, "draining", wanted.draining),
        (sql.ZONE, "zone", wanted.zone),
        (sql.LABELS, "labels", json.dumps(dict(wanted.labels)) if wanted.labels else None),
    )
    for condition, key, wish in conditions:
        if wish is not None:
            text += condition
            given[key] = wish
    return _by_prefix(text, given, wanted.name_prefix)


def _of_services(wanted: ServiceFilter) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = ""
    given: dict[str, Any] = {}
    if wanted.healthy is not None:
        text += sql.HEALTHY
        given["healthy"] = wanted.healthy
    if wanted.node is not None:
        text += sql.OF_NODE
        given |= {"node": f"{wanted.node}:", "above_node": above(f"{wanted.node}:")}
    return _by_prefix(text, given, wanted.name_prefix)


def _by_prefix(
    text: LiteralString, given: dict[str, Any], prefix: str | None
) -> tuple[LiteralString, dict[str, Any]]:
    if not prefix:
        return text, given
    return text + sql.PREFIX, given | {"prefix": prefix, "below": above(prefix)}
