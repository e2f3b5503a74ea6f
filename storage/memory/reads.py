"""What the reads of all kinds share over a `MemoryProjectionStore`: they look at all rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storage.memory.projections import MemoryProjectionStore
from streams.log.positions import Position
from streams.projections.projection import Projection
from streams.projections.reads import (
    STATE,
    AsOf,
    AuditFilter,
    AuditRow,
    Moment,
    ProjectedRow,
    RowsForgotten,
    Stand,
)
from streams.projections.table import Table


class MemoryReads:
    """Reads of one kind, which has one read model and an audit."""

    def __init__(self, store: MemoryProjectionStore, model: Projection, audit: Projection) -> None:
        self._store, self._model, self._audit, self._kind = store, model, audit, model.kind

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is."""
        return [
            ProjectedRow(projection.name, Stand(self._kind, where.partition, at.next_offset, at.time_ms, at.head))
            for projection in (self._audit, self._model)
            for where, at in sorted(
                (await self._store.positions(projection)).items(), key=lambda one: one[0].partition
            )
        ]  # fmt: skip

    async def audit(
        self, tenant: str, wanted: AuditFilter, first: int, after: tuple[int, int, int, int] | None
    ) -> tuple[Sequence[AuditRow], AsOf]:
        """Return decisions, newest first."""
        rows = [row for row in self._rows(self._audit.tables[0]) if row["tenant"] == tenant]
        found = [self._audited(row) for row in rows]
        found = [each for each in found if _fits(each, wanted)]
        found.sort(key=_key, reverse=True)
        page = [each for each in found if after is None or _key(each) < after]
        return page[: first + 1], await self._as_of(self._audit)

    def _kept(self, what: str, at: Moment, *tables: Table, way: str = STATE) -> None:
        """Raise `RowsForgotten` if these histories do not go back so far."""
        kept_from = [self._store.kept_from.get(table.name, 0) for table in tables]
        if isinstance(at, Position):
            places = [(table.name, at.partition.partition) for table in tables]
            gone = any(at.offset < self._store.forgotten.get(place, -1) for place in places)
        else:
            gone = at < max(kept_from)
        if gone:
            raise RowsForgotten(what, max(kept_from), way)

    def _rows(self, table: Table) -> Iterator[dict[str, Any]]:
        """Yield rows by the names of their columns."""
        for row in self._store.rows.get(table, {}).values():
            yield dict(zip(table.columns, row, strict=True))

    async def _as_of(self, projection: Projection | None = None) -> AsOf:
        """Return of when a read model, or the one that is not the audit, is."""
        positions = await self._store.positions(projection or self._model)
        found = sorted(positions.items(), key=lambda one: one[0].partition)
        return AsOf(tuple([Stand(self._kind, p.partition, at.next_offset, at.time_ms) for p, at in found]))

    def _audited(self, row: Mapping[str, Any]) -> AuditRow:
        names = ("partition", "offset_", "index_", "name", "command", "principal", "client", "handle", "sequence",
                 "lane", "accepted", "outcome", "reason", "events", "at_ms", "lease_ms")  # fmt: skip
        return AuditRow(*(self._kind, *[row[name] for name in names]))


def by_then(row: Mapping[str, Any], at: Moment, offset: str = "offset_", time_ms: str = "at_ms") -> bool:
    """Return whether what a row tells had happened by a moment."""
    if isinstance(at, Position):
        return bool(row["partition"] == at.partition.partition and row[offset] <= at.offset)
    return bool(row[time_ms] <= at)


def _fits(row: AuditRow, wanted: AuditFilter) -> bool:
    told = (row.name, row.principal, row.client, row.command, row.accepted)
    asked = (wanted.name, wanted.principal, wanted.client, wanted.command, wanted.accepted)
    if any(wish not in (None, each) for each, wish in zip(told, asked, strict=True)):
        return False
    below = wanted.to_ms is None or row.at_ms < wanted.to_ms
    return below and (wanted.from_ms is None or row.at_ms >= wanted.from_ms)


def _key(row: AuditRow) -> tuple[int, int, int, int]:
    return row.at_ms, row.partition, row.offset, row.index
