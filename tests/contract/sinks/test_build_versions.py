"""What every adapter promises where two releases meet, of which the later one has raised a read model's version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from streams.log.checkpoint import START
from streams.log.release import RELEASE
from streams.projections.build_errors import BuildBehind, BuildOutdated, TablesUnfit
from streams.projections.ports import BuiltByNewer, BuiltByOlder, Loaded, OfAnotherRelease
from streams.projections.projection import Projection
from streams.projections.table import Changes
from tests.contract.sinks.conftest import (
    Database,
    MemoryDatabase,
    PostgresDatabase,
    empty_database,
    postgres_for_tests,
)
from tests.contract.sinks.test_builds import REAL, Opens, wrote
from tests.contract.sinks.toys import (
    HERE,
    ITEMS,
    NAMED,
    SEEN,
    THERE,
    WINDOWS,
    at,
    in_version,
    inserted,
    item,
    named_window,
    put,
    window,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
POSTGRES = pytest.param("postgres", marks=REAL)
OLD, NEW = in_version(1), in_version(2)
LIVE_OF_OLD, BESIDE = replace(OLD, build=1), replace(NEW, build=2)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Database]:
    yield MemoryDatabase()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["memory", POSTGRES])
async def opens(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Opens]:
    if request.param == "memory":
        yield in_memory
        return
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as stack:
        yield lambda: empty_database(stack, few=1)


@pytest_asyncio.fixture(loop_scope="module")
async def database(opens: Opens) -> AsyncIterator[Database]:
    """What the release before has made, and a build of the later one beside it."""
    async with opens() as found:
        await wrote(found, LIVE_OF_OLD, (at(5), inserted(ITEMS, item("a", 1))))
        await found.builds.begin(NEW, 2)
        yield found


async def both_promoted(database: Database) -> None:
    await wrote(database, BESIDE, (at(5), inserted(ITEMS, item("a", 2))))
    await database.builds.switch(NEW, 2, within_s=0.0, force=False)


async def test_what_is_live_stays_as_it_is_when_a_later_release_comes(database: Database) -> None:
    for does in (
        database.store.load(NEW, HERE),
        database.store.load(NEW, THERE),  # of which nothing is stored yet
        database.store.write(NEW, HERE, START, at(1), inserted(ITEMS, item("b"))),
        database.store.write(NEW, THERE, START, at(1), inserted(ITEMS, item("b", where=THERE))),
        database.store.rehearse(NEW, HERE, START, inserted(ITEMS, item("b"))),
    ):
        with pytest.raises(BuiltByOlder, match=r"projection build toy@N.*projection rebuild toy") as caught:
            await does
    assert (caught.value.code, caught.value.stored, caught.value.own) == ("BUILT_BY_OLDER", 1, 2)
    assert await database.rows(ITEMS) == [item("a", 1)]
    assert await database.store.positions(OLD) == {HERE: at(5)}


async def test_each_release_goes_on_with_its_own_build(database: Database) -> None:
    assert [(one.label, one.live, one.version) for one in await database.builds.of(NEW)] == [
        ("toy@1", True, 1),
        ("toy@2", False, 2),
    ]
    assert await database.store.load(BESIDE, HERE) == Loaded(START, {})
    await wrote(database, BESIDE, (at(5), inserted(ITEMS, item("a", 2))))
    await database.store.write(LIVE_OF_OLD, HERE, at(5), at(6), put(ITEMS, item("b", 1)))
    assert await database.rows(ITEMS) == [item("a", 1), item("b", 1)]
    assert (await database.store.load(BESIDE, HERE)).rows[ITEMS] == [item("a", 2)]


async def test_promoted_it_is_neither_written_nor_emptied_by_the_release_before(database: Database) -> None:
    await both_promoted(database)
    assert await database.rows(ITEMS) == [item("a", 2)]
    for where, before in ((HERE, at(5)), (HERE, START), (THERE, START)):
        for meant in (OLD, replace(OLD, build=2)):
            with pytest.raises(BuiltByNewer):
                await database.store.write(meant, where, before, at(9), put(ITEMS, item("z", where=where)))
    await database.store.write(LIVE_OF_OLD, HERE, at(5), at(9), put(ITEMS, item("z", 1)))
    assert await database.rows(ITEMS) == [item("a", 2)]
    assert (await database.store.load(LIVE_OF_OLD, HERE)).rows[ITEMS] == [item("a", 1), item("z", 1)]


@pytest.mark.parametrize("asking", [OLD, NEW])
async def test_back_goes_whoever_asks_to_what_the_release_before_kept(
    database: Database, asking: Projection
) -> None:
    await both_promoted(database)
    await database.store.write(LIVE_OF_OLD, HERE, at(5), at(6), put(ITEMS, item("b", 1)))
    await database.builds.rollback(asking, within_s=0.0, force=False)
    assert await database.rows(ITEMS) == [item("a", 1), item("b", 1)]
    with pytest.raises(BuiltByOlder):
        await database.store.write(NEW, HERE, at(5), at(9), put(ITEMS, item("z", 2)))
    await database.store.write(BESIDE, HERE, at(5), at(6), put(ITEMS, item("b", 2)))
    await database.builds.switch(NEW, 2, within_s=0.0, force=False)
    assert await database.rows(ITEMS) == [item("a", 2), item("b", 2)]


async def test_to_a_build_that_nobody_kept_goes_back_who_forces_it(database: Database) -> None:
    await both_promoted(database)
    await database.store.write(BESIDE, HERE, at(5), at(8), put(ITEMS, item("b", 2)))
    with pytest.raises(BuildBehind, match="projectors of that alone"):
        await database.builds.rollback(NEW, within_s=0.0, force=False)
    await database.builds.rollback(NEW, within_s=0.0, force=True)
    assert await database.rows(ITEMS) == [item("a", 1)]


async def test_an_older_build_is_promoted_by_its_own_release_alone(database: Database) -> None:
    await both_promoted(database)
    with pytest.raises(BuildOutdated, match="is of version 1"):
        await database.builds.switch(NEW, 1, within_s=0.0, force=True)


async def test_who_empties_it_says_of_which_version_it_is_from_then_on(database: Database) -> None:
    await database.store.reset(NEW)
    assert (await database.rows(ITEMS), await database.store.load(NEW, HERE)) == ([], Loaded(START, {}))
    with pytest.raises(BuiltByNewer):
        await database.store.write(OLD, HERE, START, at(1), Changes())
    await wrote(database, replace(NEW, build=1), (at(3), inserted(ITEMS, item("a", 2))))
    await database.store.reset(OLD)
    with pytest.raises(BuiltByOlder):
        await database.store.load(NEW, HERE)
    await wrote(database, OLD, (at(3), inserted(ITEMS, item("a", 1))))
    assert await database.rows(ITEMS) == [item("a", 1)]


async def test_of_two_releases_that_begin_at_once_the_first_write_decides(opens: Opens) -> None:
    async with opens() as database:
        done = await asyncio.gather(
            database.store.write(OLD, HERE, START, at(1), Changes()),
            database.store.write(NEW, THERE, START, at(1), Changes()),
            return_exceptions=True,
        )
        (refused,) = [one for one in done if one is not None]
        assert isinstance(refused, OfAnotherRelease)
        stored = {**await database.store.positions(OLD), **await database.store.positions(NEW)}
        assert len(stored) == 1


async def test_versions_that_are_compared_are_told(database: Database) -> None:
    await wrote(database, BESIDE, (at(5), inserted(ITEMS, item("a", 2), item("b", 2))))
    found = await database.builds.compare(NEW, 2, 1, 0.0)
    assert (found.versions, found.left_out, found.rows) == ((1, 2), (), 2)


async def test_tables_that_only_one_version_has_move_with_the_others(opens: Opens) -> None:
    both = NEW.tables[:2]
    old, new = replace(OLD, tables=(*both, SEEN)), replace(NEW, tables=(*both, NAMED))
    kept, beside = replace(old, build=1), replace(new, build=2)
    async with opens() as database:
        await wrote(database, kept, (at(5), inserted(SEEN, (3, "a"))))
        await database.builds.begin(new, 2)
        await wrote(database, beside, (at(5), inserted(NAMED, named_window("a", 0, 5))))
        for end in (6, 7):
            await database.builds.switch(new, 2, within_s=0.0, force=False)
            assert await database.rows(NAMED) == [named_window("a", start, 5) for start in range(end - 5)]
            assert await database.rows(SEEN) == []
            await database.store.write(kept, HERE, at(end - 1), at(end), inserted(SEEN, (3, f"a{end}")))
            await database.builds.rollback(old, within_s=0.0, force=True)
            assert await database.rows(NAMED) == []
            assert len(await database.rows(SEEN)) == end - 4
            row = inserted(NAMED, named_window("a", end - 5, 5))
            await database.store.write(beside, HERE, at(end - 1), at(end), row)


async def test_a_build_says_by_which_release_its_version_was_raised(database: Database) -> None:
    await both_promoted(database)
    await database.builds.retire(NEW, 1)
    await database.builds.begin(NEW, 3)
    assert [one.raised_by for one in await database.builds.of(NEW)] == [RELEASE, None]
    await database.store.reset(replace(NEW, version=3, build=3))
    assert [one.raised_by for one in await database.builds.of(NEW)] == [RELEASE, RELEASE]


async def test_windows_are_published_by_the_release_whose_build_is_live(database: Database) -> None:
    await database.store.write(LIVE_OF_OLD, HERE, at(5), at(6), inserted(WINDOWS, window(HERE, 0, 1, 6)))
    await wrote(database, BESIDE, (at(6), inserted(WINDOWS, window(HERE, 0, 2, 6))))
    async with database.publications.turn(NEW) as turn:
        assert turn is None
    async with database.publications.turn(OLD) as turn:
        assert turn is not None
        assert [[row[3] for row in one] for one in (await turn.unpublished(10)).windows] == [[1]]
        await database.builds.switch(NEW, 2, within_s=0.0, force=False)
        with pytest.raises(BuiltByNewer):
            await turn.unpublished(10)
    async with database.publications.turn(NEW) as turn:
        assert turn is not None
        assert [[row[3] for row in one] for one in (await turn.unpublished(10)).windows] == [[2]]


@pytest.fixture
def postgres(database: Database) -> PostgresDatabase:
    """What PostgreSQL adds."""
    assert isinstance(database, PostgresDatabase)
    return database


MORE = replace(ITEMS, columns=(*ITEMS.columns, "more"))
WITH_MORE = replace(NEW, tables=(MORE, *NEW.tables[1:]), hot=MORE)


@asynccontextmanager
async def changed(postgres: PostgresDatabase, change: str, back: str) -> AsyncIterator[None]:
    """Change tables as a migration does, for a while."""
    async with postgres.pool.connection() as connection:
        await connection.execute(change.encode())
    try:
        yield
    finally:
        async with postgres.pool.connection() as connection:
            await connection.execute(back.encode())


@pytest.mark.parametrize("opens", [POSTGRES], indirect=True, scope="module")
class TestPostgres:
    async def test_tables_that_do_not_take_its_rows_are_told_with_the_cure(
        self, postgres: PostgresDatabase
    ) -> None:
        for unfit, why in (
            (MORE, "toy_items lacks more"),
            (replace(ITEMS, columns=ITEMS.columns[:-1], key=1), r"toy_items has the key \(name, partition\)"),
            (replace(ITEMS, name="toy_new"), "there is no toy_new"),
        ):
            with pytest.raises(TablesUnfit, match=f"{why}.*tidelock projection rebuild toy") as caught:
                await postgres.builds.begin(replace(NEW, tables=(unfit,)), 3)
            assert caught.value.code == "TABLES_UNFIT"
        add, drop = ("ALTER TABLE tidelock.toy_items " + what + " COLUMN needed" for what in ("ADD", "DROP"))
        async with changed(postgres, "TRUNCATE tidelock.toy_items; " + add + " bigint NOT NULL", drop):
            with pytest.raises(TablesUnfit, match="toy_items wants needed"):
                await postgres.builds.begin(NEW, 3)

    async def test_without_the_migrations_that_say_the_types_of_its_columns_nothing_is_built(
        self, postgres: PostgresDatabase
    ) -> None:
        lacking, there = (
            f"UPDATE tidelock.migrations SET number = -number WHERE number {of}" for of in ("= 6", "< 0")
        )
        async with changed(postgres, lacking, there):
            with pytest.raises(
                TablesUnfit, match="migration 0006_standard_aggregates is not applied"
            ) as caught:
                await postgres.builds.begin(NEW, 3)
        assert len(caught.value.wrong) == 1
        await postgres.builds.begin(NEW, 3)

    async def test_a_build_of_before_a_type_was_changed_is_not_promoted(
        self, postgres: PostgresDatabase
    ) -> None:
        text, bytes_ = (
            f"ALTER TABLE tidelock.toy_items ALTER data TYPE {one} USING NULL" for one in ("text", "bytea")
        )
        async with changed(postgres, text, bytes_):
            with pytest.raises(BuildOutdated, match="before a migration"):
                await postgres.builds.switch(NEW, 2, within_s=0.0, force=True)

    async def test_a_column_that_a_migration_adds_does_for_both_versions(
        self, postgres: PostgresDatabase
    ) -> None:
        await postgres.builds.retire(NEW, 2)
        add, drop = (f"ALTER TABLE tidelock.toy_items {what} COLUMN more" for what in ("ADD", "DROP"))
        async with changed(postgres, add + " bigint", drop):
            await postgres.builds.begin(WITH_MORE, 2)
            beside = replace(WITH_MORE, build=2)
            await wrote(postgres, beside, (at(5), inserted(MORE, (*item("a", 2), 7))))
            await postgres.store.write(LIVE_OF_OLD, HERE, at(5), at(6), put(ITEMS, item("b", 1)))
            await postgres.store.write(beside, HERE, at(5), at(6), put(MORE, (*item("b", 2), 8)))
            await postgres.builds.switch(WITH_MORE, 2, within_s=0.0, force=False)
            assert await postgres.rows(MORE) == [(*item("a", 2), 7), (*item("b", 2), 8)]
            await postgres.builds.rollback(WITH_MORE, within_s=0.0, force=False)
            await postgres.store.write(LIVE_OF_OLD, HERE, at(6), at(7), put(ITEMS, item("c", 1)))
            assert await postgres.rows(MORE) == [(*item(name, 1), None) for name in "abc"]

    async def test_tables_of_other_versions_are_known_though_they_began_before_that_was_written_down(
        self, opens: Opens
    ) -> None:
        old, new = replace(OLD, tables=(ITEMS, SEEN)), replace(NEW, tables=(ITEMS,))
        async with opens() as postgres:
            assert isinstance(postgres, PostgresDatabase)
            await wrote(postgres, old, (at(5), inserted(SEEN, (3, "a"))))
            async with postgres.pool.connection() as connection:
                await connection.execute("DELETE FROM tidelock.builds")
            await postgres.store.load(old, HERE)  # as one does who only reads
            async with postgres.pool.connection() as connection:
                assert (await connection.execute("SELECT FROM tidelock.builds")).rowcount == 0
            await postgres.store.load(replace(old, build=1), HERE)
            await postgres.builds.begin(new, 2)
            await wrote(postgres, replace(new, build=2), (at(5), Changes()))
            await postgres.builds.switch(new, 2, within_s=0.0, force=False)
            assert await postgres.rows(SEEN) == []
            found = await postgres.builds.compare(new, 1, 1, 0.0)
            assert "toy_seen.*" in found.left_out

    async def test_a_build_of_before_another_version_got_its_table_is_not_promoted(
        self, postgres: PostgresDatabase
    ) -> None:
        await postgres.builds.begin(OLD, 3)
        more = replace(NEW, version=4, tables=(*NEW.tables, NAMED))
        await postgres.builds.retire(NEW, 2)
        await postgres.builds.begin(more, 4)
        await postgres.builds.switch(more, 4, within_s=0.0, force=True)
        with pytest.raises(BuildOutdated, match=r"before a migration.*retire toy@3"):
            await postgres.builds.switch(OLD, 3, within_s=0.0, force=True)
        await postgres.builds.rollback(OLD, within_s=0.0, force=True)

    async def test_what_only_one_of_them_has_is_left_out_of_a_comparison(
        self, postgres: PostgresDatabase
    ) -> None:
        await wrote(postgres, BESIDE, (at(5), inserted(ITEMS, item("a", 1))))
        add, drop = (f"ALTER TABLE tidelock.toy_items {what} COLUMN more" for what in ("ADD", "DROP"))
        async with changed(postgres, add + " bigint DEFAULT 3", drop):
            found = await postgres.builds.compare(WITH_MORE, 2, 1, 0.0)
            assert (found.left_out, found.rows, found.versions) == (("toy_items.more",), 0, (1, 2))
            with pytest.raises(BuildOutdated, match="before a migration"):
                await postgres.builds.switch(WITH_MORE, 2, within_s=0.0, force=True)
