"""`ProjectionStore` on PostgreSQL: rows and checkpoint in one transaction, compared and moved.

The checkpoint's row is the lock: whoever holds it writes, whoever comes second finds it moved. After a lost COMMIT the
writer does not know; it loads, and the checkpoint tells.
"""

from collections.abc import Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection

from storage.postgres.checkpoints import Cursor, move_checkpoint, stored_checkpoint, take_checkpoint
from storage.postgres.errors import translated
from storage.postgres.pool import Pool
from storage.postgres.rows import as_row, copy_in
from storage.postgres.statements import Statements, closing, statements
from streams.log.checkpoint import START, Checkpoint, decode_checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import Loaded
from streams.projections.projection import Projection
from streams.projections.table import Changes, Key, Row, Table

_FETCH = 2000
_POSITIONS = """
SELECT kind, partition, checkpoint FROM tidelock.checkpoints WHERE projection = %s AND version = %s
"""
_FORGET_PUBLISHED = "DELETE FROM tidelock.publications WHERE name = %s AND partition = %s"
FEW = 40
"""Up to so many changes go row by row; measured."""


@lru_cache(maxsize=256)
def _said(table: Table) -> Statements:
    return statements(table)


class PostgresProjectionStore:
    """Read models in one database. It knows tables by their description only."""

    def __init__(self, pool: Pool, few: int = FEW) -> None:
        self._pool = pool
        self._few = few
        self._staged: WeakKeyDictionary[AsyncConnection, set[Table]] = WeakKeyDictionary()

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return checkpoint and rows as one snapshot shows them."""
        with translated(f"load of {projection.name} {where}"):
            async with self._pool.connection() as connection, connection.transaction():
                restoring = [table for table in projection.tables if _said(table).restore is not None]
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                for table in restoring:  # before the snapshot is taken: TRUNCATE heeds none
                    await connection.execute(_said(table).share)
                checkpoint = await stored_checkpoint(connection.cursor(), projection, where)
                if checkpoint == START:
                    return Loaded(START, {})
                return Loaded(
                    checkpoint, {table: await _restored(connection, table, where) for table in restoring}
                )

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        """Write rows and checkpoint in one transaction, if the stored checkpoint is still `expected`."""
        with translated(f"write of {projection.name} {where}"):
            async with self._pool.connection() as connection:
                async with connection.transaction(), connection.cursor() as cursor:
                    await _begin(cursor, projection, where, expected)
                    fresh: set[Table] = set()
                    if _are_few(changes, self._few):
                        async with connection.pipeline():
                            await _change_few(cursor, changes)
                            await move_checkpoint(cursor, projection, where, expected, reached)
                    else:
                        fresh = await self._change(cursor, changes)
                        await move_checkpoint(cursor, projection, where, expected, reached)
                # only now: a rollback takes the waiting rooms along
                self._staged.setdefault(connection, set()).update(fresh)

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Write rows as `write` would, and roll back."""
        with translated(f"rehearsal of {projection.name} {where}"):
            async with (
                self._pool.connection() as connection,
                connection.transaction(force_rollback=True),
                connection.cursor() as cursor,
            ):
                await _begin(cursor, projection, where, expected)
                await self._change(cursor, changes)

    async def _change(self, cursor: Cursor, changes: Changes) -> set[Table]:
        """Change the rows; return the tables for which the connection got waiting rooms."""
        staged, fresh = self._staged.get(cursor.connection, set()), set()
        for table, inserted in changes.inserted.items():
            if inserted:
                await copy_in(cursor, _said(table).copy, inserted.values())
        for table, put in changes.put.items():
            if put and table not in staged:
                await cursor.execute(_said(table).stage)
                fresh.add(table)
            if put:
                await _put(cursor, table, put)
        await _close(cursor, changes)
        return fresh

    async def reset(self, projection: Projection) -> None:
        """Delete its rows and checkpoints, in one transaction."""
        with translated(f"reset of {projection.name}"):
            async with (
                self._pool.connection() as connection,
                connection.transaction(),
                connection.cursor() as cursor,
            ):
                await cursor.execute("SET LOCAL statement_timeout = 0")
                await cursor.execute(
                    "DELETE FROM tidelock.checkpoints WHERE projection = %s", (projection.name,)
                )
                for table in projection.tables:
                    await cursor.execute(_said(table).truncate)
                    await cursor.execute("DELETE FROM tidelock.publications WHERE name = %s", (table.name,))

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is."""
        with translated(f"positions of {projection.name}"):
            async with self._pool.connection() as connection:
                found = await connection.execute(_POSITIONS, (projection.name, projection.version))
                return {
                    PartitionId(kind, partition): decode_checkpoint(stored)
                    for kind, partition, stored in await found.fetchall()
                }

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Do nothing: nothing is kept between calls."""


async def _begin(cursor: Cursor, projection: Projection, where: PartitionId, expected: Checkpoint) -> None:
    """Take the checkpoint; a first write finds the place empty of rows."""
    await take_checkpoint(cursor, projection, where, expected)
    if expected.next_offset == START.next_offset:
        await cursor.execute("SET LOCAL statement_timeout = 0")
        for table in projection.tables:
            await cursor.execute(_said(table).delete_partition, (where.partition,))
            await cursor.execute(_FORGET_PUBLISHED, (table.name, where.partition))


def _are_few(changes: Changes, few: int) -> bool:
    inserted = sum([len(rows) for rows in changes.inserted.values()])
    return inserted + sum([len(rows) for rows in changes.put.values()]) <= few


async def _change_few(cursor: Cursor, changes: Changes) -> None:
    """Change the rows one by one: in a pipeline that is one round trip. COPY takes two a table, and no pipeline."""
    for table, inserted in changes.inserted.items():
        await cursor.executemany(_said(table).insert, list(inserted.values()))
    for table, put in changes.put.items():
        await cursor.executemany(_said(table).upsert, [row for row in put.values() if row is not None])
        await cursor.executemany(_said(table).delete, [key for key, row in put.items() if row is None])
    await _close(cursor, changes)


async def _close(cursor: Cursor, changes: Changes) -> None:
    """Close rows by what they have in common: millions take their time."""
    for table, closed in changes.closed.items():
        await cursor.execute("SET LOCAL statement_timeout = 0")
        for where, end in closed.items():
            columns, these = zip(*where, strict=True)
            await cursor.execute(closing(table, columns), (*end, *these))


async def _put(cursor: Cursor, table: Table, put: Mapping[Key, Row | None]) -> None:
    """Insert or replace, and delete, by way of the waiting rooms."""
    said = _said(table)
    rows = [row for row in put.values() if row is not None]
    if rows:
        await copy_in(cursor, said.copy_put, rows)
        await cursor.execute(said.put)
    if len(rows) < len(put):
        await copy_in(cursor, said.copy_gone, [key for key, row in put.items() if row is None])
        await cursor.execute(said.delete_gone)


async def _restored(connection: AsyncConnection, table: Table, where: PartitionId) -> list[Row]:
    statement = _said(table).restore
    assert statement is not None
    async with connection.cursor() as cursor:
        return [as_row(row) async for row in cursor.stream(statement, (where.partition,), size=_FETCH)]
