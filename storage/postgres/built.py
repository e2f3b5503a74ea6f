"""Which builds of read models a database holds, by `tidelock.builds`, and the locks that keep them in place."""

from typing import Any, Final, LiteralString, TypeAlias

from psycopg import AsyncCursor

from streams.projections.builds import FIRST, Build, found_in
from streams.projections.ports import require_own_version
from streams.projections.projection import Projection

Cursor: TypeAlias = AsyncCursor[Any]

_BUILDS: Final[LiteralString] = """
WITH known AS (
    SELECT build, live, version, replaced FROM tidelock.builds WHERE projection = %(projection)s
    UNION ALL
    SELECT %(first)s, true, %(version)s, NULL::bigint
    WHERE NOT EXISTS (SELECT FROM tidelock.builds WHERE projection = %(projection)s)
)
SELECT k.build, k.live, coalesce(
    (SELECT max(c.version) FROM tidelock.checkpoints AS c
        WHERE c.projection = %(projection)s AND c.build = k.build), k.version), k.replaced
FROM known AS k ORDER BY k.build
"""
_FIRST: Final[LiteralString] = """
INSERT INTO tidelock.builds (projection, build, live, version) SELECT %(projection)s, %(first)s, true, %(version)s
WHERE NOT EXISTS (SELECT FROM tidelock.builds WHERE projection = %(projection)s) ON CONFLICT DO NOTHING
"""
_ANEW: Final[LiteralString] = """
INSERT INTO tidelock.builds (projection, build, live, version) VALUES (%s, %s, %s, %s)
ON CONFLICT (projection, build) DO UPDATE SET version = excluded.version
"""
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
    return tuple([Build(projection.name, *row) for row in await cursor.fetchall()])


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
    await cursor.execute(_ANEW, (build.projection, build.number, build.live, projection.version))


def _as_first(projection: Projection) -> dict[str, str | int]:
    return {"projection": projection.name, "first": FIRST, "version": projection.version}
