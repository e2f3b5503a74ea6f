"""`streams.projections.builds.Builds` of a `MemoryProjectionStore`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from storage.memory.projections import MemoryProjectionStore
from storage.memory.rows import OfTable, Rows
from streams.log.positions import PartitionId
from streams.projections.build_errors import (
    BuildBehind,
    BuildIsLive,
    BuildOutdated,
    BuildsNeverMet,
    NothingToRollBackTo,
    TooManyBuilds,
)
from streams.projections.builds import (
    MOST,
    Build,
    Comparison,
    Difference,
    Switched,
    begun,
    found_in,
    live_of,
    require_rows,
)
from streams.projections.projection import Projection
from streams.projections.table import Row, Table


class MemoryBuilds:
    """Builds in dictionaries."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        self._store = store

    async def of(self, projection: Projection) -> Sequence[Build]:
        """Return them by number."""
        return await self._store.of(projection)

    async def begin(self, projection: Projection, number: int) -> Build:
        """Begin a build, or return it as it was begun."""
        require_rows(projection)
        builds = await self.of(projection)
        for build in builds:
            if build.number == number:
                return _fit(build, projection, builds)
        if len(builds) >= MOST:
            raise TooManyBuilds([build.label for build in builds if not build.live])
        build = begun(projection, number, builds)
        self._store.builds[projection.name] = tuple(sorted((*builds, build), key=lambda each: each.number))
        self._store.beside[projection.name, number] = {}
        return build

    async def compare(self, projection: Projection, number: int, shown: int, within_s: float) -> Comparison:
        """Compare a build with the live one, row by row. It waits for nothing."""
        require_rows(projection)
        builds = await self.of(projection)
        build, live = found_in(builds, projection, number), live_of(builds)
        if build.live:
            raise BuildIsLive(build.projection, number, builds[-1].number + 1)
        ours, theirs = self._places(live), self._places(build)
        for at in sorted({*ours, *theirs}, key=str):
            if ours.get(at) != theirs.get(at):
                raise BuildsNeverMet(build.projection, number, at.partition, within_s)
        beside = self._store.beside[build.projection, number]
        tables = [
            _difference(table, *self._kept(projection, table, beside), shown) for table in projection.tables
        ]
        met = tuple(sorted((at.partition, offset) for at, offset in ours.items()))
        return Comparison(live.number, number, met, tuple(tables), (live.version, build.version))

    async def switch(self, projection: Projection, number: int, *, within_s: float, force: bool) -> Switched:  # noqa: ARG002
        """Make a build the live one. It waits for nothing."""
        require_rows(projection)
        return await self._switch(projection, number, force=force, remembers=True)

    async def rollback(self, projection: Projection, *, within_s: float, force: bool) -> Switched:  # noqa: ARG002
        """Make live what was before."""
        require_rows(projection)
        live = live_of(await self.of(projection))
        if live.replaced is None:
            raise NothingToRollBackTo(live.label)
        return await self._switch(projection, live.replaced, force=force, remembers=False)

    async def retire(self, projection: Projection, number: int) -> None:
        """Delete a build that is not live."""
        require_rows(projection)
        builds = await self.of(projection)
        build = found_in(builds, projection, number)
        if build.live:
            raise BuildIsLive(build.projection, number, builds[-1].number + 1)
        for at in self._places(build):
            del self._store.checkpoints[build.projection, number, at]
        del self._store.beside[build.projection, number]
        self._store.builds[build.projection] = tuple(
            replace(each, replaced=None) if each.replaced == number else each
            for each in builds
            if each is not build
        )

    def _kept(self, projection: Projection, table: Table, beside: Rows) -> tuple[OfTable, OfTable]:
        """Return the rows of a table of two builds, but for those that one of them may have forgotten."""
        kept_from = self._store.kept_from.get(table.name)
        if table.forgets is None or kept_from is None:
            return _kept(projection, table, self._store.rows, beside)
        over = table.columns.index(table.forgets.over_ms)
        ours, theirs = (
            {
                key: row
                for key, row in rows.get(table, {}).items()
                if row[over] is None or row[over] > kept_from
            }
            for rows in (self._store.rows, beside)
        )
        return ours, theirs

    async def _switch(self, projection: Projection, number: int, *, force: bool, remembers: bool) -> Switched:
        builds, store = await self.of(projection), self._store
        before, after = live_of(builds), found_in(builds, projection, number)
        if after.live:
            raise BuildIsLive(projection.name, number, builds[-1].number + 1)
        if remembers:
            _check_version(after, projection)
        have = self._places(after)
        lacks = sum(max(0, end - have.get(at, 0)) for at, end in self._places(before).items())
        if lacks and not force:
            raise BuildBehind(projection.name, number, lacks)
        taken = store.beside.pop((projection.name, number))
        store.beside[projection.name, before.number] = {
            table: store.rows.pop(table)
            for table in (*projection.tables, *store.tables.get(projection.name, ()))
            if table in store.rows
        }
        store.rows |= taken
        store.builds[projection.name] = tuple(
            replace(each, live=each is after, replaced=before.number if each is after and remembers else None)
            for each in builds
        )
        return Switched(before.number, number, 0.0)

    def _places(self, build: Build) -> dict[PartitionId, int]:
        return {
            at: stored.checkpoint.next_offset
            for (name, number, at), stored in self._store.checkpoints.items()
            if (name, number) == (build.projection, build.number)
        }


def _fit(found: Build, projection: Projection, builds: Sequence[Build]) -> Build:
    if found.live:
        raise BuildIsLive(found.projection, found.number, builds[-1].number + 1)
    _check_version(found, projection)
    return found


def _check_version(found: Build, projection: Projection) -> None:
    if found.version != projection.version:
        raise BuildOutdated(found.label, f"is of version {found.version}, not {projection.version}")


def _kept(projection: Projection, table: Table, ours: Rows, theirs: Rows) -> tuple[OfTable, OfTable]:
    """Return the rows of a table of two builds, but for windows that one of them has forgotten."""
    both = ours.get(table, {}), theirs.get(table, {})
    if projection.points is None or table is not projection.points.windows or not all(both):
        return both
    start = table.columns.index("start_ms")
    since_ms = max(min(row[start] for row in rows.values()) for rows in both)
    mine, other = ({key: row for key, row in rows.items() if row[start] >= since_ms} for rows in both)
    return mine, other


def _difference(table: Table, ours: OfTable, theirs: OfTable, shown: int) -> Difference:
    missing, extra = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    changed = {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}
    keys = sorted(missing | extra | changed, key=str)[:shown]
    first = [(_told(table, ours.get(key)), _told(table, theirs.get(key))) for key in keys]
    return Difference(
        table.name, len(ours), len(theirs), len(missing), len(extra), len(changed), tuple(first)
    )


def _told(table: Table, row: Row | None) -> str | None:
    if row is None:
        return None
    told: dict[str, Any] = dict(zip(table.columns, row, strict=True))
    return json.dumps(told, default=bytes.hex)
