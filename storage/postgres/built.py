"""Which builds of read models a database holds, by `tidelock.builds`, and the locks that keep them in place."""

from typing import Any, Final, LiteralString, TypeAlias

from psycopg import AsyncCursor

from streams.log.release import RELEASE
from streams.projections.builds import FIRST, Build, found_in, tables_of
from streams.projections.ports import require_own_version
from streams.projections.projection import Projection

Cursor: TypeAlias = AsyncCursor[Any]

_BUILDS: Final[LiteralString] = """
WITH known AS (
    SELECT build, live, version, replaced, raised_by, tables FROM tidelock.builds WHERE projection = %(projection)s
    UNION ALL
    SELECT %(first)s, true, %(version)s, NULL::bigint, NULL, NULL
    WHERE NOT EXISTS (SELECT FROM tidelock.builds WHERE projection = %(projection)s)
)
SELECT k.build, k.live, coalesce(
    (SELECT max(c.version) FROM tidelock.checkpoints AS c
        WHERE c.projection = %(projection)s AND c.build = k.build), k.version), k.replaced,
    k.raised_by, coalesce(k.tables, '{}')
FROM known AS k ORDER BY k.build
"""
_FIRST: Final[LiteralString] = """
INSERT INTO tidelock.builds (projection, build, live, version, tables)
SELECT %(projection)s, %(first)s, true, %(version)s, %(tables)s
WHERE NOT EXISTS (SELECT FROM tidelock.builds WHERE projection = %(projection)s) ON CONFLICT DO NOTHING
"""
_ANEW: Final[LiteralString] = """
INSERT INTO tidelock.builds AS b (projection, build, live, version, tables, raised_by) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (projection, build) DO UPDATE
SET version = excluded.version, tables = excluded.tables, raised_by = coalesce(excluded.raised_by, b.raised_by)
"""
_NOTE: Final[LiteralString] = "UPDATE tidelock.builds SET tables = %s WHERE projection = %s AND build = %s"
WRITERS: Final[LiteralString] = (
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('tidelock.builds/' || %s, 0))"
)
"""Whoever makes the first row of a checkpoint: the builds stay as they are until the end of the transaction."""
CHANGES: Final[LiteralString] = "SELECT pg_advisory_xact_lock(hashtextextended('tidelock.builds/' || %s, 0))"
"""Whoever changes which builds there are."""
OPERATOR: Final[LiteralString] = (
    "SELECT pg_try_advisory_xact_lock(hashtextextended('tidelock.operator/' || %s, 0))"
)
"""One operator a read model at a time."""

WRITES: Final[LiteralString] = (
    "pg_try_advisory_xact_lock_shared(hashtextextended('tidelock.writes/' || projection || '@' || build, 0))"
)
"""Whoever writes a build, told of the row of its checkpoint: false while somebody wants it to stand still."""
STANDSTILL: Final[LiteralString] = """
SELECT pg_advisory_xact_lock(hashtextextended('tidelock.writes/' || %s::text || '@' || %s::bigint, 0))
"""
"""Whoever wants a build to stand still: no write begins, in any partition, and those under way are waited for."""


async def builds_of(cursor: Cursor, projection: Projection) -> tuple[Build, ...]:
    """Return the builds of a read model by number; without any row it has its first one.

    A build is of the version of its checkpoints; without any, of the one that it was begun for.
    """
    await cursor.execute(_BUILDS, _as_first(projection))
    return tuple([_build(projection.name, *row) for row in await cursor.fetchall()])


async def build_of(cursor: Cursor, projection: Projection) -> Build:
    """Return the build that `projection` means. Raises `NoSuchBuild`."""
    return found_in(await builds_of(cursor, projection), projection, projection.build)


async def own_build(cursor: Cursor, projection: Projection) -> Build:
    """Return the build that `projection` means, of its version. Raises `NoSuchBuild`, `OfAnotherRelease`."""
    build = await build_of(cursor, projection)
    require_own_version(projection, build.version)
    return build


async def keep_first(cursor: Cursor, projection: Projection) -> None:
    """Write down that there is a first build, of this version, if nothing is: two releases may begin at once."""
    await cursor.execute(_FIRST, _as_first(projection))


async def begin_anew(cursor: Cursor, projection: Projection, build: Build) -> None:
    """Write down that an empty build is of the projection's version from now on."""
    raised_by = RELEASE if build.version < projection.version else None
    place = (build.projection, build.number, build.live, projection.version)
    await cursor.execute(_ANEW, (*place, list(tables_of(projection, ())), raised_by))


async def note_tables(cursor: Cursor, projection: Projection, build: Build) -> None:
    """Write down what this version, which is the build's, calls its tables: those of others move with them."""
    own = tables_of(projection, ())
    if build.tables == own:
        return
    await cursor.execute(_NOTE, (list(own), build.projection, build.number))
    if cursor.rowcount == 0:
        await keep_first(cursor, projection)


def _build(
    name: str,
    number: int,
    live: bool,
    version: int,
    replaced: int | None,
    raised_by: str | None,
    tables: list[str],
) -> Build:
    return Build(name, number, live, version, replaced, raised_by, tuple(tables))


def _as_first(projection: Projection) -> dict[str, Any]:
    return {
        "projection": projection.name,
        "first": FIRST,
        "version": projection.version,
        "tables": list(tables_of(projection, ())),
    }
