"""Builds of a read model: one is live, which is what everybody reads; others are made beside it, to take its place.

A build's number says nothing of code: the same release may build anew (a fold was mended, a letter is to be redriven),
and so may a later one, whose `Projection.version` the build then has. Projectors keep up to date every build of their
own version, live or not, and leave those of another alone, be they live. Adapters: `storage.postgres`,
`storage.memory`.
"""

from collections.abc import Sequence
from dataclasses import field, replace
from typing import Final, Protocol

from streams.domain.value import value
from streams.log.release import RELEASE
from streams.projections.build_errors import NoSuchBuild, NotBuiltBeside
from streams.projections.projection import Projection

FIRST: Final = 1
"""The build that a read model begins with."""
MOST: Final = 3
"""Builds of a read model at a time, the live one included."""
NEAR: Final = 1_000
"""A build that lacks so many records at most can take the live one's place."""


@value
class Build:
    """One build of a read model."""

    projection: str
    number: int
    live: bool
    version: int
    """The version of the code that made it and keeps it up to date."""
    replaced: int | None = None
    """Of the live one: which was live before it."""
    raised_by: str | None = None
    """The release that began it beside a live one of an earlier version, or emptied one of such; None: none did."""
    tables: tuple[str, ...] = field(default=(), compare=False)
    """What its version calls its tables; none: that is not known."""

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.projection}@{self.number}"


@value
class Difference:
    """How one table of two builds differs."""

    table: str
    live: int
    """Rows of the live build."""
    beside: int
    """Rows of the other."""
    missing: int
    """Rows that only the live one has."""
    extra: int
    """Rows that only the other has."""
    changed: int
    """Rows under one key that are not the same."""
    first: tuple[tuple[str | None, str | None], ...]
    """Some of them as JSON: of the live one, of the other."""

    @property
    def rows(self) -> int:
        """How many differ."""
        return self.missing + self.extra + self.changed


@value
class Comparison:
    """Two builds of a read model, row by row, each partition at one position."""

    live: int
    beside: int
    positions: tuple[tuple[int, int], ...]
    """(partition, offset of the next record) at which they were compared."""
    tables: tuple[Difference, ...]
    versions: tuple[int, int]
    """Of the live one, of the other. If they are not the same, rows are meant to differ."""
    left_out: tuple[str, ...] = ()
    """`table.column`s that were not compared, as not both builds have them; `table.*`: of another version alone."""

    @property
    def rows(self) -> int:
        """How many rows differ."""
        return sum(each.rows for each in self.tables)


@value
class Switched:
    """Another build is live."""

    before: int
    after: int
    held_ms: float
    """How long writes of the read model waited for it."""


class BuildList(Protocol):
    """Which builds of a read model there are."""

    async def of(self, projection: Projection) -> Sequence[Build]:
        """Return them by number; always one of them is live. Raises `SinkUnavailable`."""


class Builds(BuildList, Protocol):
    """What operators do to builds. Raises `BuildError`, `SinkUnavailable`."""

    async def begin(self, projection: Projection, number: int) -> Build:
        """Begin a build, with tables like those of the live one; return the one there is if it was begun before."""

    async def compare(self, projection: Projection, number: int, shown: int, within_s: float) -> Comparison:
        """Compare a build with the live one; `shown`: of how many rows of a table it is told how they differ."""

    async def switch(self, projection: Projection, number: int, *, within_s: float, force: bool) -> Switched:
        """Make a build the live one, in one transaction.

        It goes back in no partition: writes of the live one are held until the other has all that it has, for
        two seconds at most up to the change, then again later. `force`: it may lack whatever it lacks.
        """

    async def rollback(self, projection: Projection, *, within_s: float, force: bool) -> Switched:
        """Make live what was before, though it be of another version."""

    async def retire(self, projection: Projection, number: int) -> None:
        """Delete a build that is not live."""


class OneBuild:
    """A `BuildList` where nothing is built beside."""

    async def of(self, projection: Projection) -> Sequence[Build]:
        """Return the live one."""
        return (first_of(projection),)


def require_rows(projection: Projection) -> None:
    """Raise `NotBuiltBeside` if it is kept in a table, which has one build."""
    if projection.kept == "table":
        raise NotBuiltBeside(projection.name)


def first_of(projection: Projection) -> Build:
    """Return the build that a read model begins with."""
    tables = tables_of(projection, ())
    return Build(projection.name, FIRST, live=True, version=projection.version, tables=tables)


def tables_of(projection: Projection, builds: Sequence[Build]) -> tuple[str, ...]:
    """Return the names of all tables that its version, or that of another build, has."""
    own = [table.name for table in projection.tables]
    return tuple(dict.fromkeys([*own, *[name for build in builds for name in build.tables]]))


def begun(projection: Projection, number: int, builds: Sequence[Build]) -> Build:
    """Return a build of this release that begins beside `builds`."""
    raised_by = RELEASE if live_of(builds).version < projection.version else None
    tables = tables_of(projection, ())
    return Build(
        projection.name, number, live=False, version=projection.version, raised_by=raised_by, tables=tables
    )


def live_of(builds: Sequence[Build]) -> Build:
    """Return the one that is live."""
    return next(build for build in builds if build.live)


def own_builds(projection: Projection, builds: Sequence[Build]) -> list[Projection]:
    """Return the projection of each build that is of its version, the live one first: others are not ours to touch."""
    own = [build for build in builds if build.version == projection.version]
    own.sort(key=lambda build: not build.live)
    return [projection if build.live else replace(projection, build=build.number) for build in own]


def found_in(builds: Sequence[Build], projection: Projection, number: int | None) -> Build:
    """Return the build with that number; None: the live one. Raises `NoSuchBuild`."""
    for build in builds:
        if build.live if number is None else build.number == number:
            return build
    raise NoSuchBuild(projection.name, number or 0, [build.number for build in builds])
