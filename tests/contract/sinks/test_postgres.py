"""What PostgreSQL adds to the contract: the real tables, a server that dies, and writers that hang."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.errors import QueryCanceled
from psycopg_pool import AsyncConnectionPool

from storage.postgres.checkpoints import CHANNEL
from storage.postgres.pool import PoolSettings, pool, unhurried
from storage.postgres.store import PostgresProjectionStore
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.locks import tables
from streams.projections.ports import CheckpointMoved, Loaded, RowRefused, SinkUnavailable
from streams.projections.table import Changes, Row, Table
from streams.read_models import PROJECTIONS
from tests.contract.sinks.conftest import PostgresDatabase, empty_database, postgres_for_tests
from tests.contract.sinks.toys import HERE, ITEMS, SPELLS, THERE, TOY, at, inserted, item, put, spell
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

IN_ROWS = tuple(projection for projection in PROJECTIONS if projection.kept == "rows")
REAL = tuple(table for projection in IN_ROWS for table in projection.tables)
JSON = {"holders", "cycle", "waits", "holds", "works", "settings", "headers", "origin", "tags", "labels",
        "metadata", "checks", "evidence", "unswept", "alarm", "silences", "failover_times"}  # fmt: skip
COUNTS = {("lock_windows", "holders"), ("node_windows", "draining"), ("node_windows", "ended")}
NUMBERS = {
    ("locks", "waiting"), ("lock_history", "keyframe"), ("message_history", "numbers"), ("message_history", "attempts"),
    ("message_history", "due_lease_ms"), ("message_history", "due_ms"),
    ("instance_history", "keyframe"),
}  # fmt: skip
FLAGS = {"accepted", "closed", "paused", "broadcast", "stray", "deleted", "closing", "reset", "draining", "healthy",
         "pulled"}  # fmt: skip
TEXT = {
    "tenant", "name", "mode", "role", "principal", "client", "handle", "transaction_id", "ended", "command", "lane",
    "outcome", "reason", "events", "queue", "subscription", "group_", "key", "dedup_id", "state", "target", "what",
    "cause", "session", "cache", "entry", "digest", "gone", "purpose", "status", "address", "zone",
    "drained_by", "drained_why", "health", "ended_by", "ended_why", "by_", "why", "service", "instance", "pulled_by",
}  # fmt: skip
BYTES = {"payload"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def database(stack: LocalStack) -> AsyncIterator[PostgresDatabase]:
    async with empty_database(stack) as found:
        yield found


def type_of(table: Table, column: str) -> str:
    """Return the type that a column of a real table has to have."""
    if (table.name, column) in NUMBERS:
        return "bigint[]"
    if (table.name, column) in COUNTS:
        return "bigint"
    for kind, columns in (("jsonb", JSON), ("boolean", FLAGS), ("bytea", BYTES), ("text", TEXT)):
        if column in columns:
            return kind
    return "bigint"


def example(table: Table, number: int) -> Row:
    """Return a row of a real table with a value in each column."""
    values: dict[str, Any] = {"bigint": number, "text": f"text {number}", "boolean": True}
    values |= {"bytea": b"\x00\xff", "bigint[]": (1, number), "jsonb": f'[{{"é": "{number} \\\\ \\" \\n"}}]'}
    return tuple(values[type_of(table, column)] for column in table.columns)


def changed(table: Table) -> Row:
    """Return the first example with other values under its key; its age follows from that."""
    stay = {*table.columns[: table.key], table.aged}
    pairs = zip(table.columns, example(table, 1), example(table, 7), strict=True)
    return tuple(old if column in stay else new for column, old, new in pairs)


def plain(table: Table, row: Row) -> Row:
    """Return a row with its JSON as values: PostgreSQL keeps their meaning, not their spaces."""
    return tuple(
        json.loads(each) if type_of(table, column) == "jsonb" else each
        for column, each in zip(table.columns, row, strict=True)
    )


async def test_the_tables_are_those_of_the_catalogue(database: PostgresDatabase) -> None:
    async with database.pool.connection() as connection:
        found = await connection.execute("""
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
            JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = 'tidelock' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0
                AND c.relname NOT LIKE 'toy%'
            ORDER BY c.relname, a.attnum
        """)
        have: dict[str, dict[str, str]] = {}
        for name, column, kind in await found.fetchall():
            have.setdefault(name, {})[column] = kind
    own = {
        "migrations",
        "checkpoints",
        "builds",
        "log_marks",
        "publications",
        "series",
        "retention",
        "forgotten",
    }
    want = {table.name: {column: type_of(table, column) for column in table.columns} for table in REAL}
    assert {name: columns for name, columns in have.items() if name not in own} == want


async def test_the_primary_keys_are_those_of_the_catalogue(database: PostgresDatabase) -> None:
    async with database.pool.connection() as connection:
        found = await connection.execute("""
            SELECT c.relname, array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))::text[]
            FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE i.indisprimary
            GROUP BY c.relname
        """)
        have: dict[str, list[str]] = dict(await found.fetchall())
    for table in REAL:
        aged = [] if table.aged is None else [table.aged]
        assert have[table.name] == [*table.columns[: table.key], *aged]


@pytest.mark.parametrize("projection", IN_ROWS, ids=lambda projection: projection.name)
async def test_the_real_tables_take_rows_and_give_them_back(
    database: PostgresDatabase, projection: Any
) -> None:
    where = PartitionId(projection.kind, 1)
    first, second = Changes(), Changes()
    for table in projection.tables:
        first.insert(table, example(table, 1))
        second.upsert(table, changed(table))
        second.upsert(table, example(table, 2))
    await database.store.write(projection, where, START, at(1), first)
    for table in projection.tables:
        assert [plain(table, row) for row in await database.rows(table)] == [plain(table, example(table, 1))]
    await database.store.write(projection, where, at(1), at(2), second)
    for table in projection.tables:
        rows = [changed(table), example(table, 2)]
        assert [plain(table, row) for row in await database.rows(table)] == [
            plain(table, row) for row in rows
        ]


async def test_json_comes_back_to_the_fold_as_text(database: PostgresDatabase) -> None:
    (locks,) = [projection for projection in PROJECTIONS if projection.name == "locks"]
    row = example(tables.LOCKS, 1)
    await database.store.write(locks, PartitionId("locks", 1), START, at(1), inserted(tables.LOCKS, row))
    (loaded,) = (await database.store.load(locks, PartitionId("locks", 1))).rows[tables.LOCKS]
    holders = loaded[tables.LOCKS.columns.index("holders")]
    assert isinstance(holders, str)
    assert plain(tables.LOCKS, loaded) == plain(tables.LOCKS, row)


async def test_a_name_that_no_index_takes_is_refused(database: PostgresDatabase) -> None:
    (locks,) = [projection for projection in PROJECTIONS if projection.name == "locks"]
    name = "".join(chr(33 + number * 7919 % 9000) for number in range(65_536))
    row = (1, "acme", name, *example(tables.LOCKS, 1)[3:])
    with pytest.raises(RowRefused, match="54000"):
        await database.store.write(locks, PartitionId("locks", 1), START, at(1), inserted(tables.LOCKS, row))


async def test_json_that_is_none_is_refused(database: PostgresDatabase) -> None:
    (locks,) = [projection for projection in PROJECTIONS if projection.name == "locks"]
    good, column = example(tables.LOCKS, 1), tables.LOCKS.columns.index("holders")
    for bad in ("{", '"\\u0000"'):
        row = (*good[:column], bad, *good[column + 1 :])
        with pytest.raises(RowRefused):
            await database.store.write(locks, PartitionId("locks", 1), START, at(1), put(tables.LOCKS, row))


async def test_whoever_listens_is_told_of_each_write_once_it_counts(
    database: PostgresDatabase, stack: LocalStack
) -> None:
    async with await AsyncConnection.connect(str(stack.addresses.postgres), autocommit=True) as listening:
        await listening.execute(f"LISTEN {CHANNEL}".encode())
        with pytest.raises(RowRefused):
            await database.store.write(TOY, HERE, START, at(3), put(SPELLS, spell(1, note="\x00")))
        await database.store.rehearse(TOY, HERE, START, put(SPELLS, spell(1)))
        await database.store.write(TOY, HERE, START, at(5), Changes())
        await database.store.write(TOY, HERE, at(5), at(6), put(SPELLS, spell(1)))
        told = [notify.payload async for notify in listening.notifies(timeout=10, stop_after=2)]
    assert told == ["toy toys/3 5", "toy toys/3 6"]


async def test_a_server_that_cuts_connections_and_dies_loses_and_doubles_nothing(
    database: PostgresDatabase, stack: LocalStack
) -> None:
    postgres, unavailable = stack.part("postgres"), 0

    async def write_all(last: int) -> None:
        nonlocal unavailable
        stands = START
        while stands.next_offset < last:
            number = stands.next_offset + 1
            try:
                changes = inserted(SPELLS, spell(number))
                changes.upsert(SPELLS, spell(number - 1, ended=number))
                await database.store.write(TOY, HERE, stands, at(number), changes)
                stands = at(number)
            except SinkUnavailable:
                unavailable += 1
                stands = await loaded()
            except CheckpointMoved:
                stands = await loaded()

    async def loaded() -> Checkpoint:
        while True:
            try:
                return (await database.store.load(TOY, HERE)).checkpoint
            except SinkUnavailable:
                await postgres.wait_ready()

    writing = asyncio.create_task(write_all(600))
    await _reached(database, 100, writing)
    async with await AsyncConnection.connect(str(stack.addresses.postgres), autocommit=True) as killer:
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
    await _reached(database, 250, writing)
    postgres.kill()
    await asyncio.wait_for(writing, 60)
    assert unavailable > 0
    rows = await database.rows(SPELLS)
    assert rows == [spell(number, ended=number + 1) for number in range(600)] + [spell(600)]
    assert (await database.store.load(TOY, HERE)).checkpoint == at(600)


async def _reached(database: PostgresDatabase, offset: int, writing: "asyncio.Task[None]") -> None:
    positions: Mapping[PartitionId, Checkpoint] = {}
    while not writing.done():
        with suppress(SinkUnavailable):
            positions = await database.store.positions(TOY)
        if HERE in positions and positions[HERE].next_offset >= offset:
            return


async def test_a_server_that_is_away_is_waited_for_no_longer_than_the_setting(stack: LocalStack) -> None:
    async with pool("postgresql://nobody@127.0.0.1:1/none", PoolSettings(wait_s=0.2)) as nowhere:
        for does in (
            PostgresProjectionStore(nowhere).load(TOY, HERE),
            PostgresProjectionStore(nowhere).write(TOY, HERE, START, at(1), Changes()),
            PostgresProjectionStore(nowhere).positions(TOY),
        ):
            with pytest.raises(SinkUnavailable, match="PostgreSQL cannot do it now"):
                await does


async def test_a_writer_frozen_in_its_transaction_is_thrown_out(stack: LocalStack) -> None:
    async with empty_database(stack, PoolSettings(idle_in_transaction_ms=300)) as database:
        await database.store.write(TOY, HERE, START, at(1), Changes())
        async with database.pool.connection() as frozen:
            await frozen.execute("BEGIN")
            await frozen.execute("SELECT FROM tidelock.checkpoints FOR UPDATE")
            await asyncio.wait_for(database.store.write(TOY, HERE, at(1), at(2), Changes()), 10)
            await frozen.close()


async def test_a_writer_that_waits_for_a_checkpoint_keeps_no_connection(stack: LocalStack) -> None:
    async with empty_database(stack, PoolSettings(max_size=2, wait_s=1.0)) as database:
        await database.store.write(TOY, HERE, START, at(1), Changes())
        async with database.pool.connection() as other, other.transaction():
            await other.execute("SELECT FROM tidelock.checkpoints FOR UPDATE")
            waiting = asyncio.create_task(database.store.write(TOY, HERE, at(1), at(2), Changes()))
            for before, reached in ((START, at(1)), (at(1), at(2)), (at(2), at(3))):
                await database.store.write(TOY, THERE, before, reached, Changes())
            assert not waiting.done()
        await asyncio.wait_for(waiting, 10)
        assert await database.store.positions(TOY) == {HERE: at(2), THERE: at(3)}


async def test_a_load_in_the_middle_of_a_reset_finds_nothing_rather_than_half(
    database: PostgresDatabase,
) -> None:
    await database.store.write(TOY, HERE, START, at(5), put(ITEMS, item("a")))
    async with database.pool.connection() as resetting:
        async with resetting.transaction():
            await resetting.execute("DELETE FROM tidelock.checkpoints; TRUNCATE tidelock.toy_items")
            loading = asyncio.create_task(database.store.load(TOY, HERE))
            await _waits_for_a_lock(resetting)
        assert await loading == Loaded(START, {})


async def test_a_reset_that_a_deadlock_ends_begins_again(database: PostgresDatabase) -> None:
    await database.store.write(TOY, HERE, START, at(5), put(ITEMS, item("a")))
    async with database.pool.connection() as reading:
        async with reading.transaction():
            await reading.execute(
                "SET LOCAL deadlock_timeout = '1min'"
            )  # the other one looks first, and gives way
            await reading.execute("SELECT FROM tidelock.toy_spells")
            resetting = asyncio.create_task(database.store.reset(TOY))
            await _waits_for_a_lock(reading)
            await reading.execute("SELECT FROM tidelock.toy_items")
            assert not resetting.done()
        await asyncio.wait_for(resetting, 10)
    assert await database.rows(ITEMS) == []
    assert await database.store.positions(TOY) == {}


async def _waits_for_a_lock(connection: AsyncConnection) -> None:
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while (await (await connection.execute(waiting)).fetchone()) is None:
        await connection.execute("SELECT pg_stat_clear_snapshot()")


async def test_a_connection_that_just_answered_is_not_asked_again(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def check(connection: AsyncConnection) -> None:
        asked.append(connection)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(check))
    monkeypatch.setattr("storage.postgres.pool.CHECKED_S", 60.0)
    async with empty_database(stack, PoolSettings(max_size=1)) as database:
        for offset in range(5):
            before = START if offset == 0 else at(offset)
            await database.store.write(TOY, HERE, before, at(offset + 1), Changes())
    assert len(asked) == 1


@pytest.mark.parametrize(("durable", "said"), [(True, "on"), (False, "off")])
async def test_who_has_the_log_does_not_wait_for_the_disk(
    stack: LocalStack, durable: bool, said: str
) -> None:
    opened = pool(str(stack.addresses.postgres), PoolSettings(durable=durable))
    async with opened as connections, connections.connection() as connection:
        found = await connection.execute("SHOW synchronous_commit")
        assert await found.fetchone() == (said,)


async def test_a_writer_that_is_refused_leaves_a_connection_that_works(database: PostgresDatabase) -> None:
    before = START
    for number in range(1, 13):  # more than there are connections
        with pytest.raises(RowRefused):
            await database.store.write(TOY, HERE, before, at(number), put(SPELLS, spell(1, note="\x00")))
        await database.store.write(TOY, HERE, before, at(number), put(SPELLS, spell(number)))
        before = at(number)
    assert len(await database.rows(SPELLS)) == 12


async def test_the_turn_to_publish_ends_with_its_connection(database: PostgresDatabase) -> None:
    with pytest.raises(SinkUnavailable):
        async with database.publications.turn(TOY) as turn:
            assert turn is not None
            async with database.pool.connection() as other:
                await other.execute("""
                    SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
                """)
            async with database.publications.turn(TOY) as successor:
                assert successor is not None
                await turn.unpublished(10)


async def test_a_database_that_was_not_migrated_is_named_with_the_cure(stack: LocalStack) -> None:
    address = make_conninfo(str(stack.addresses.postgres), dbname="postgres")
    async with pool(address) as bare:
        with pytest.raises(SinkUnavailable, match="run this release's migrations"):
            await PostgresProjectionStore(bare).load(TOY, HERE)


async def test_an_operators_statement_takes_its_time_and_the_next_ones_do_not(stack: LocalStack) -> None:
    longer = "SELECT pg_sleep(1.3)"  # than the setting, and than a frozen server is waited for
    async with pool(str(stack.addresses.postgres), PoolSettings(max_size=1, statement_ms=100)) as connections:
        async with connections.connection() as connection, connection.transaction():
            await unhurried(connection)
            await connection.execute(longer)
        async with connections.connection() as connection:
            with pytest.raises(QueryCanceled):
                await connection.execute(longer)
            assert connection.answer_s == pytest.approx(1.1)  # type: ignore[attr-defined]


SLOW = """
CREATE FUNCTION tidelock.toy_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(1.3); RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER slow BEFORE DELETE OR TRUNCATE ON tidelock.toy_items
    FOR EACH STATEMENT EXECUTE FUNCTION tidelock.toy_slow();
