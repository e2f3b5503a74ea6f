"""Which builds of read models a database holds, by `tidelock.builds`, and the locks that keep them in place."""

from typing import Any, Final, LiteralString, TypeAlias

from psycopg import AsyncCursor

from streams.projections.builds import Build, first_of, found_in
from streams.projections.projection import Projection

Cursor: TypeAlias = AsyncCursor[Any]

_BUILDS: Final[LiteralString] = """
SELECT build, live, version, replaced FROM tidelock.builds WHERE projection = %s ORDER BY build
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
    """Return the builds of a read model by number; without any row it has its first one."""
    await cursor.execute(_BUILDS, (projection.name,))
    rows = await cursor.fetchall()
    return tuple([Build(projection.name, *row) for row in rows]) or (first_of(projection),)


async def build_of(cursor: Cursor, projection: Projection) -> Build:
    """Return the build that `projection` means. Raises `NoSuchBuild`."""
    return found_in(await builds_of(cursor, projection), projection, projection.build)
