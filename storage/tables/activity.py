"""`ActivityReads` from the changelogs themselves: for people at a terminal. Each look-up reads all of a kind's tables.

Reading takes no claim: whoever has the partitions notices nothing.
"""

from collections.abc import Mapping, Sequence

from storage.tables.contents import read_contents
from streams.domain.value import value
from streams.log.checkpoint import START
from streams.projections.activity.reads import Activity, ActivityWindow, restored, view_of
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import NAMES
from streams.projections.changelog import Changelogs
from streams.projections.projection import Projection
from streams.projections.reads import AsOf, Stand
from streams.projections.table import Row
from streams.projections.windowed import VIEW
from streams.windows.taken import OTHER

Part = tuple[Stand | None, Sequence[Row]]
"""How far a partition is (None: nothing is written), and its rows."""


_NAME = ACTIVITY.columns.index("name")


@value
class Names:
    """The newest window of each name."""

    windows: Mapping[str, ActivityWindow]
    overflowed: int
    """As of `Activity`."""
    as_of: AsOf


class ChangelogActivity:
    """Windows of activity as the changelogs have them."""

    def __init__(self, changelogs: Changelogs, activities: Sequence[Projection]) -> None:
        self._changelogs, self._of_kind = changelogs, {each.kind: each for each in activities}

    async def activity(self, kind: str, tenant: str, name: str | None) -> Activity:
        """Return the windows of a name, or of a tenant."""
        parts = await self._parts(kind)
        rows = [rows for _, rows in parts]
        windows = restored(view_of(name), rows).windows(tenant, name)
        return Activity(windows, restored(NAMES, rows).overflowed(tenant), _as_of(parts))

    async def names(self, kind: str, tenant: str) -> Names:
        """Return the newest window of each name that has one."""
        parts = await self._parts(kind)
        of_names = restored(NAMES, [rows for _, rows in parts])
        names = {row[_NAME] for _, rows in parts for row in rows if row[VIEW:_NAME] == (NAMES, tenant)} - {
            OTHER
        }
        found = {name: windows[0] for name in sorted(names) if (windows := of_names.windows(tenant, name))}
        return Names(found, of_names.overflowed(tenant), _as_of(parts))

    async def _parts(self, kind: str) -> list[Part]:
        projection, parts = self._of_kind[kind], list[Part]()
        several = await self._changelogs.partitions(projection.name, kind)
        for changelog, end in (await self._changelogs.ends(several)).items():
            contents = await read_contents(self._changelogs, changelog, end, projection)
            at, where = contents.checkpoint, changelog.where
            stand = None if at == START else Stand(kind, where.partition, at.next_offset, at.time_ms)
            parts.append((stand, list(contents.rows[ACTIVITY].values())))
        return parts


def _as_of(parts: Sequence[Part]) -> AsOf:
    return AsOf(tuple(stand for stand, _ in parts if stand is not None))
