"""What every adapter of `Builds` promises: builds beside the live one, and one of them live at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from storage.postgres import comparing, switching
from storage.postgres.checkpoints import take_checkpoint
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from storage.postgres.switching import operate
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.build_errors import (
    BuildBehind,
    BuildIsLive,
    BuildOutdated,
    BuildsBusy,
    BuildsChanged,
    BuildsNeverMet,
    NoSuchBuild,
    NotBuiltBeside,
    NothingToRollBackTo,
    TooManyBuilds,
)
from streams.projections.builds import live_of
from streams.projections.ports import CheckpointMoved, Loaded
from streams.projections.projection import Projection
from streams.projections.table import Changes
from streams.read_models import PROJECTIONS
from tests.contract.sinks.conftest import (
    Database,
    MemoryDatabase,
    PostgresDatabase,
    empty_database,
    postgres_for_tests,
)
from tests.contract.sinks.toys import (
    HERE,
    ITEMS,
    SPELLS,
    THERE,
    TOY,
    WINDOWS,
    at,
    inserted,
    item,
    put,
    spell,
    window,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
Opens: TypeAlias = Callable[[], AbstractAsyncContextManager[Database]]
REAL = [pytest.mark.integration, pytest.mark.xdist_group("sinks")]
POSTGRES = pytest.param("postgres", marks=REAL)
IN_ROWS = [projection for projection in PROJECTIONS if projection.kept == "rows"]
AUDIT = next(projection for projection in PROJECTIONS if projection.name == "audit")
FIRST, NEXT = replace(TOY, build=1), replace(TOY, build=2)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Database]:
    yield MemoryDatabase()


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["memory", POSTGRES],
)
async def opens(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Opens]:
    if request.param == "memory":
        yield in_memory
        return
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as stack:
        yield partial(empty_database, stack, few=1)  # one row is inserted, several are copied in


@pytest_asyncio.fixture(loop_scope="module")
async def database(opens: Opens) -> AsyncIterator[Database]:
    async with opens() as found:
        yield found


async def promoted(database: Database, number: int, *, force: bool = False) -> None:
    await database.builds.switch(TOY, number, within_s=0.0, force=force)


async def wrote(database: Database, projection: Projection, *steps: tuple[Checkpoint, Changes]) -> None:
    before = START
    for reached, changes in steps:
        await database.store.write(projection, HERE, before, reached, changes)
        before = reached


async def wrote_on(database: Database) -> None:
    await database.store.write(TOY, HERE, at(5), at(6), Changes())


async def test_a_read_model_begins_with_one_build_which_is_live(database: Database) -> None:
    (build,) = await database.builds.of(TOY)
    assert (build.label, build.live, build.version, build.replaced) == ("toy@1", True, 1, None)


async def test_what_is_built_beside_nobody_sees(database: Database) -> None:
    await wrote(database, FIRST, (at(5), inserted(ITEMS, item("a"))))
    await database.builds.begin(TOY, 2)
    assert await database.store.load(NEXT, HERE) == Loaded(START, {})
    await wrote(database, NEXT, (at(3), inserted(ITEMS, item("b"))), (at(4), put(SPELLS, spell(1))))
    assert await database.rows(ITEMS) == [item("a")]
    assert await database.rows(SPELLS) == []
    assert await database.store.positions(TOY) == await database.store.positions(FIRST) == {HERE: at(5)}
    assert await database.store.positions(NEXT) == {HERE: at(4)}
    loaded = await database.store.load(NEXT, HERE)
    assert (loaded.checkpoint, loaded.rows[ITEMS], loaded.rows[SPELLS]) == (at(4), [item("b")], [spell(1)])


async def test_what_is_kept_in_a_table_has_one_build(database: Database) -> None:
    table, builds = replace(TOY, kept="table"), database.builds
    for refused in (
        builds.begin(table, 2),
        builds.compare(table, 2, 1, 0.0),
        builds.switch(table, 2, within_s=0.0, force=True),
        builds.rollback(table, within_s=0.0, force=True),
        builds.retire(table, 2),
    ):
        with pytest.raises(NotBuiltBeside, match="tidelock projection rebuild toy"):
            await refused


async def test_a_build_goes_on_where_it_was_left_and_is_begun_once(database: Database) -> None:
    begun = await database.builds.begin(TOY, 2)
    await wrote(database, NEXT, (at(3), inserted(ITEMS, item("b"))))
    assert await database.builds.begin(TOY, 2) == begun
    assert (await database.store.load(NEXT, HERE)).checkpoint == at(3)


async def test_a_promoted_build_is_what_all_read_and_the_other_is_written_on(database: Database) -> None:
    await wrote(database, FIRST, (at(5), inserted(ITEMS, item("a", 1))))
    await database.builds.begin(TOY, 2)
    await wrote(database, NEXT, (at(6), inserted(ITEMS, item("a", 2))))
    await promoted(database, 2)
    assert await database.rows(ITEMS) == [item("a", 2)]
    assert await database.store.positions(TOY) == {HERE: at(6)}
    await database.store.write(NEXT, HERE, at(6), at(7), put(ITEMS, item("b", 2)))
    await database.store.write(FIRST, HERE, at(5), at(8), put(ITEMS, item("b", 1)))
    assert await database.rows(ITEMS) == [item("a", 2), item("b", 2)]
    assert (await database.store.load(FIRST, HERE)).rows[ITEMS] == [item("a", 1), item("b", 1)]
    assert [(one.number, one.live) for one in await database.builds.of(TOY)] == [(1, False), (2, True)]


async def test_a_rollback_brings_back_what_was_before_once(database: Database) -> None:
    await wrote(database, FIRST, (at(5), inserted(ITEMS, item("a", 1))))
    await database.builds.begin(TOY, 2)
    await wrote(database, NEXT, (at(5), inserted(ITEMS, item("a", 2))))
    await promoted(database, 2)
    await database.store.write(FIRST, HERE, at(5), at(6), put(ITEMS, item("a", 3)))
    switched = await database.builds.rollback(TOY, within_s=0.0, force=False)
    assert (switched.before, switched.after) == (2, 1)
    assert await database.rows(ITEMS) == [item("a", 3)]
    with pytest.raises(NothingToRollBackTo, match="toy@1") as caught:
        await database.builds.rollback(TOY, within_s=0.0, force=False)
    assert caught.value.code == "NOTHING_TO_ROLL_BACK_TO"
    await promoted(database, 2, force=True)
    assert await database.rows(ITEMS) == [item("a", 2)]


@pytest.mark.parametrize("beside", [None, at(4)], ids=["not-begun-there", "behind"])
async def test_a_build_that_would_take_readers_back_is_not_promoted(
    database: Database, beside: Checkpoint | None
) -> None:
    await wrote(database, FIRST, (at(5), inserted(ITEMS, item("a", 1))))
    await database.builds.begin(TOY, 2)
    if beside is not None:
        await wrote(database, NEXT, (beside, inserted(ITEMS, item("a", 2))))
    with pytest.raises(BuildBehind, match="toy@2 lacks") as caught:
        await promoted(database, 2)
    assert (caught.value.code, caught.value.records) == ("BUILD_BEHIND", 1 if beside else 5)
    assert await database.rows(ITEMS) == [item("a", 1)]
    await database.store.write(FIRST, HERE, at(5), at(6), Changes())
    await promoted(database, 2, force=True)
    assert await database.rows(ITEMS) == ([item("a", 2)] if beside else [])


async def test_of_what_is_retired_nothing_is_left(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    await wrote(database, NEXT, (at(3), inserted(ITEMS, item("b"))))
    await database.builds.retire(TOY, 2)
    assert [one.number for one in await database.builds.of(TOY)] == [1]
    for does in (
        database.store.load(NEXT, HERE),
        database.store.write(NEXT, HERE, START, at(1), Changes()),
        database.builds.retire(TOY, 2),
        database.builds.switch(TOY, 2, within_s=0.0, force=False),
        database.builds.compare(TOY, 2, 1, 0.0),
    ):
        with pytest.raises(NoSuchBuild, match="tidelock projection build toy@2"):
            await does
    with pytest.raises((NoSuchBuild, CheckpointMoved)):
        await database.store.write(NEXT, HERE, at(3), at(4), Changes())
    await database.builds.begin(TOY, 2)
    assert await database.store.load(NEXT, HERE) == Loaded(START, {})


async def test_what_was_live_may_be_retired_and_then_there_is_nothing_to_roll_back_to(
    database: Database,
) -> None:
    await database.builds.begin(TOY, 2)
    await promoted(database, 2)
    await database.builds.retire(TOY, 1)
    with pytest.raises(NothingToRollBackTo):
        await database.builds.rollback(TOY, within_s=0.0, force=False)
    await wrote(database, NEXT, (at(1), inserted(ITEMS, item("a"))))
    assert await database.rows(ITEMS) == [item("a")]


async def test_what_is_live_is_not_built_promoted_compared_or_retired(database: Database) -> None:
    for does in (
        database.builds.begin(TOY, 1),
        database.builds.switch(TOY, 1, within_s=0.0, force=True),
        database.builds.compare(TOY, 1, 1, 0.0),
    ):
        with pytest.raises((BuildIsLive, NoSuchBuild)):
            await does
    with pytest.raises(BuildIsLive, match="toy@1 is live"):
        await database.builds.retire(TOY, 1)


async def test_there_are_never_more_builds_than_may_be(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    await database.builds.begin(TOY, 7)
    with pytest.raises(TooManyBuilds, match=r"retire toy@2.*retire toy@7"):
        await database.builds.begin(TOY, 8)


async def test_a_build_of_another_release_is_left_to_that(database: Database) -> None:
    await database.builds.begin(replace(TOY, version=2), 2)
    with pytest.raises(BuildOutdated, match="is of version 2"):
        await database.builds.begin(TOY, 2)


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("force", [False, True])
async def test_a_build_of_another_release_is_promoted_by_that_alone(
    database: Database, version: int, *, force: bool
) -> None:
    await database.builds.begin(replace(TOY, version=version), 2)
    with pytest.raises(BuildOutdated, match=f"is of version {version}"):
        await database.builds.switch(replace(TOY, version=2), 2, within_s=0.0, force=force)
    assert [build.live for build in await database.builds.of(TOY)] == [True, False]


async def test_a_reset_empties_the_build_that_is_meant(database: Database) -> None:
    await wrote(database, FIRST, (at(5), inserted(ITEMS, item("a"))))
    await database.builds.begin(TOY, 2)
    await wrote(database, NEXT, (at(5), inserted(ITEMS, item("a"))))
    await database.store.reset(NEXT)
    assert (await database.store.positions(NEXT), await database.rows(ITEMS)) == ({}, [item("a")])
    await wrote(database, NEXT, (at(5), inserted(ITEMS, item("b"))))
    await database.store.reset(TOY)
    assert (await database.store.positions(TOY), await database.rows(ITEMS)) == ({}, [])
    assert (await database.store.load(NEXT, HERE)).rows[ITEMS] == [item("b")]


async def test_builds_that_are_alike_do_not_differ(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    for projection in (FIRST, NEXT):
        await wrote(database, projection, (at(5), inserted(ITEMS, item("a"), item("b"))))
        await database.store.write(projection, THERE, START, at(7), inserted(ITEMS, item("a", where=THERE)))
    found = await database.builds.compare(TOY, 2, 3, 0.0)
    assert (found.live, found.beside, found.rows, found.positions) == (1, 2, 0, ((3, 5), (4, 7)))
    assert [(one.live, one.beside) for one in found.tables if one.table == "toy_items"] == [(3, 3)]


async def test_rows_that_differ_are_counted_and_some_are_shown(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    await wrote(database, FIRST, (at(5), inserted(ITEMS, item("gone"), item("same"), item("other", 1))))
    await wrote(database, NEXT, (at(5), inserted(ITEMS, item("new"), item("same"), item("other", 2, "x"))))
    found = await database.builds.compare(TOY, 2, 2, 0.0)
    items = next(one for one in found.tables if one.table == "toy_items")
    assert (items.live, items.beside, items.missing, items.extra, items.changed) == (3, 3, 1, 1, 1)
    assert (found.rows, len(items.first)) == (3, 2)
    assert all(ours is None or '"name"' in ours for ours, _ in items.first)


async def test_builds_at_different_positions_are_not_compared(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    await wrote(database, FIRST, (at(5), Changes()))
    await wrote(database, NEXT, (at(4), Changes()))
    with pytest.raises(BuildsNeverMet, match="toy@2"):
        await database.builds.compare(TOY, 2, 1, 0.0)


async def test_windows_that_are_forgotten_in_one_of_them_are_no_difference(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    rows = [window(HERE, 0, 1, 1), window(HERE, 10_000, 2, 2)]
    await wrote(database, FIRST, (at(5), inserted(WINDOWS, *rows)))
    await wrote(database, NEXT, (at(5), inserted(WINDOWS, *rows)))
    assert (await database.publications.forget(FIRST, 5_000, 10)).unpublished == 1
    assert (await database.builds.compare(TOY, 2, 1, 0.0)).rows == 0
    gone = await database.publications.forget(NEXT, 5_000, 10)
    assert (gone.rows, gone.unpublished) == (1, 0)  # only what is live is published
    assert (await database.store.positions(NEXT), (await database.rows(WINDOWS))) == ({HERE: at(5)}, rows[1:])


async def test_what_was_published_of_one_is_not_published_again_of_the_next(database: Database) -> None:
    await wrote(database, FIRST, (at(5), inserted(WINDOWS, window(HERE, 0, 1, 4))))
    async with database.publications.turn(TOY) as turn:
        assert turn is not None
        await turn.published(await turn.unpublished(10))
    await database.builds.begin(TOY, 2)
    await wrote(database, NEXT, (at(5), inserted(WINDOWS, window(HERE, 0, 1, 4))))
    async with database.publications.turn(TOY) as turn:
        assert turn is not None
        assert not (await turn.unpublished(10)).windows
        await promoted(database, 2)
        assert not (await turn.unpublished(10)).windows
        await database.store.write(NEXT, HERE, at(5), at(9), put(WINDOWS, window(HERE, 10_000, 2, 8)))
        await database.store.write(FIRST, HERE, at(5), at(9), put(WINDOWS, window(HERE, 20_000, 9, 8)))
        assert [[row[3] for row in one] for one in (await turn.unpublished(10)).windows] == [[2]]


async def test_live_is_one_build_whatever_was_done(database: Database) -> None:
    await database.builds.begin(TOY, 2)
    await promoted(database, 2)
    await database.builds.begin(TOY, 3)
    await promoted(database, 3)
    builds = await database.builds.of(TOY)
    assert [build.number for build in builds if build.live] == [3]
    assert live_of(builds).replaced == 2


@pytest.fixture
def postgres(database: Database) -> PostgresDatabase:
    """What PostgreSQL adds."""
    assert isinstance(database, PostgresDatabase)
    return database


SHAPE = """
    SELECT c.relname, c.relkind, c.reloptions, pg_get_constraintdef(k.oid), replace(i.indexdef, n.nspname, '')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_constraint AS k ON k.conindid = c.oid AND c.relkind = 'i'
    LEFT JOIN pg_indexes AS i ON i.schemaname = n.nspname AND i.indexname = c.relname
    WHERE n.nspname = %s AND (c.relname = ANY (%s) OR i.tablename = ANY (%s)) ORDER BY c.relname
