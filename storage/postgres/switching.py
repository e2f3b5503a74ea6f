"""Which build of a read model is live: changed in one transaction, while projectors write and everybody reads.

Tables move between schemas, so no query knows of builds. In this order nobody loses and nothing goes back:

1. The live build stands still, once the writes under way have ended: its writers wait, everybody reads on.
2. The other build goes on until it has all that the live one has, for a second at most; else all is let go for a while.
3. It stands still, too, so nobody writes any more.
4. The tables are locked against readers for some milliseconds, and moved; what a checkpoint's row says of its build
   changes with them. Who waited for a table gets the one that has its name then.
"""

import asyncio
import time
from typing import Final, LiteralString

from psycopg import AsyncConnection, Rollback, errors, sql

from storage.postgres.alike import differ_in_columns, move
from storage.postgres.built import CHANGES, OPERATOR, STANDSTILL, Cursor, builds_of
from storage.postgres.checkpoints import CHANNEL
from storage.postgres.pool import Pool, unhurried
from storage.postgres.statements import SCHEMA, named, schema_of
from streams.domain.value import value
from streams.log.checkpoint import Checkpoint, decode_checkpoint
from streams.projections.build_errors import BuildBehind, BuildIsLive, BuildOutdated, BuildsBusy
from streams.projections.builds import NEAR, Build, Switched, found_in, live_of
from streams.projections.projection import Projection

HOLD_S: Final = 1.0
"""So long the live build's writers wait for the other one."""
WRITERS_MS: Final = 1_000
"""So long a write under way is waited for. Nobody who reads waits for that."""
READERS_MS: Final = 500
"""So long new readers wait for those that read already."""
AGAIN_S: Final = 0.2
LOOK_S: Final = 0.005

_PLACES: Final[LiteralString] = """
SELECT kind, partition, checkpoint FROM tidelock.checkpoints WHERE projection = %s AND build = %s
"""
_PLACES_HELD: Final[LiteralString] = _PLACES + " FOR UPDATE"
_NOT_LIVE: Final = "UPDATE tidelock.checkpoints SET live = false WHERE projection = %s AND build = %s"
_LIVE: Final = "UPDATE tidelock.checkpoints SET live = true WHERE projection = %s AND build = %s"
_BEFORE: Final = """
UPDATE tidelock.builds SET live = false, replaced = NULL, version = coalesce(
    (SELECT max(version) FROM tidelock.checkpoints WHERE projection = %(projection)s AND build = %(build)s), version)
WHERE projection = %(projection)s AND build = %(build)s
"""
_AFTER: Final = "UPDATE tidelock.builds SET live = true, replaced = %s WHERE projection = %s AND build = %s"
_TELL: Final = f"""
SELECT pg_notify('{CHANNEL}', projection || ' ' || kind || '/' || partition || ' ' || next_offset)
FROM tidelock.checkpoints WHERE projection = %s AND build = %s
"""  # noqa: S608 - a text of this release

_Places = dict[tuple[str, int], Checkpoint]


@value
class Wish:
    """Which build is to be live, and how."""

    projection: Projection
    number: int
    force: bool
    """It may lack whatever it lacks."""
    remembers: bool
    """Whether it says which build it replaced, so that a rollback finds that."""


async def switch(pool: Pool, wish: Wish, within_s: float) -> Switched:
    """Make it live. Raises `BuildError`; nothing is changed then."""
    until = time.monotonic() + within_s
    while True:
        try:
            async with pool.connection() as connection, connection.transaction():
                return await _switched(connection, wish)
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            if time.monotonic() > until:
                who = "readers did not let the tables go, or writers their rows"
                raise BuildsBusy(wish.projection.name, who) from error
        except BuildBehind:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(AGAIN_S)


async def _switched(connection: AsyncConnection, wish: Wish) -> Switched:
    projection, cursor = wish.projection, connection.cursor()
    await operate(cursor, projection)
    await cursor.execute(f"SET LOCAL lock_timeout = {WRITERS_MS}")
    await unhurried(connection)
    await cursor.execute(CHANGES, (projection.name,))
    builds = await builds_of(cursor, projection)
    before, after = live_of(builds), found_in(builds, projection, wish.number)
    await _check(cursor, projection, builds, after)
    if not wish.force:
        await _check_near(cursor, before, after)
    begun_s = time.monotonic()
    await _stand_still(cursor, before)
    stands = await _places(cursor, before, _PLACES_HELD)
    if wish.force:
        await _stand_still(cursor, after)
    else:
        await _level(cursor, stands, after)
    await _places(cursor, after, _PLACES_HELD)
    await cursor.execute(f"SET LOCAL lock_timeout = {READERS_MS}")
    await _exchange(cursor, projection, before, after)
    await _record(cursor, wish, before, after)
    return Switched(before.number, after.number, (time.monotonic() - begun_s) * 1000)


