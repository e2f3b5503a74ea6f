"""How a database is brought to a release."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from storage.postgres.migrations import (
    DatabaseNewer,
    MigrationChanged,
    MigrationFailed,
    migrate,
)
from storage.postgres.released import Migration, released
from streams.projections.ports import SinkUnavailable
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

ONE = Migration(
    1, "0001_one", "CREATE TABLE tidelock.one (a bigint); INSERT INTO tidelock.one VALUES (5 % 3);"
)
TWO = Migration(2, "0002_two", "CREATE TABLE tidelock.two (a bigint);")
ADDS = Migration(3, "0003_adds", "-- compatible-from: 2\nALTER TABLE tidelock.two ADD COLUMN b bigint;")
INDEXES = Migration(
    2,
    "0002_indexes",
    "-- Of one column; nobody waits.\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_by_a ON tidelock.one (a);\n"
    "-- And this.\nCREATE TABLE IF NOT EXISTS tidelock.two (a bigint);\n",
)
BROKEN = Migration(
    2, "0002_two", "CREATE TABLE tidelock.two (a bigint); CREATE TABLE tidelock.one (a bigint);"
)

BEGUN = "SELECT FROM pg_index WHERE indexrelid = to_regclass('tidelock.one_by_a')"
STANDS = """
    SELECT c.relname::text, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = 'tidelock.one'::regclass
"""

_numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with stack_for_tests(tmp_path_factory.mktemp("postgres"), ("postgres",)) as stack:
        yield str(stack.addresses.postgres)


@pytest_asyncio.fixture(loop_scope="module")
async def url(server: str) -> str:
    """A database with nothing in it."""
    name = f"fresh{next(_numbers)}"
    async with await AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    return make_conninfo(server, dbname=name)


async def asked(url: str, question: str) -> list[tuple[object, ...]]:
    async with await AsyncConnection.connect(url) as connection:
        return await (await connection.execute(question.encode())).fetchall()


async def test_what_is_missing_is_applied_once_and_in_order(url: str) -> None:
    assert await migrate(url, (ONE,)) == ("0001_one",)
    assert await migrate(url, (ONE,)) == ()
    assert await migrate(url, (ONE, TWO)) == ("0002_two",)
    assert await asked(url, "SELECT a FROM tidelock.one") == [(2,)]
    recorded = await asked(url, "SELECT number, name, sha256 FROM tidelock.migrations ORDER BY 1")
    assert recorded == [(1, "0001_one", ONE.sha256), (2, "0002_two", TWO.sha256)]


async def test_of_processes_that_start_together_one_migrates(url: str) -> None:
    applied = await asyncio.gather(*[migrate(url) for _ in range(5)])
    assert sorted(applied) == [*[()] * 4, tuple(each.name for each in released())]


async def test_a_released_file_that_was_changed_is_refused(url: str) -> None:
    await migrate(url, (ONE,))
    changed = Migration(1, "0001_one", ONE.text + " -- better")
    with pytest.raises(MigrationChanged, match="put the change into a new one") as caught:
        await migrate(url, (changed, TWO))
    assert caught.value.code == "MIGRATION_CHANGED"
    assert len(await asked(url, "SELECT 1 FROM tidelock.migrations")) == 1


async def test_a_database_of_a_later_release_is_refused(url: str) -> None:
    await migrate(url, (ONE, TWO))
    with pytest.raises(DatabaseNewer, match="0002_two") as caught:
        await migrate(url, (ONE,))
    assert caught.value.code == "DATABASE_NEWER"


async def test_a_database_of_a_later_release_does_for_those_that_its_migrations_name(url: str) -> None:
    await migrate(url, (ONE, TWO, ADDS))
    assert await migrate(url, (ONE, TWO)) == ()
    with pytest.raises(DatabaseNewer, match="0002_two"):
        await migrate(url, (ONE,))
    contracts = Migration(
        4, "0004_contracts", "-- compatible-from: 3\nALTER TABLE tidelock.two DROP COLUMN a;"
    )
    await migrate(url, (ONE, TWO, ADDS, contracts))
    assert await migrate(url, (ONE, TWO, ADDS)) == ()
    with pytest.raises(DatabaseNewer, match="0004_contracts"):
        await migrate(url, (ONE, TWO))


async def test_what_earlier_programs_have_recorded_does_for_none_before_it(url: str) -> None:
    await migrate(url, (ONE, TWO))
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("ALTER TABLE tidelock.migrations DROP COLUMN compatible_from")
    with pytest.raises(DatabaseNewer, match="0002_two"):
        await migrate(url, (ONE,))
    assert await migrate(url, (ONE, TWO)) == ()


async def test_a_file_that_does_the_same_in_another_way_is_no_other(url: str) -> None:
    await migrate(url, (ONE,))
    same = Migration(1, "0001_one", f"-- instead-of: {ONE.sha256}\n" + ONE.text)
    assert await migrate(url, (same, TWO)) == ("0002_two",)


async def test_who_reads_what_was_applied_holds_up_nobody(url: str) -> None:
    await migrate(url, (ONE,))
    async with await AsyncConnection.connect(url) as backup:  # as one of the whole database does, to its end
        await backup.execute("SELECT FROM tidelock.migrations")
        assert await asyncio.wait_for(migrate(url, (ONE, TWO)), timeout=30) == ("0002_two",)


async def test_who_uses_a_table_for_long_is_not_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody else would wait behind."""
    monkeypatch.setattr("storage.postgres.migrations.LOCKS_MS", 100)
    await migrate(url, (ONE, TWO))
    async with await AsyncConnection.connect(url) as reader:
        await reader.execute("SELECT FROM tidelock.two")
        with pytest.raises(SinkUnavailable, match="lock timeout"):
            await asyncio.wait_for(migrate(url, (ONE, TWO, ADDS)), timeout=30)
    assert await migrate(url, (ONE, TWO, ADDS)) == ("0003_adds",)