"""


@pytest.mark.parametrize("opens", [POSTGRES], indirect=True, scope="module")
class TestPostgres:
    @pytest.mark.parametrize("projection", IN_ROWS, ids=lambda projection: projection.name)
    async def test_real_tables_beside_are_like_the_live_ones(
        self, postgres: PostgresDatabase, projection: Projection
    ) -> None:
        await postgres.builds.begin(projection, 2)
        names = [table.name for table in projection.tables]
        async with postgres.pool.connection() as connection:
            shapes = [
                await (await connection.execute(SHAPE, (schema, names, names))).fetchall()
                for schema in ("tidelock", f"tidelock_{projection.name}_v2")
            ]
        assert len(shapes[0]) > len(names)
        assert shapes[0] == shapes[1]
        await postgres.builds.retire(projection, 2)

    async def test_a_second_operator_is_told_to_wait(self, postgres: PostgresDatabase) -> None:
        await postgres.builds.begin(TOY, 2)
        for projection in (FIRST, NEXT):
            await wrote(postgres, projection, (at(5), Changes()))
        async with postgres.pool.connection() as other, other.transaction():
            await operate(other.cursor(), TOY)
            for does in (
                postgres.builds.begin(TOY, 3),
                postgres.builds.switch(TOY, 2, within_s=0.0, force=False),
                postgres.builds.compare(TOY, 2, 1, 0.0),
                postgres.builds.retire(TOY, 2),
            ):
                with pytest.raises(BuildsBusy, match="another operator"):
                    await does
        await promoted(postgres, 2)

    async def test_a_build_of_before_a_migration_is_not_promoted(self, postgres: PostgresDatabase) -> None:
        await postgres.builds.begin(TOY, 2)
        async with postgres.pool.connection() as connection:
            await connection.execute("ALTER TABLE tidelock_toy_v2.toy_seen ADD COLUMN later bigint")
        with pytest.raises(BuildOutdated, match="before a migration") as caught:
            await promoted(postgres, 2, force=True)
        assert caught.value.code == "BUILD_OUTDATED"

    @pytest.mark.parametrize("projection", [TOY, AUDIT], ids=["plain", "partitioned"])
    async def test_what_migrations_indexed_since_a_build_was_begun_is_indexed_when_it_is_live(
        self, postgres: PostgresDatabase, projection: Projection
    ) -> None:
        table, builds = projection.tables[0].name, postgres.builds
        await builds.begin(projection, 2)
        async with postgres.pool.connection() as connection:
            columns = ", ".join(projection.tables[0].columns[1:3])
            await connection.execute(f"CREATE INDEX later ON tidelock.{table} ({columns})".encode())
            for live in (2, 1):
                if live == 2:
                    await builds.switch(projection, 2, within_s=0.0, force=False)
                else:
                    await builds.rollback(projection, within_s=0.0, force=False)
                for schema in ("tidelock", f"tidelock_{projection.name}_v{3 - live}"):
                    found = await connection.execute(
                        "SELECT FROM pg_indexes WHERE (schemaname, tablename, indexname) = (%s, %s, 'later')",
                        (schema, table),
                    )
                    assert found.rowcount == 1
            await builds.retire(projection, 2)
            await connection.execute("DROP INDEX tidelock.later")

    async def test_an_index_of_a_build_that_was_broken_off_is_made_anew(
        self, postgres: PostgresDatabase
    ) -> None:
        made = "CREATE INDEX later ON {}.toy_seen (name)"
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tidelock_toy_v2.later'::regclass"
        whole = "SELECT FROM pg_index WHERE indexrelid = 'tidelock.later'::regclass AND indisvalid"
        await postgres.builds.begin(TOY, 2)
        async with postgres.pool.connection() as connection:
            for one in (made.format("tidelock"), made.format("tidelock_toy_v2"), broken):
                await connection.execute(one.encode())
            await promoted(postgres, 2, force=True)
            assert (await connection.execute(whole.encode())).rowcount == 1
            await postgres.builds.rollback(TOY, within_s=0.0, force=True)
            await postgres.builds.retire(TOY, 2)
            await connection.execute("DROP INDEX tidelock.later")

    async def test_a_build_of_before_a_key_was_changed_is_not_promoted(
        self, postgres: PostgresDatabase
    ) -> None:
        await postgres.builds.begin(TOY, 2)
        async with postgres.pool.connection() as connection:
            await connection.execute("ALTER TABLE tidelock_toy_v2.toy_seen ADD UNIQUE (name)")
        with pytest.raises(BuildOutdated, match="before a migration"):
            await promoted(postgres, 2, force=True)

    async def test_readers_that_do_not_let_go_are_not_waited_for_for_ever(
        self, postgres: PostgresDatabase
    ) -> None:
        await wrote(postgres, FIRST, (at(5), inserted(ITEMS, item("a", 1))))
        await postgres.builds.begin(TOY, 2)
        await wrote(postgres, NEXT, (at(5), inserted(ITEMS, item("a", 2))))
        async with postgres.pool.connection() as reader, reader.transaction():
            await reader.execute("SELECT FROM tidelock.toy_items")
            with pytest.raises(BuildsBusy, match="readers"):
                await promoted(postgres, 2)
            assert await postgres.rows(ITEMS) == [item("a", 1)]
        await promoted(postgres, 2)

    async def test_a_prepared_question_gets_rows_and_position_of_one_build(
        self, postgres: PostgresDatabase
    ) -> None:
        await wrote(postgres, FIRST, (at(5), inserted(ITEMS, item("a", 1))))
        await postgres.builds.begin(TOY, 2)
        await wrote(postgres, NEXT, (at(6), inserted(ITEMS, item("a", 2))))
        question = """
            SELECT i.count, c.next_offset FROM tidelock.toy_items AS i, tidelock.checkpoints AS c
            WHERE c.projection = 'toy' AND c.live
        """
        async with postgres.pool.connection() as reader:
            for number, expected in ((2, (2, 6)), (1, (1, 5)), (2, (2, 6))):
                await promoted(postgres, number, force=True)
                for _ in range(3):
                    found = await reader.execute(question, prepare=True)
                    assert await found.fetchall() == [expected]

    async def test_a_writer_that_waits_for_a_promotion_writes_to_its_own_build(
        self, postgres: PostgresDatabase
    ) -> None:
        await wrote(postgres, FIRST, (at(5), inserted(ITEMS, item("a", 1))))
        await postgres.builds.begin(TOY, 2)
        await wrote(postgres, NEXT, (at(5), inserted(ITEMS, item("a", 2))))
        writers = [
            asyncio.create_task(
                postgres.store.write(one, HERE, at(5), at(6), put(ITEMS, item("b", one.build or 0)))
            )
            for one in (FIRST, NEXT)
        ]
        await promoted(postgres, 2, force=True)
        await asyncio.gather(*writers)
        assert await postgres.rows(ITEMS) == [item("a", 2), item("b", 2)]
        assert (await postgres.store.load(FIRST, HERE)).rows[ITEMS] == [item("a", 1), item("b", 1)]

    async def test_promotions_among_more_writers_than_connections_lose_and_double_nothing(
        self, postgres: PostgresDatabase
    ) -> None:
        await postgres.builds.begin(TOY, 2)
        ended = asyncio.Event()
        async with pool(str(postgres.pool.conninfo), PoolSettings(max_size=4, durable=False)) as few:
            store = PostgresProjectionStore(few)

            async def writes(projection: Projection, partition: int) -> Checkpoint:
                where, before, offset = PartitionId("toys", partition), START, 0
                while not ended.is_set():
                    reached = at(offset := offset + 1)
                    rows = [item(f"{offset}/{number}", where=where) for number in range(50)]
                    await store.write(projection, where, before, reached, inserted(ITEMS, *rows))
                    before = reached
                return before

            several = [
                asyncio.create_task(writes(build, partition))
                for build in (FIRST, NEXT)
                for partition in range(8)
            ]
            for number in (2, 1):
                switched = await postgres.builds.switch(TOY, number, within_s=5.0, force=False)
                assert switched.after == number
            ended.set()
            reached = await asyncio.gather(*several)
        stands = await postgres.store.positions(FIRST)
        assert [stands[PartitionId("toys", number)] for number in range(8)] == reached[:8]
        assert len(await postgres.rows(ITEMS)) == 50 * sum(each.next_offset for each in reached[:8])

    @pytest.mark.parametrize("holds", ["a write of what is live", "a write of the build", "a reader"])
    async def test_a_promotion_has_one_deadline_whoever_it_waits_for(
        self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, holds: str
    ) -> None:
        for bound, value in (("HOLD_S", 0.3), ("WRITERS_MS", 60_000), ("READERS_MS", 60_000)):
            monkeypatch.setattr(switching, bound, value)
        await postgres.builds.begin(TOY, 2)
        for projection in (FIRST, NEXT):
            await wrote(postgres, projection, (at(5), Changes()))
        async with asyncio.timeout(20), postgres.pool.connection() as other:
            async with other.transaction():
                if holds == "a reader":
                    await other.execute("SELECT FROM tidelock.toy_items")
                else:
                    writes = FIRST if holds == "a write of what is live" else NEXT
                    assert await take_checkpoint(other.cursor(), writes, HERE, at(5)) is not None
                with pytest.raises(BuildsBusy):
                    await promoted(postgres, 2)
            await wrote_on(postgres)
            await promoted(postgres, 2, force=True)

    async def test_an_operator_who_freezes_amid_a_promotion_holds_writers_no_longer_than_another(
        self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switching, "HOLD_S", 0.5)
        await postgres.builds.begin(TOY, 2)
        for projection in (FIRST, NEXT):
            await wrote(postgres, projection, (at(5), Changes()))
        frozen, thaws = asyncio.Event(), asyncio.Event()
        exchange = switching._exchange

        async def freezes(*asked: Any) -> None:
            frozen.set()
            await thaws.wait()
            await exchange(*asked)

        monkeypatch.setattr(switching, "_exchange", freezes)
        promoting = asyncio.create_task(postgres.builds.switch(TOY, 2, within_s=0.0, force=False))
        async with asyncio.timeout(10):
            await frozen.wait()
            await wrote_on(postgres)
            assert not promoting.done()
        thaws.set()
        with pytest.raises(BuildsBusy):
            await promoting
        assert [build.live for build in await postgres.builds.of(TOY)] == [True, False]

    @pytest.mark.parametrize(
        "deed", ["promote", "promote another", "retire", "begin anew", "promote and back"]
    )
    async def test_a_build_that_becomes_another_amid_a_comparison_is_not_compared(
        self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, deed: str
    ) -> None:
        for number in (2, 3):
            await postgres.builds.begin(TOY, number)
        for projection in (FIRST, NEXT, replace(TOY, build=3)):
            for where in (HERE, THERE):
                await postgres.store.write(projection, where, START, at(5), Changes())

        async def does() -> None:
            if deed.startswith("promote"):
                await promoted(postgres, 3 if deed == "promote another" else 2)
            else:
                await postgres.builds.retire(TOY, 2)
            if deed == "begin anew":
                await postgres.builds.begin(TOY, 2)
                await postgres.store.write(NEXT, HERE, START, at(5), Changes())
                await postgres.store.write(NEXT, THERE, START, at(5), Changes())
            if deed == "promote and back":
                await promoted(postgres, 1)

        real, seen = comparing._partition, list[PartitionId]()

        async def partition(*asked: Any) -> Any:
            seen.append(asked[-1])
            if asked[-1] == THERE:
                await does()
            return await real(*asked)

        monkeypatch.setattr(comparing, "_partition", partition)
        comparison = postgres.builds.compare(TOY, 2, 1, 0.0)
        if deed == "promote and back":
            assert (await comparison).live == 1
        else:
            with pytest.raises(BuildsChanged, match="toy@2"):
                await comparison
        assert seen == [HERE, THERE]

    async def test_no_write_begins_anywhere_while_a_promotion_waits_for_one(
        self, postgres: PostgresDatabase
    ) -> None:
        await postgres.builds.begin(TOY, 2)
        for projection in (FIRST, NEXT):
            for where in (HERE, THERE):
                await postgres.store.write(projection, where, START, at(5), Changes())
        async with postgres.pool.connection() as writer, postgres.pool.connection() as later:
            async with writer.transaction():
                assert await take_checkpoint(writer.cursor(), FIRST, HERE, at(5)) is not None
                promoting = asyncio.create_task(postgres.builds.switch(TOY, 2, within_s=10.0, force=False))
                waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                while (await (await later.execute(waits)).fetchone()) is None:
                    assert not promoting.done()
                async with later.transaction():
                    assert await take_checkpoint(later.cursor(), FIRST, THERE, at(5)) is None
                async with later.transaction():
                    assert await take_checkpoint(later.cursor(), NEXT, THERE, at(5)) is not None
            await promoting
            async with later.transaction():
                assert await take_checkpoint(later.cursor(), FIRST, THERE, at(5)) is not None
