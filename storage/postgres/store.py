"""`ProjectionStore` on PostgreSQL: rows and checkpoint in one transaction, compared and moved.

The checkpoint's row is the lock: whoever holds it writes, whoever comes second finds it moved. After a lost COMMIT the
writer does not know; it loads, and the checkpoint tells.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection

from storage.postgres.built import CHANGES, Cursor, begin_anew, build_of, note_tables, own_build
from storage.postgres.checkpoints import move_checkpoint, stored_checkpoint, take_checkpoint
from storage.postgres.deadlocks import despite_deadlocks
from storage.postgres.errors import translated
from storage.postgres.floors import partition_whole, whole_again
from storage.postgres.periods import Periods
from storage.postgres.pool import Pool, unhurried
from storage.postgres.rows import as_row, copy_in
from storage.postgres.statements import Statements, closing, schema_of, statements
from streams.log.checkpoint import START, Checkpoint, decode_checkpoint
from streams.log.positions import PartitionId
from streams.projections.builds import Build
from streams.projections.ports import Loaded, SinkUnavailable
from streams.projections.projection import Projection
from streams.projections.table import Changes, Key, Row, Table

_FETCH = 2000
_POSITIONS = """
SELECT kind, partition, checkpoint FROM tidelock.checkpoints
WHERE projection = %(projection)s AND version = %(version)s
    AND CASE WHEN %(build)s::bigint IS NULL THEN live ELSE build = %(build)s END