async def operate(cursor: Cursor, projection: Projection) -> None:
    """Be the read model's one operator until the end of the transaction. Raises `BuildsBusy`."""
    await cursor.execute(OPERATOR, (projection.name,))
    if await cursor.fetchone() != (True,):
        raise BuildsBusy(projection.name, "another operator builds, compares or promotes it now")


async def _check(cursor: Cursor, projection: Projection, builds: tuple[Build, ...], after: Build) -> None:
    if after.live:
        raise BuildIsLive(projection.name, after.number, builds[-1].number + 1)
    if after.version != projection.version:  # an older one would be built anew in place, once it is live
        why = f"is of version {after.version}, and this release builds version {projection.version}"
        raise BuildOutdated(after.label, why)
    if await differ_in_columns(cursor, projection.tables, schema_of(after)):
        raise BuildOutdated(after.label, "has tables of before a migration")


async def _check_near(cursor: Cursor, before: Build, after: Build) -> None:
    """Hold no writers for a build that will not draw level soon."""
    lacks = _lacks(await _places(cursor, before, _PLACES), await _places(cursor, after, _PLACES))
    if lacks > NEAR:
        raise BuildBehind(after.projection, after.number, lacks)


async def _stand_still(cursor: Cursor, build: Build) -> None:
    """Let no write of a build begin, and wait for those under way, all at once: row by row others begin meanwhile."""
    await cursor.execute(STANDSTILL, (build.projection, build.number))


async def _level(cursor: Cursor, stands: _Places, after: Build) -> None:
    """Have the build stand still where it has all that stands there. Raises `BuildBehind`."""
    until = time.monotonic() + HOLD_S
    while not await _stands_level(cursor, stands, after):
        while lacks := _lacks(stands, await _places(cursor, after, _PLACES)):
            if time.monotonic() > until:
                raise BuildBehind(after.projection, after.number, lacks)
            await asyncio.sleep(LOOK_S)


async def _stands_level(cursor: Cursor, stands: _Places, after: Build) -> bool:
    """Have the build stand still; let it go on, and return False, if that is not far enough."""
    async with cursor.connection.transaction() as still:
        await _stand_still(cursor, after)
        if not _lacks(stands, await _places(cursor, after, _PLACES)):
            return True
        raise Rollback(still)
    return False


async def _places(cursor: Cursor, build: Build, statement: LiteralString) -> _Places:
    await cursor.execute(statement, (build.projection, build.number))
    return {
        (kind, partition): decode_checkpoint(stored)
        for kind, partition, stored in await cursor.fetchall()
        if stored
    }


def _lacks(stands: _Places, found: _Places) -> int:
    """Return how many records are missing; of another log than what is found nothing is."""
    lacks = 0
    for at, stand in stands.items():
        have = found.get(at)
        if have is None:
            lacks += stand.next_offset
        elif have.genesis == stand.genesis:
            lacks += max(0, stand.next_offset - have.next_offset)
    return lacks


async def _exchange(cursor: Cursor, projection: Projection, before: Build, after: Build) -> None:
    """Move the tables, and whose checkpoints are live."""
    aside, beside = f"{SCHEMA}_{before.projection}_v{before.number}", schema_of(after)
    await cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(aside)))
    both = [named(table.name, schema) for table in projection.tables for schema in (SCHEMA, beside)]
    await cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(both)))
    await move(cursor, projection.tables, SCHEMA, aside)
    await move(cursor, projection.tables, beside, SCHEMA)


async def _record(cursor: Cursor, wish: Wish, before: Build, after: Build) -> None:
    name = wish.projection.name
    await cursor.execute(_NOT_LIVE, (name, before.number))
    await cursor.execute(_LIVE, (name, after.number))
    await cursor.execute(_BEFORE, {"projection": name, "build": before.number})
    await cursor.execute(_AFTER, (before.number if wish.remembers else None, name, after.number))
    await cursor.execute(_TELL, (name, after.number))
