"""`streams.projections.builds.Builds` on PostgreSQL: a schema a build, tables that move when another one is live."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from psycopg import AsyncConnection, sql

from storage.postgres.alike import make_like, tables_in
from storage.postgres.built import CHANGES, builds_of
from storage.postgres.comparing import Wanted, compare
from storage.postgres.deadlocks import despite_deadlocks
from storage.postgres.errors import translated
from storage.postgres.pool import Pool, unhurried
from storage.postgres.shapes import require_fit
from storage.postgres.statements import SCHEMA, schema_of
from storage.postgres.switching import Wish, operate, switch
from streams.projections.build_errors import (
    BuildIsLive,
    BuildOutdated,
    NothingToRollBackTo,
    TooManyBuilds,
)
from streams.projections.builds import (
    MOST,
    Build,
    Comparison,
    Switched,
    begun,
    found_in,
    live_of,
    require_rows,
    tables_of,
)
from streams.projections.projection import Projection

_KEEP: Final = """
INSERT INTO tidelock.builds (projection, build, live, version, raised_by, tables) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_FORGET: Final = "DELETE FROM tidelock.builds WHERE projection = %s AND build = %s"
_FORGET_CHECKPOINTS: Final = "DELETE FROM tidelock.checkpoints WHERE projection = %s AND build = %s"
_FORGET_REPLACED: Final = "UPDATE tidelock.builds SET replaced = NULL WHERE projection = %s AND replaced = %s"


class PostgresBuilds:
    """Builds of read models in one database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, projection: Projection) -> Sequence[Build]:
        """Return them by number."""
        with translated(f"builds of {projection.name}"):
            async with self._pool.connection() as connection:
                return await builds_of(connection.cursor(), projection)

    async def begin(self, projection: Projection, number: int) -> Build:
        """Begin a build, or return it as it was begun."""
        require_rows(projection)
        with translated(f"build {projection.name}@{number}"):
            return await despite_deadlocks(partial(self._begun, projection, number))

    async def _begun(self, projection: Projection, number: int) -> Build:
        async with self._pool.connection() as connection, connection.transaction():
            builds = await self._mine(connection, projection)
            found = next((build for build in builds if build.number == number), None)
            if found is not None:
                return _fit(found, projection, builds)
            if len(builds) >= MOST:
                raise TooManyBuilds([build.label for build in builds if not build.live])
            build = begun(projection, number, builds)
            cursor = connection.cursor()
            await require_fit(cursor, projection, live_of(builds))
            for each in (*builds, build):
                kept = (each.projection, each.number, each.live, each.version, each.raised_by)
                await cursor.execute(_KEEP, (*kept, list(each.tables) or None))
            schema = schema_of(build)
            await cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            there = await tables_in(cursor, SCHEMA)
            for table in tables_of(projection, builds):
                if table in there:  # else a migration of this release has taken away what another version had
                    await make_like(cursor, table, schema)
            return build

    async def compare(self, projection: Projection, number: int, shown: int, within_s: float) -> Comparison:
        """Compare a build with the live one, row by row."""
        require_rows(projection)
        with translated(f"comparison of {projection.name}@{number}"):
            return await despite_deadlocks(
                partial(compare, self._pool, Wanted(projection, number, shown, within_s))
            )

    async def switch(self, projection: Projection, number: int, *, within_s: float, force: bool) -> Switched:
        """Make a build the live one."""
        require_rows(projection)
        with translated(f"promotion of {projection.name}@{number}"):
            return await switch(self._pool, Wish(projection, number, force, remembers=True), within_s)

    async def rollback(self, projection: Projection, *, within_s: float, force: bool) -> Switched:
        """Make live what was before."""
        require_rows(projection)
        live = live_of(await self.of(projection))
        if live.replaced is None:
            raise NothingToRollBackTo(live.label)
        with translated(f"rollback of {live.label}"):
            return await switch(self._pool, Wish(projection, live.replaced, force, remembers=False), within_s)

    async def retire(self, projection: Projection, number: int) -> None:
        """Delete a build that is not live."""
        require_rows(projection)
        with translated(f"retirement of {projection.name}@{number}"):
            await despite_deadlocks(partial(self._retired, projection, number))

    async def _retired(self, projection: Projection, number: int) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            builds = await self._mine(connection, projection)
            build = found_in(builds, projection, number)
            if build.live:
                raise BuildIsLive(build.projection, build.number, builds[-1].number + 1)
            cursor = connection.cursor()
            for forget in (_FORGET_CHECKPOINTS, _FORGET, _FORGET_REPLACED):  # the first waits for its writers
                await cursor.execute(forget, (projection.name, number))
            await cursor.execute(
                sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema_of(build)))
            )

    async def _mine(self, connection: AsyncConnection, projection: Projection) -> tuple[Build, ...]:
        """Be the one who changes builds until the end of the transaction, and return them."""
        cursor = connection.cursor()
        await operate(cursor, projection)
        await unhurried(connection)
        await cursor.execute(CHANGES, (projection.name,))
        return await builds_of(cursor, projection)


def _fit(found: Build, projection: Projection, builds: Sequence[Build]) -> Build:
    """Return a build that was begun before and may go on."""
    if found.live:
        raise BuildIsLive(found.projection, found.number, builds[-1].number + 1)
    if found.version != projection.version:
        why = f"is of version {found.version}, and this release builds version {projection.version}"
        raise BuildOutdated(found.label, why)
    return found