"""
_FORGET_CHECKPOINTS = """
DELETE FROM tidelock.checkpoints
WHERE projection = %(projection)s AND CASE WHEN %(build)s::bigint IS NULL THEN live ELSE build = %(build)s END
"""
_FORGET_PUBLISHED = "DELETE FROM tidelock.publications WHERE name = %s AND partition = %s"
FEW = 40
"""Up to so many changes go row by row; measured."""
HELD_S: Final = 15.0
"""So long a writer waits for a checkpoint that another has; it keeps no connection meanwhile."""
AGAIN_S: Final = 0.02


class PostgresProjectionStore:
    """Read models in one database. It knows tables by their description only."""

    def __init__(self, pool: Pool, few: int = FEW) -> None:
        self._pool = pool
        self._few = few
        self._periods = Periods(pool)
        self._staged: WeakKeyDictionary[AsyncConnection, set[Table]] = WeakKeyDictionary()

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return checkpoint and rows as one snapshot shows them."""
        with translated(f"load of {projection.label} {where}"):
            async with self._pool.connection() as connection:
                loaded = None
                while loaded is None:
                    loaded = await _loaded(connection, projection, where)
                return loaded

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        """Write rows and checkpoint in one transaction, if the stored checkpoint is still `expected`."""
        with translated(f"write of {projection.label} {where}"):
            changes = await self._periods.prepared(projection, changes)
            with self._periods.known():
                await _once_free(where, partial(self._written, projection, where, expected, reached, changes))

    async def _written(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> bool:
        """Write; return False if another has the checkpoint now."""
        async with self._pool.connection() as connection:
            async with connection.transaction(), connection.cursor() as cursor:
                build = await _begin(cursor, projection, where, expected)
                if build is None:
                    return False
                if build.live and expected.next_offset == START.next_offset:
                    await partition_whole(cursor, projection, build, where, reached)
                fresh: set[Table] = set()
                if _are_few(changes, self._few):
                    async with connection.pipeline():
                        await _change_few(cursor, changes, schema_of(build))
                        await move_checkpoint(cursor, projection, build, where, expected, reached)
                else:
                    fresh = await self._change(cursor, changes, schema_of(build))
                    await move_checkpoint(cursor, projection, build, where, expected, reached)
            # only now: a rollback takes the waiting rooms along
            self._staged.setdefault(connection, set()).update(fresh)
            return True

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Write rows as `write` would, and roll back."""
        with translated(f"rehearsal of {projection.label} {where}"):
            changes = await self._periods.prepared(projection, changes)
            await _once_free(where, partial(self._rehearsed, projection, where, expected, changes))

    async def _rehearsed(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> bool:
        async with (
            self._pool.connection() as connection,
            connection.transaction(force_rollback=True),
            connection.cursor() as cursor,
        ):
            build = await _begin(cursor, projection, where, expected)
            if build is not None:
                await self._change(cursor, changes, schema_of(build))
            return build is not None

    async def _change(self, cursor: Cursor, changes: Changes, schema: str) -> set[Table]:
        """Change the rows; return the tables for which the connection got waiting rooms."""
        staged, fresh = self._staged.get(cursor.connection, set()), set()
        for table, inserted in changes.inserted.items():
            if inserted:
                await copy_in(cursor, statements(table, schema).copy, inserted.values())
        for table, put in changes.put.items():
            if put and table not in staged:
                await cursor.execute(statements(table, schema).stage)
                fresh.add(table)
            if put:
                await _put(cursor, statements(table, schema), put)
        await _close(cursor, changes, schema)
        return fresh

    async def reset(self, projection: Projection) -> None:
        """Delete its rows and checkpoints, in one transaction."""
        with translated(f"reset of {projection.label}"):
            await despite_deadlocks(partial(self._emptied, projection))  # with who reads several tables

    async def _emptied(self, projection: Projection) -> None:
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            await unhurried(connection)
            await cursor.execute(CHANGES, (projection.name,))
            build = await build_of(cursor, projection)
            await cursor.execute(_FORGET_CHECKPOINTS, _meant(projection))
            await begin_anew(cursor, projection, build)
            for table in projection.tables:
                await cursor.execute(statements(table, schema_of(build)).truncate)
                if build.live:
                    await cursor.execute("DELETE FROM tidelock.publications WHERE name = %s", (table.name,))
            await whole_again(cursor, projection)

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is."""
        with translated(f"positions of {projection.label}"):
            async with self._pool.connection() as connection:
                found = await connection.execute(
                    _POSITIONS, {**_meant(projection), "version": projection.version}
                )
                return {
                    PartitionId(kind, partition): decode_checkpoint(stored)
                    for kind, partition, stored in await found.fetchall()
                }

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Do nothing: nothing is kept between calls."""


def _meant(projection: Projection) -> dict[str, str | int | None]:
    return {"projection": projection.name, "build": projection.build}


async def _loaded(connection: AsyncConnection, projection: Projection, where: PartitionId) -> Loaded | None:
    """Return what one snapshot shows; None: another build became live meanwhile."""
    build = await own_build(connection.cursor(), projection)
    schema = schema_of(build)
    restoring = [table for table in projection.tables if statements(table, schema).restore is not None]
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # rows come all the while: a server that is silent is taken for frozen as ever
        await cursor.execute("SET LOCAL statement_timeout = 0")
        for table in restoring:  # before the snapshot is taken: TRUNCATE heeds none
            await cursor.execute(statements(table, schema).share)
        if await build_of(cursor, projection) != build:
            return None
        checkpoint = await stored_checkpoint(cursor, projection, where)
        if checkpoint == START:
            return Loaded(START, {})
        rows = {table: await _restored(connection, statements(table, schema), where) for table in restoring}
    if projection.build is not None:  # a lane's, which writes; who only reads asks for what is live
        await note_tables(connection.cursor(), projection, build)
    return Loaded(checkpoint, rows)


async def _once_free(where: PartitionId, work: Callable[[], Awaitable[bool]]) -> None:
    """Have it done as soon as no other has the checkpoint. Raises `SinkUnavailable` if that takes too long."""
    until = time.monotonic() + HELD_S
    while not await work():
        if time.monotonic() > until:
            raise SinkUnavailable(f"Another writer has had the checkpoint of {where} for {HELD_S:.0f} s.")
        await asyncio.sleep(AGAIN_S)


async def _begin(
    cursor: Cursor, projection: Projection, where: PartitionId, expected: Checkpoint
) -> Build | None:
    """Take the checkpoint, and return the build; a first write finds the place empty of rows. None: another has it."""
    build = await take_checkpoint(cursor, projection, where, expected)
    if build is None:
        return None
    if expected.next_offset == START.next_offset:
        await unhurried(cursor.connection)
        for table in projection.tables:
            await cursor.execute(statements(table, schema_of(build)).delete_partition, (where.partition,))
            if build.live:
                await cursor.execute(_FORGET_PUBLISHED, (table.name, where.partition))
    return build


def _are_few(changes: Changes, few: int) -> bool:
    inserted = sum([len(rows) for rows in changes.inserted.values()])
    return inserted + sum([len(rows) for rows in changes.put.values()]) <= few


async def _change_few(cursor: Cursor, changes: Changes, schema: str) -> None:
    """Change the rows one by one: in a pipeline that is one round trip. COPY takes two a table, and no pipeline."""
    for table, inserted in changes.inserted.items():
        await cursor.executemany(statements(table, schema).insert, list(inserted.values()))
    for table, put in changes.put.items():
        said = statements(table, schema)
        await cursor.executemany(said.upsert, [row for row in put.values() if row is not None])
        await cursor.executemany(said.delete, [key for key, row in put.items() if row is None])
    await _close(cursor, changes, schema)


async def _close(cursor: Cursor, changes: Changes, schema: str) -> None:
    """Close rows by what they have in common: millions take their time."""
    for table, closed in changes.closed.items():
        await unhurried(cursor.connection)
        for where, end in closed.items():
            columns, these = zip(*where, strict=True)
            await cursor.execute(closing(table, columns, schema), (*end, *these))


async def _put(cursor: Cursor, said: Statements, put: Mapping[Key, Row | None]) -> None:
    """Insert or replace, and delete, by way of the waiting rooms."""
    rows = [row for row in put.values() if row is not None]
    if rows:
        await copy_in(cursor, said.copy_put, rows)
        await cursor.execute(said.put)
    if len(rows) < len(put):
        await copy_in(cursor, said.copy_gone, [key for key, row in put.items() if row is None])
        await cursor.execute(said.delete_gone)


async def _restored(connection: AsyncConnection, said: Statements, where: PartitionId) -> list[Row]:
    assert said.restore is not None
    async with connection.cursor() as cursor:
        return [as_row(row) async for row in cursor.stream(said.restore, (where.partition,), size=_FETCH)]
