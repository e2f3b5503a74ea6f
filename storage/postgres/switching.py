"""Which build of a read model is live: changed in one transaction, while projectors write and everybody reads.

Tables move between schemas, so no query knows of builds. In this order nobody loses and nothing goes back:

1. The live build stands still, once the writes under way have ended: its writers wait, everybody reads on.
2. The other build goes on until it has all that the live one has.
3. It stands still, too, so nobody writes any more.
4. The tables are locked against readers for some milliseconds, and moved; what a checkpoint's row says of its build
   changes with them. Who waited for a table gets the one that has its name then.

From the first step to the last there is one deadline, `HOLD_S`, which the server keeps, too, whatever becomes of who
promotes: then all is let go, and tried again a little later.
"""

import asyncio
import time
from typing import Final, LiteralString

from psycopg import AsyncConnection, Rollback, errors, sql

from storage.postgres.alike import differ_in_shape, lacking_indexes, make_lacking, move, tables_in
from storage.postgres.built import CHANGES, OPERATOR, STANDSTILL, Cursor, builds_of
from storage.postgres.checkpoints import CHANNEL
from storage.postgres.pool import Pool, unhurried
from storage.postgres.statements import SCHEMA, named, schema_of
from streams.domain.value import value
from streams.log.checkpoint import Checkpoint, decode_checkpoint
from streams.projections.build_errors import BuildBehind, BuildIsLive, BuildOutdated, BuildsBusy
from streams.projections.builds import NEAR, Build, Switched, found_in, live_of, tables_of
from streams.projections.projection import Projection

HOLD_S: Final = 2.0
"""So long the live build's writers wait, from the hold to the switch."""
WRITERS_MS: Final = 1_000
"""So long of it a write under way is waited for. Nobody who reads waits for that."""
READERS_MS: Final = 500
"""So long of it new readers wait for those that read already."""
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

_LIMITS: Final = """
SELECT set_config('statement_timeout', %(each)s, true),
    set_config('idle_in_transaction_session_timeout', %(left)s, true)
"""

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


class Hold:
    """The time for which writers are held: it begins with the first step."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor, self._began_s = cursor, time.monotonic()

    @property
    def lasted_s(self) -> float:
        """How long they have been held."""
        return time.monotonic() - self._began_s

    @property
    def over(self) -> bool:
        """Whether all is to be let go."""
        return self.lasted_s > HOLD_S

    async def step(self, at_most_ms: int = WRITERS_MS) -> None:
        """Give the next statement what time is left, `at_most_ms` of it; who promotes has no longer, either.

        Raises `HoldOver`.
        """
        self.check()
        left_ms = max(1, round((HOLD_S - self.lasted_s) * 1000))
        given = {"each": str(min(left_ms, at_most_ms)), "left": str(left_ms)}
        await self._cursor.execute(_LIMITS, given)

    def check(self) -> None:
        """Raise `HoldOver` if it is."""
        if self.over:
            raise HoldOver


class HoldOver(Exception):
    """Writers were held for as long as they may be."""


_HELD_TOO_LONG: Final = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.QueryCanceled,
    errors.IdleInTransactionSessionTimeout,
    HoldOver,
)


async def switch(pool: Pool, wish: Wish, within_s: float) -> Switched:
    """Make it live. Raises `BuildError`; nothing is changed then."""
    until = time.monotonic() + within_s
    while True:
        try:
            async with pool.connection() as connection, connection.transaction():
                await _complete(connection, wish)
            async with pool.connection() as connection, connection.transaction():
                return await _switched(connection, wish)
        except _HELD_TOO_LONG as error:
            if time.monotonic() > until:
                who = "readers did not let the tables go, or writers their rows"
                raise BuildsBusy(wish.projection.name, who) from error
        except BuildBehind:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(AGAIN_S)


async def _complete(connection: AsyncConnection, wish: Wish) -> None:
    """Make the indexes that migrations have added since the build was begun: nobody reads it yet.

    It stands still meanwhile, but holds up nobody else.
    """
    cursor = connection.cursor()
    await operate(cursor, wish.projection)
    builds = await builds_of(cursor, wish.projection)
    after = found_in(builds, wish.projection, wish.number)
    tables = await _tables(cursor, wish.projection, builds, after)
    await _check(cursor, wish, builds, after, tables)
    lacking = await lacking_indexes(cursor, tables, schema_of(after))
    if lacking:
        await unhurried(connection)
        await _stand_still(cursor, after)
        await make_lacking(cursor, lacking, schema_of(after))


async def _switched(connection: AsyncConnection, wish: Wish) -> Switched:
    projection, cursor = wish.projection, connection.cursor()
    await operate(cursor, projection)
    await cursor.execute(f"SET LOCAL lock_timeout = {WRITERS_MS}")
    await unhurried(connection)
    await cursor.execute(CHANGES, (projection.name,))
    builds = await builds_of(cursor, projection)
    before, after = live_of(builds), found_in(builds, projection, wish.number)
    tables = await _tables(cursor, projection, builds, after)
    await _check(cursor, wish, builds, after, tables)
    if await lacking_indexes(cursor, tables, schema_of(after)):
        raise BuildsBusy(projection.name, "a migration is making indexes now")
    if not wish.force:
        await _check_near(cursor, before, after)
    hold = Hold(cursor)
    await hold.step()
    await _stand_still(cursor, before)
    await hold.step()
    stands = await _places(cursor, before, _PLACES_HELD)
    if wish.force:
        await hold.step()
        await _stand_still(cursor, after)
    else:
        await _level(hold, cursor, stands, after)
    await hold.step()
    await _places(cursor, after, _PLACES_HELD)
    await _exchange(hold, cursor, tables, before, after)
    await _record(cursor, wish, before, after)
    hold.check()
    return Switched(before.number, after.number, hold.lasted_s * 1000)


async def operate(cursor: Cursor, projection: Projection) -> None:
    """Be the read model's one operator until the end of the transaction. Raises `BuildsBusy`."""
    await cursor.execute(OPERATOR, (projection.name,))
    if await cursor.fetchone() != (True,):
        raise BuildsBusy(projection.name, "another operator builds, compares or promotes it now")