CREATE TRIGGER slow BEFORE UPDATE ON tidelock.toy_spells FOR EACH STATEMENT EXECUTE FUNCTION tidelock.toy_slow();
"""
"""What takes longer than the setting, and than a frozen server is waited for, as millions of rows would."""


@pytest_asyncio.fixture(loop_scope="module")
async def hurried(database: PostgresDatabase) -> AsyncIterator[PostgresProjectionStore]:
    """A store whose statements have a moment."""
    async with pool(str(database.pool.conninfo), PoolSettings(statement_ms=100)) as connections:
        yield PostgresProjectionStore(connections)


@pytest_asyncio.fixture(loop_scope="module")
async def slow(database: PostgresDatabase) -> AsyncIterator[PostgresDatabase]:
    async with database.pool.connection() as connection:
        await connection.execute(SLOW.encode())
    yield database
    async with database.pool.connection() as connection:
        await connection.execute("DROP FUNCTION tidelock.toy_slow CASCADE")


@pytest.mark.parametrize("rows", [1, 50], ids=["row by row", "copied"])
async def test_what_goes_through_millions_of_rows_takes_its_time(
    slow: PostgresDatabase, hurried: PostgresProjectionStore, rows: int
) -> None:
    await hurried.write(TOY, HERE, START, at(1), inserted(SPELLS, spell(1)))
    closes = inserted(SPELLS, *[spell(2 + number) for number in range(rows)])
    closes.close(SPELLS, (("partition", HERE.partition), ("number", 1)), (7,))
    await hurried.write(TOY, HERE, at(1), at(2), closes)
    assert (await slow.rows(SPELLS))[:2] == [spell(1, 7), spell(2)]
    await hurried.reset(TOY)
    assert (await hurried.positions(TOY), await slow.rows(SPELLS)) == ({}, [])


async def test_a_load_of_many_rows_takes_its_time(
    database: PostgresDatabase, hurried: PostgresProjectionStore
) -> None:
    await hurried.write(TOY, HERE, START, at(1), Changes())
    async with database.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO tidelock.toy_items SELECT 3, n::text, n FROM generate_series(1, 200000) AS n"
        )
    assert len((await hurried.load(TOY, HERE)).rows[ITEMS]) == 200_000
