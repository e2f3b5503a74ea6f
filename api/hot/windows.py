"""Windows of activity from their hot copies: of each partition its clock first, then the rows that it may have.

The copies are what the processes that own the partitions keep there (docs/adr/0034); nobody else is asked.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from api.hot.copies import HotCopies
from streams.log.positions import PartitionId
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.activity.reads import Activity, clock_key, keys_of, restored, view_of
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import NAMES
from streams.projections.hot import TIME, hot_copy, hot_key, row_of
from streams.projections.reads import AsOf, ProjectedRow, ReadsUnavailable, Stand
from streams.projections.table import Key, Row
from streams.projections.windowed import VIEW
from streams.windows.taken import OTHER

_OF_KIND: Final = {one.kind: one for one in ACTIVITIES}
Part = tuple[Stand | None, list[Row]]
"""How far a partition's copy is (None: its log is empty), and its rows that concern the question."""


class HotWindows:
    """`ActivityReads` on hot copies."""

    def __init__(self, copies: HotCopies, partitions: Mapping[str, int]) -> None:
        self._copies, self._partitions = copies, partitions

    async def activity(self, kind: str, tenant: str, name: str | None) -> Activity:
        """Return the windows of a name, or of a tenant. Raises `ReadsUnavailable`."""
        numbers = range(self._partitions[kind])
        parts = await asyncio.gather(
            *(self._part(PartitionId(kind, number), tenant, name) for number in numbers)
        )
        as_of = AsOf(tuple(stand for stand, _ in parts if stand is not None))
        rows = [rows for _, rows in parts]
        return Activity(
            restored(view_of(name), rows).windows(tenant, name),
            restored(NAMES, rows).overflowed(tenant),
            as_of,
        )

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each copy is that is there, in one round trip; none where copies are away."""
        asked = {
            hot_copy(one, PartitionId(one.kind, number)): one
            for one in ACTIVITIES
            for number in range(self._partitions.get(one.kind, 0))
        }
        told, found = await self._copies.get(dict.fromkeys(asked, (TIME,))) or {}, list[ProjectedRow]()
        for copy, one in asked.items():
            copied = told.get(copy)
            if copied is not None and copied.next_offset and TIME in copied.rows:
                stand = Stand(one.kind, copy.where.partition, copied.next_offset, int(copied.rows[TIME]))
                found.append(ProjectedRow(one.name, stand))
        return found

    async def _part(self, where: PartitionId, tenant: str, name: str | None) -> Part:
        looked, number = dict.fromkeys((name, OTHER)), where.partition
        clocks = list(dict.fromkeys(clock_key(number, each) for each in looked))
        _, found = await self._rows(where, clocks)
        before = {row[VIEW]: row for row in found}
        keys = [key for each in looked for key in keys_of(number, tenant, each, before.get(view_of(each)))]
        return await self._rows(where, [*clocks, *keys])  # the clocks again: rows and clocks of one moment

    async def _rows(self, where: PartitionId, keys: Sequence[Key]) -> Part:
        copy = hot_copy(_OF_KIND[where.kind], where)
        found = await self._copies.get({copy: [TIME, *map(hot_key, keys)]})
        if found is None or TIME not in found[copy].rows:
            raise ReadsUnavailable(
                f"The windows of {where} cannot be looked up now: there is no hot copy of them. It comes by itself "
                "when Redis and a projector that is told of it are there; try again."
            )
        at, told = found[copy].next_offset, found[copy].rows
        time_ms = int(told[TIME])
        stand = Stand(where.kind, where.partition, at, time_ms) if at else None
        return stand, [row_of(ACTIVITY, text) for key, text in told.items() if key != TIME]
