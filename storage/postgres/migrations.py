"""Brings a database to this release: plain SQL files in order, each applied once, in one transaction, and recorded.

Errors:
    MigrationError
    ├── MigrationChanged   a released file is not what was applied
    ├── DatabaseNewer      a later release has been here
    └── MigrationFailed    PostgreSQL refuses what a file says
"""

from hashlib import sha256
from importlib.resources import files
from typing import ClassVar

import psycopg
from psycopg import AsyncConnection

from storage.postgres.errors import translated
from storage.postgres.pool import bounded
from streams.domain.value import value

LOCK = 7_431_640_155_261
"""The advisory lock of whoever migrates."""

_RECORDS = """
CREATE SCHEMA IF NOT EXISTS tidelock;
CREATE TABLE IF NOT EXISTS tidelock.migrations (
    number     bigint PRIMARY KEY,
    name       text   NOT NULL,
    sha256     text   NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


class MigrationError(Exception):
    """The database cannot be brought to this release."""

    code: ClassVar[str] = "MIGRATION_ERROR"


class MigrationChanged(MigrationError):
    """A file was changed after it had been applied."""

    code = "MIGRATION_CHANGED"

    def __init__(self, migration: "Migration", applied: str) -> None:
        super().__init__(
            f"Migration {migration.name} was applied with SHA-256 {applied[:12]}, this release has "
            f"{migration.sha256[:12]}. Restore the released file, and put the change into a new one."
        )
        self.migration = migration


class DatabaseNewer(MigrationError):
    """The database has a migration that this release does not know."""

    code = "DATABASE_NEWER"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The database has migration {name}, which this release does not know. Run the release that applied "
            "it, or a later one; or give this one a database of its own: read models are built anew from the log."
        )
        self.name = name


class MigrationFailed(MigrationError):
    """PostgreSQL refused a file; nothing of it was done."""

    code = "MIGRATION_FAILED"

    def __init__(self, migration: "Migration", error: psycopg.Error) -> None:
        super().__init__(
            f"Migration {migration.name} cannot be applied: {error} Nothing of it was done. See whether something "
            "else made its tables, or give Tidelock a database of its own."
        )
        self.migration = migration


@value
class Migration:
    """One SQL file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """What tells whether it was changed."""
        return sha256(self.text.encode()).hexdigest()


def released() -> tuple[Migration, ...]:
    """Return this release's migrations in order. Raises `ValueError` if the numbers are not 1, 2, 3 ..."""
    folder = files("storage.postgres") / "migrations"
    found = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    migrations = tuple(
        Migration(int(name[:4]), name.removesuffix(".sql"), (folder / name).read_text("utf-8"))
        for name in found
    )
    if [each.number for each in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"Migrations must be numbered 0001, 0002 ... without a gap; there are {found}.")
    return migrations


async def migrate(url: str, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Apply what is missing; return the names applied. Raises `MigrationError`, `SinkUnavailable`.

    Several processes may do it at once: one works, the others wait for it and find nothing to do.
    """
    wanted = released() if migrations is None else migrations
    with translated("migrations"):
        connection = await AsyncConnection.connect(bounded(url), autocommit=True)
        async with connection:
            await connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
            await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))  # ends with the connection
            await connection.execute(_RECORDS)
            missing = _missing(wanted, await _applied(connection))
            for migration in missing:
                await _apply(connection, migration)
    return tuple(each.name for each in missing)


async def _applied(connection: AsyncConnection) -> dict[int, tuple[str, str]]:
    cursor = await connection.execute("SELECT number, name, sha256 FROM tidelock.migrations")
    return {number: (name, digest) for number, name, digest in await cursor.fetchall()}


def _missing(wanted: tuple[Migration, ...], applied: dict[int, tuple[str, str]]) -> tuple[Migration, ...]:
    known = {each.number for each in wanted}
    for number, (name, _) in sorted(applied.items()):
        if number not in known:
            raise DatabaseNewer(name)
    for each in wanted:
        if each.number in applied and applied[each.number][1] != each.sha256:
            raise MigrationChanged(each, applied[each.number][1])
    return tuple(each for each in wanted if each.number not in applied)


async def _apply(connection: AsyncConnection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.text.encode())  # as it is: a `%` in it is no parameter
            await connection.execute(
                "INSERT INTO tidelock.migrations (number, name, sha256) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.sha256),
            )
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as error:
        raise MigrationFailed(migration, error) from error
