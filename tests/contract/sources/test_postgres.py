"""Loaders and writers on a real PostgreSQL: what they bring, and what they say when it fails or hangs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tests.contract.sources.conftest import way_to
from tidelock.client.caches.ports import Loaded
from tidelock.client.caches.postgres import Pool, PostgresQuery, PostgresTable
from tidelock.client.errors import BadArgument, SourceRefused, SourceTimedOut, SourceUnavailable
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]
TABLES = """\
CREATE SCHEMA IF NOT EXISTS "My Shop";
DROP TABLE IF EXISTS "My Shop"."order";
CREATE TABLE "My Shop"."order" (
    "the ""key" text PRIMARY KEY, document jsonb, name text, cents int NOT NULL DEFAULT 7, raw bytea
);
DROP TABLE IF EXISTS numbered;
CREATE TABLE numbered (id int PRIMARY KEY, name text);
INSERT INTO numbered VALUES (1, 'one'), (2, 'two');
"""
EVIL = "x'; DROP TABLE numbered; --"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with stack_for_tests(tmp_path_factory.mktemp("postgres"), ("postgres",)) as stack:
        yield str(stack.addresses.postgres)


@pytest_asyncio.fixture(loop_scope="module")
async def pool(url: str) -> AsyncIterator[Pool]:
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(TABLES.encode())
    async with AsyncConnectionPool(url, min_size=1, max_size=2, open=False) as made:
        yield made


def orders(pool: Pool, value: Any = "document", **options: Any) -> PostgresTable:
    return PostgresTable(pool, "My Shop.order", key='the "key', value=value, **options)


async def test_a_row_is_written_loaded_replaced_and_deleted(pool: Pool) -> None:
    table = orders(pool)
    assert await table.load("a") is None
    await table.write("a", {"n": 1, "ä": [None]})
    await table.write("a", {"n": 1, "ä": [None]})
    assert await table.load("a") == Loaded({"n": 1, "ä": [None]})
    await table.write("a", {"n": 2})
    assert await table.load("a") == Loaded({"n": 2})
    await table.write("a", None)
    await table.write("a", None)
    assert await table.load("a") is None


async def test_several_columns_are_a_mapping(pool: Pool) -> None:
    table = orders(pool, ("name", "cents", "raw"), ttl=30.0)
    await table.write("a", {"name": "A", "cents": 5, "raw": b"\0"})
    assert await table.load("a") == Loaded({"name": "A", "cents": 5, "raw": b"\0"}, ttl=30.0)
    for value in ({"name": "A"}, "A", {"name": "A", "cents": 5, "raw": b"", "evil": 1}):
        with pytest.raises(SourceRefused, match="exactly these columns: name, cents, raw"):
            await table.write("a", value)


async def test_names_of_entries_are_never_part_of_the_statement(pool: Pool) -> None:
    table = orders(pool, "name")
    await table.write(EVIL, EVIL)
    assert await table.load(EVIL) == Loaded(EVIL)
    assert await table.load(EVIL + " ") is None
    query = PostgresQuery(pool, "SELECT name FROM numbered WHERE name = %(entry)s")
    assert await query.load(EVIL) is None
    assert await query.load("two") == Loaded("two")


async def test_a_query_returns_a_value_or_a_mapping(pool: Pool) -> None:
    one = PostgresQuery(pool, "SELECT name FROM numbered WHERE id = %(entry)s::int", ttl=5.0)
    assert await one.load("1") == Loaded("one", ttl=5.0)
    assert await one.load("3") is None
    both = PostgresQuery(pool, "SELECT id, upper(name) AS loud FROM numbered WHERE id = %(entry)s::int")
    assert await both.load("2") == Loaded({"id": 2, "loud": "TWO"})


async def test_the_pools_own_rows_do_not_matter(url: str, pool: Pool) -> None:
    async with AsyncConnectionPool(
        url, min_size=1, kwargs={"row_factory": dict_row, "autocommit": True}, open=False
    ) as strange:
        table = orders(strange, "name")
        await table.write("a", "A")
        assert await table.load("a") == Loaded("A")
    assert await orders(pool, "name").load("a") == Loaded("A")


async def test_several_rows_are_refused(pool: Pool) -> None:
    with pytest.raises(SourceRefused, match="several rows"):
        await PostgresQuery(pool, "SELECT id FROM numbered WHERE %(entry)s = 'a'").load("a")


async def test_what_postgres_refuses_is_refused(pool: Pool) -> None:
    table = PostgresTable(pool, "numbered", key="id", value="name")
    assert await table.load("1") == Loaded("one")
    with pytest.raises(SourceRefused, match="22P02") as refused:
        await table.load("no number")
    assert isinstance(refused.value.__cause__, psycopg.Error)
    with pytest.raises(SourceRefused, match="42P01"):
        await PostgresTable(pool, "nowhere", key="id", value="name").load("1")
    with pytest.raises(SourceRefused, match="23502"):
        await orders(pool, ("name", "cents")).write("a", {"name": "A", "cents": None})
    assert await table.load("1") == Loaded("one")


async def test_a_key_that_is_a_value_too_and_a_value_of_nothing_are_bad_arguments(pool: Pool) -> None:
    for value in ((), ("id", "name"), "id"):
        with pytest.raises(BadArgument):
            PostgresTable(pool, "numbered", key="id", value=value)


async def test_a_query_that_hangs_is_given_up_and_cancelled_there(pool: Pool) -> None:
    slow = PostgresQuery(pool, "SELECT pg_sleep(600)::text || %(entry)s", within=0.05)
    for _ in range(4):  # more than the pool has connections
        with pytest.raises(SourceTimedOut, match="took longer"):
            await slow.load("a")
    assert await _sleeping(pool) == 0


async def test_a_caller_who_gives_up_leaves_nothing_behind(pool: Pool) -> None:
    loading = asyncio.create_task(
        PostgresQuery(pool, "SELECT pg_sleep(600)::text || %(entry)s", within=60).load("a")
    )
    while not await _sleeping(pool):
        await asyncio.sleep(0.01)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert await _sleeping(pool) == 0


async def _sleeping(pool: Pool) -> int:
    async with pool.connection() as connection:
        found = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'"
        )
        row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def test_statements_that_the_server_ends_have_timed_out(url: str, pool: Pool) -> None:
    bounded = make_conninfo(url, options="-c statement_timeout=50")
    async with AsyncConnectionPool(bounded, min_size=1, open=False) as impatient:
        with pytest.raises(SourceTimedOut, match="cancelled by the server"):
            await PostgresQuery(impatient, "SELECT pg_sleep(600)::text || %(entry)s", within=60).load("a")


async def test_a_server_that_falls_silent_is_given_up(url: str, pool: Pool) -> None:
    parts = conninfo_to_dict(url)
    if str(parts.get("host", "")).startswith("/"):
        pytest.skip("PostgreSQL listens on no port here")
    async with way_to(int(parts["port"] or 5432)) as way:
        by = make_conninfo(url, host="127.0.0.1", hostaddr="", port=way.port)
        async with AsyncConnectionPool(by, min_size=1, max_size=1, open=False) as silent:
            table = PostgresTable(silent, "numbered", key="id", value="name", within=0.2)
            assert await table.load("1") == Loaded("one")
            way.open.clear()
            with pytest.raises(SourceTimedOut):
                await table.load("1")
            with pytest.raises((SourceTimedOut, SourceUnavailable)):
                await table.write("1", "uno")
            way.open.set()
            async with asyncio.timeout(30):
                while True:
                    try:
                        assert await table.load("1") in (Loaded("one"), Loaded("uno"))
                        break
                    except (SourceTimedOut, SourceUnavailable):
                        continue


async def test_a_server_that_is_not_there_is_unavailable(url: str) -> None:
    nobody = make_conninfo(url, host="127.0.0.1", port=1)
    async with AsyncConnectionPool(nobody, min_size=1, open=False, timeout=0.1) as empty:
        with pytest.raises(SourceUnavailable, match="try again"):
            await PostgresTable(empty, "numbered", key="id", value="name").load("1")
