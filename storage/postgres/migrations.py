"""Brings a database to this release: its SQL files (`released`) in order, each applied once, and recorded.

Errors:
    MigrationError
    ├── MigrationChanged   a released file is not what was applied
    ├── DatabaseNewer      a later release has been here, and has changed what this one needs
    └── MigrationFailed    PostgreSQL refuses what a file says
"""

import asyncio
from typing import ClassVar, Final

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from storage.postgres.errors import translated
from storage.postgres.pool import bounded
from storage.postgres.released import Migration, released
from streams.domain.value import value

LOCK = 7_431_640_155_261
"""The advisory lock of whoever migrates."""
AGAIN_S: Final = 0.1
LOCKS_MS: Final = 5_000
"""So long a change of a table waits for those who use it, and has others wait behind it."""

_RECORDS = """
CREATE SCHEMA IF NOT EXISTS tidelock;
CREATE TABLE IF NOT EXISTS tidelock.migrations (
    number     bigint PRIMARY KEY,
    name       text   NOT NULL,
    sha256     text   NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_HAS_WORD: Final = """
SELECT FROM pg_attribute WHERE attrelid = 'tidelock.migrations'::regclass AND attname = 'compatible_from'
"""
_ADD_WORD: Final = "ALTER TABLE tidelock.migrations ADD COLUMN compatible_from bigint"
_APPLIED: Final = "SELECT number, name, sha256, coalesce(compatible_from, number) FROM tidelock.migrations"
_RECORD: Final = """
INSERT INTO tidelock.migrations (number, name, sha256, compatible_from) VALUES (%s, %s, %s, %s)
"""
_WHOLE: Final = """
SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'tidelock'::regnamespace AND i.indisvalid AND c.relname = ANY (%s)
"""
_BROKEN: Final = """
SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'tidelock'::regnamespace AND NOT i.indisvalid AND c.relname = ANY (%s)
"""


class MigrationError(Exception):
    """The database cannot be brought to this release."""

    code: ClassVar[str] = "MIGRATION_ERROR"


class MigrationChanged(MigrationError):
    """A file was changed after it had been applied."""

    code = "MIGRATION_CHANGED"

    def __init__(self, migration: Migration, applied: str) -> None:
        super().__init__(
            f"Migration {migration.name} was applied with SHA-256 {applied[:12]}, this release has "
            f"{migration.sha256[:12]}. Restore the released file, and put the change into a new one."
        )
        self.migration = migration


class DatabaseNewer(MigrationError):
    """The database has a migration that this release does not know, and cannot go on with."""

    code = "DATABASE_NEWER"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The database has migration {name}, which this release does not know, and which changes what it needs. "
            "Run the release that applied it, or a later one; or give this one a database of its own: read models are "
            "built anew from the log."
        )
        self.name = name


class MigrationFailed(MigrationError):
    """PostgreSQL refused a file; nothing of it was done, or of its steps some, which are done no second time."""

    code = "MIGRATION_FAILED"

    def __init__(self, migration: Migration, error: psycopg.Error) -> None:
        done = "Its steps before that are done, and stay." if migration.steps else "Nothing of it was done."
        super().__init__(
            f"Migration {migration.name} cannot be applied: {error} {done} See whether something "
            "else made its tables, or give Tidelock a database of its own."
        )
        self.migration = migration


async def migrate(url: str, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Apply what is missing; return the names applied. Raises `MigrationError`, `SinkUnavailable`.

    Several processes may do it at once: one works, the others wait for it and find nothing to do. Indexes of before
    that are broken off or gone are made anew.
    """
    wanted = released() if migrations is None else migrations
    with translated("migrations"):
        connection = await AsyncConnection.connect(bounded(url), autocommit=True)
        async with connection:
            await connection.execute("SET statement_timeout = 0")
            await _wait_at_most(connection, LOCKS_MS)
            await _be_alone(connection)
            await connection.execute(_RECORDS)
            if await (await connection.execute(_HAS_WORD)).fetchone() is None:
                await connection.execute(_ADD_WORD)
            applied = await _applied(connection)
            missing = _missing(wanted, applied)
            for migration in missing:
                await _apply(connection, migration)
            if applied.keys() <= {each.number for each in wanted}:  # a later release may do without an index
                await _mend(connection, wanted)
    return tuple(each.name for each in missing)


@value
class _Applied:
    """What a database says of a migration."""

    number: int
    name: str
    sha256: str
    compatible_from: int


async def _be_alone(connection: AsyncConnection) -> None:
    """Be the one who migrates, as long as the connection is there.

    Others ask again and again: who waits in a statement has a snapshot, and for that an index made concurrently waits.
    """
    asked = "SELECT pg_try_advisory_lock(%s)"
    while await (await connection.execute(asked, (LOCK,))).fetchone() != (True,):
        await asyncio.sleep(AGAIN_S)


async def _wait_at_most(connection: AsyncConnection, locks_ms: int) -> None:
    await connection.execute(sql.SQL("SET lock_timeout = {}").format(locks_ms))


async def _applied(connection: AsyncConnection) -> dict[int, _Applied]:
    found = await (await connection.execute(_APPLIED)).fetchall()
    return {row[0]: _Applied(*row) for row in found}


def _missing(wanted: tuple[Migration, ...], applied: dict[int, _Applied]) -> tuple[Migration, ...]:
    own = max([each.number for each in wanted], default=0)
    later = [each for _, each in sorted(applied.items()) if each.number > own]
    for one in later:
        if one.compatible_from > own:
            raise DatabaseNewer(one.name)
    for each in wanted:
        if each.number in applied and applied[each.number].sha256 not in each.same:
            raise MigrationChanged(each, applied[each.number].sha256)
    if later:
        log = structlog.get_logger("tidelock.postgres.migrations")
        log.info("the database is of a later release, and does for this one", migration=later[-1].name)
    return tuple(each for each in wanted if each.number not in applied)


async def _apply(connection: AsyncConnection, migration: Migration) -> None:
    try:
        if migration.steps:
            await _step(connection, migration)
        async with connection.transaction():
            if not migration.steps:
                await connection.execute(migration.text.encode())  # as it is: a `%` in it is no parameter
            record = (migration.number, migration.name, migration.sha256, migration.compatible_from)
            await connection.execute(_RECORD, record)
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as error:
        raise MigrationFailed(migration, error) from error


async def _mend(connection: AsyncConnection, applied: tuple[Migration, ...]) -> None:
    """Make anew what steps have made and is gone: a table without it took the place of another, or it broke off."""
    for migration in applied:
        names = list(migration.indexes)
        if names and await (await connection.execute(_WHOLE, (names,))).fetchone() != (len(names),):
            await _step(connection, migration)


async def _step(connection: AsyncConnection, migration: Migration) -> None:
    """Apply it step by step; an index that was broken off is there, but is none, and is made anew."""
    await _wait_at_most(connection, 0)
    found = await connection.execute(_BROKEN, (list(migration.indexes),))
    for (name,) in await found.fetchall():
        dropped = sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier("tidelock", name))
        await connection.execute(dropped)
    for step in migration.steps:
        await connection.execute(step.encode())
    await _wait_at_most(connection, LOCKS_MS)