async def _tables(
    cursor: Cursor, projection: Projection, builds: tuple[Build, ...], after: Build
) -> tuple[str, ...]:
    """Return all that move: also tables that only another version has, be it of before they were written down."""
    live, beside = await tables_in(cursor, SCHEMA), await tables_in(cursor, schema_of(after))
    known = dict.fromkeys([*tables_of(projection, builds), *beside])
    return tuple([name for name in known if name in live or name in beside])


async def _check(
    cursor: Cursor, wish: Wish, builds: tuple[Build, ...], after: Build, tables: tuple[str, ...]
) -> None:
    projection = wish.projection
    if after.live:
        raise BuildIsLive(projection.name, after.number, builds[-1].number + 1)
    if wish.remembers and after.version != projection.version:  # back to what was live goes whoever asks
        why = f"is of version {after.version}, and this release builds version {projection.version}"
        raise BuildOutdated(after.label, why)
    if await differ_in_shape(cursor, tables, schema_of(after)):
        raise BuildOutdated(after.label, "has tables of before a migration")


async def _check_near(cursor: Cursor, before: Build, after: Build) -> None:
    """Hold no writers for a build that will not draw level soon."""
    lacks = _lacks(await _places(cursor, before, _PLACES), await _places(cursor, after, _PLACES))
    if lacks > NEAR:
        raise BuildBehind(after.projection, after.number, lacks)


async def _stand_still(cursor: Cursor, build: Build) -> None:
    """Let no write of a build begin, and wait for those under way, all at once: row by row others begin meanwhile."""
    await cursor.execute(STANDSTILL, (build.projection, build.number))


async def _level(hold: Hold, cursor: Cursor, stands: _Places, after: Build) -> None:
    """Have the build stand still where it has all that stands there. Raises `BuildBehind`, `HoldOver`."""
    while not await _stands_level(hold, cursor, stands, after):
        while lacks := _lacks(stands, await _places(cursor, after, _PLACES)):
            if hold.over:
                raise BuildBehind(after.projection, after.number, lacks)
            await asyncio.sleep(LOOK_S)


async def _stands_level(hold: Hold, cursor: Cursor, stands: _Places, after: Build) -> bool:
    """Have the build stand still; let it go on, and return False, if that is not far enough."""
    await hold.step()
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


async def _exchange(hold: Hold, cursor: Cursor, tables: tuple[str, ...], before: Build, after: Build) -> None:
    """Move the tables, and whose checkpoints are live."""
    aside, beside = f"{SCHEMA}_{before.projection}_v{before.number}", schema_of(after)
    await cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(aside)))
    both = [named(table, schema) for table in tables for schema in (SCHEMA, beside)]
    await hold.step(READERS_MS)
    await cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(both)))
    await hold.step()
    await move(cursor, tables, SCHEMA, aside)
    await move(cursor, tables, beside, SCHEMA)


async def _record(cursor: Cursor, wish: Wish, before: Build, after: Build) -> None:
    name = wish.projection.name
    await cursor.execute(_NOT_LIVE, (name, before.number))
    await cursor.execute(_LIVE, (name, after.number))
    await cursor.execute(_BEFORE, {"projection": name, "build": before.number})
    await cursor.execute(_AFTER, (before.number if wish.remembers else None, name, after.number))
    await cursor.execute(_TELL, (name, after.number))