@pytest.mark.parametrize(
    "lost",
    ["DROP INDEX tidelock.one_by_a",
     "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tidelock.one_by_a'::regclass"],
    ids=["gone", "broken-off"],
)  # fmt: skip
async def test_an_index_that_is_none_any_more_is_made_anew(url: str, lost: str) -> None:
    await migrate(url, (ONE, INDEXES))
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(lost.encode())
    assert await migrate(url, (ONE, INDEXES)) == ()
    assert await asked(url, STANDS) == [("one_by_a", True)]


async def test_nobody_who_writes_waits_for_an_index(url: str) -> None:
    await migrate(url, (ONE,))
    async with (
        await AsyncConnection.connect(url) as writer,
        await AsyncConnection.connect(url, autocommit=True, options="-c lock_timeout=5s") as another,
    ):
        await writer.execute("INSERT INTO tidelock.one VALUES (7)")
        migrating = asyncio.create_task(migrate(url, (ONE, INDEXES)))
        while (await (await another.execute(BEGUN)).fetchone()) is None:
            assert not migrating.done()
        await another.execute("INSERT INTO tidelock.one VALUES (8)")
        await writer.commit()
        assert await migrating == ("0002_indexes",)
    assert await asked(url, STANDS) == [("one_by_a", True)]


async def test_an_index_that_was_broken_off_is_made_anew(url: str) -> None:
    await migrate(url, (ONE,))
    async with (
        await AsyncConnection.connect(url) as writer,
        await AsyncConnection.connect(url, autocommit=True) as another,
    ):
        await writer.execute("INSERT INTO tidelock.one VALUES (7)")
        migrating = asyncio.create_task(migrate(url, (ONE, INDEXES)))
        while (await (await another.execute(BEGUN)).fetchone()) is None:
            assert not migrating.done()
        await another.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'"
        )
        with pytest.raises(SinkUnavailable):
            await migrating
        await writer.commit()
    assert await asked(url, STANDS) == [("one_by_a", False)]
    assert await migrate(url, (ONE, INDEXES)) == ("0002_indexes",)
    assert await asked(url, STANDS) == [("one_by_a", True)]
    assert await asked(url, "SELECT to_regclass('tidelock.two') IS NOT NULL") == [(True,)]


async def test_a_migration_that_fails_leaves_nothing_of_itself(url: str) -> None:
    with pytest.raises(MigrationFailed, match=r'0002_two.*"one" already exists') as caught:
        await migrate(url, (ONE, BROKEN))
    assert caught.value.code == "MIGRATION_FAILED"
    assert await asked(url, "SELECT name FROM tidelock.migrations") == [("0001_one",)]
    assert await asked(url, "SELECT to_regclass('tidelock.two')::text") == [(None,)]
    assert await migrate(url, (ONE, TWO)) == ("0002_two",)


async def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(SinkUnavailable):
        await migrate("postgresql://nobody@127.0.0.1:1/none")
