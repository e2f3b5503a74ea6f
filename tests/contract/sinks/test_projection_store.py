"""What every adapter of `ProjectionStore` promises, with the `LogMarks` and `Publications` that go with it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import pytest
import pytest_asyncio

from storage.memory.changelog import MemoryChangelogs
from storage.postgres.store import FEW
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.ops.series import OTHER
from streams.projections.ports import (
    NAME_KEPT_MS,
    BuiltByNewer,
    CheckpointMoved,
    Forgotten,
    Loaded,
    ProjectionStore,
    RowRefused,
)
from streams.projections.projection import Projection
from streams.projections.table import Changes
from tests.contract.sinks.conftest import (
    Database,
    MemoryDatabase,
    TableDatabase,
    empty_database,
    kafka_tables,
    postgres_for_tests,
)
from tests.contract.sinks.toys import (
    HERE,
    ITEMS,
    NAMED,
    SEEN,
    SPELLS,
    THERE,
    TOY,
    TOY_NAMED,
    WINDOWS,
    at,
    in_version,
    inserted,
    item,
    named_window,
    put,
    spell,
    window,
)
from tidelock.local.testing import kafka_for_tests

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = (
    "'; DROP TABLE tidelock.locks; --", '"', "\\", "\\N", "\\.", "\t", "a\nb", "\r\n", "%s {} $1", "", " ", "NULL",
    "{1,2}", "\x01\x1f\x7f", "naïve – 日本語 🔒 \u202e", "e\u0301", "\ufeff", "\\x41", "x" * 65_536, "\\" * 65_536,
)  # fmt: skip


@asynccontextmanager
async def in_memory() -> AsyncIterator[Database]:
    yield MemoryDatabase()


@asynccontextmanager
async def in_tables() -> AsyncIterator[Database]:
    yield TableDatabase(MemoryChangelogs())


Opens: TypeAlias = Callable[[], AbstractAsyncContextManager[Database]]
REAL = [pytest.mark.integration, pytest.mark.xdist_group("sinks")]


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        "memory",
        "tables",
        pytest.param("tables-on-kafka", marks=REAL),
        pytest.param("postgres", marks=REAL),
        pytest.param("postgres-in-bulk", marks=REAL),
    ],
)
async def opens(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Opens]:
    """Each way to have a database: in memory, in changelogs, a real one, and a real one that takes all rows by COPY."""
    if request.param in ("memory", "tables"):
        yield in_memory if request.param == "memory" else in_tables
        return
    if request.param == "tables-on-kafka":
        async with kafka_for_tests(tmp_path_factory.mktemp("kafka")) as stack:
            yield partial(kafka_tables, stack)
        return
    few = FEW if request.param == "postgres" else -1
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as stack:
        yield partial(empty_database, stack, few=few)


@pytest_asyncio.fixture(loop_scope="module")
async def database(opens: Opens) -> AsyncIterator[Database]:
    """A database without rows."""
    async with opens() as found:
        yield found


@pytest.fixture
def beside_rows(database: Database) -> None:
    """What goes with a store of rows, and not with tables."""
    if isinstance(database, TableDatabase):
        pytest.skip("tables leave no marks in the log, and publish nothing")


async def test_a_new_read_model_stands_at_the_start(database: Database) -> None:
    assert await database.store.load(TOY, HERE) == Loaded(START, {})
    assert await database.store.positions(TOY) == {}


async def test_rows_and_checkpoint_come_back_as_they_were_written(database: Database) -> None:
    rows = [item("a", 1, "note"), item("b", -(2**63), None), item("c", 2**63 - 1, "")]
    await database.store.write(TOY, HERE, START, at(9), inserted(ITEMS, *rows))
    loaded = await database.store.load(TOY, HERE)
    assert loaded.checkpoint == at(9)
    assert sorted(loaded.rows[ITEMS]) == rows
    assert await database.store.positions(TOY) == {HERE: at(9)}


async def test_a_fold_gets_back_whole_tables_and_open_rows_only(database: Database) -> None:
    changes = inserted(SPELLS, spell(1, ended=5), spell(2), spell(3))
    changes.insert(SEEN, (3, "x"))
    await database.store.write(TOY, HERE, START, at(9), changes)
    loaded = await database.store.load(TOY, HERE)
    assert {table: sorted(rows) for table, rows in loaded.rows.items()} == {
        ITEMS: [],
        SPELLS: [spell(2), spell(3)],
    }


async def test_a_write_from_another_position_changes_nothing(database: Database) -> None:
    await database.store.write(TOY, HERE, START, at(9), inserted(ITEMS, item("a")))
    for expected in (START, at(8), at(10), at(9, head=1)):
        with pytest.raises(CheckpointMoved) as caught:
            await database.store.write(TOY, HERE, expected, at(20), inserted(ITEMS, item("b")))
        assert caught.value.code == "CHECKPOINT_MOVED"
    assert await database.rows(ITEMS) == [item("a")]
    assert (await database.store.load(TOY, HERE)).checkpoint == at(9)


async def test_a_write_repeated_because_its_outcome_is_unknown_finds_itself_done(database: Database) -> None:
    changes = inserted(SPELLS, spell(1))
    await database.store.write(TOY, HERE, START, at(5), changes)
    with pytest.raises(CheckpointMoved):
        await database.store.write(TOY, HERE, START, at(5), changes)
    loaded = await database.store.load(TOY, HERE)
    assert (loaded.checkpoint, loaded.rows[SPELLS]) == (at(5), [spell(1)])


async def test_a_first_write_before_anything_was_written_expects_the_start(database: Database) -> None:
    with pytest.raises(CheckpointMoved):
        await database.store.write(TOY, HERE, at(5), at(6), inserted(ITEMS, item("a")))
    assert await database.rows(ITEMS) == []


async def test_the_last_change_of_a_row_counts(database: Database) -> None:
    first = inserted(ITEMS, item("kept"), item("gone"), item("changed", 1), item("back", 1))
    await database.store.write(TOY, HERE, START, at(1), first)
    changes = put(ITEMS, item("changed", 2), item("changed", 3), item("new", 1))
    changes.delete(ITEMS, (3, "gone"))
    changes.delete(ITEMS, (3, "never there"))
    changes.delete(ITEMS, (3, "back"))
    changes.insert(ITEMS, item("back", 9))
    changes.insert(ITEMS, item("flash"))
    changes.delete(ITEMS, (3, "flash"))
    changes.delete(ITEMS, (3, "new"))
    await database.store.write(TOY, HERE, at(1), at(2), changes)
    assert await database.rows(ITEMS) == [item("back", 9), item("changed", 3), item("kept")]


async def test_a_row_put_twice_is_there_once(database: Database) -> None:
    await database.store.write(TOY, HERE, START, at(1), put(SEEN, (3, "x"), (3, "x")))
    await database.store.write(TOY, HERE, at(1), at(2), put(SEEN, (3, "x")))
    assert await database.rows(SEEN) == [(3, "x")]


async def test_what_is_deleted_in_one_write_is_not_deleted_in_the_next(database: Database) -> None:
    gone = Changes()
    gone.delete(ITEMS, (3, "a"))
    await database.store.write(TOY, HERE, START, at(1), inserted(ITEMS, item("a")))
    await database.store.write(TOY, HERE, at(1), at(2), gone)
    await database.store.write(TOY, HERE, at(2), at(3), put(ITEMS, item("a", 2)))
    await database.store.write(TOY, HERE, at(3), at(4), put(ITEMS, item("b", 2)))
    assert await database.rows(ITEMS) == [item("a", 2), item("b", 2)]


async def test_a_write_without_rows_moves_the_checkpoint(database: Database) -> None:
    await database.store.write(TOY, HERE, START, at(4), Changes())
    await database.store.write(TOY, HERE, at(4), at(5), Changes())
    assert await database.store.positions(TOY) == {HERE: at(5)}


async def test_text_of_every_sort_comes_back_as_it_was(database: Database) -> None:
    straight = [spell(number, note=text) for number, text in enumerate(HOSTILE)]
    await database.store.write(TOY, HERE, START, at(1), inserted(SPELLS, *straight))
    assert sorted((await database.store.load(TOY, HERE)).rows[SPELLS]) == straight
    replaced = [spell(number, note=text) for number, text in enumerate(reversed(HOSTILE))]
    await database.store.write(TOY, HERE, at(1), at(2), put(SPELLS, *replaced))
    assert sorted((await database.store.load(TOY, HERE)).rows[SPELLS]) == replaced


async def test_hostile_keys_are_found_again(database: Database) -> None:
    names = [text for text in HOSTILE if len(text) < 1000]
    await database.store.write(TOY, HERE, START, at(1), inserted(SEEN, *[(3, name) for name in names]))
    gone = Changes()
    for name in names[1:]:
        gone.delete(SEEN, (3, name))
    await database.store.write(TOY, HERE, at(1), at(2), gone)
    assert await database.rows(SEEN) == [(3, names[0])]


@pytest.mark.parametrize(
    "bad",
    [
        item("nul\x00in the key"),
        item("a", note="nul\x00in a note"),
        item("a", note="half a pair \ud800"),
        item("a", count=2**63),
        item("a", count=-(2**63) - 1),
    ],
    ids=["nul-in-key", "nul", "surrogate", "too-great", "too-small"],
)
@pytest.mark.parametrize("change", [inserted, put])
async def test_a_row_that_no_wait_will_make_fit_is_refused_with_all_beside_it(
    database: Database, bad: tuple[object, ...], change: object
) -> None:
    assert callable(change)
    await database.store.write(TOY, HERE, START, at(1), inserted(ITEMS, item("before")))
    with pytest.raises(RowRefused) as caught:
        await database.store.write(TOY, HERE, at(1), at(2), change(ITEMS, item("beside"), bad))
    assert caught.value.code == "ROW_REFUSED"
    assert await database.rows(ITEMS) == [item("before")]
    await database.store.write(TOY, HERE, at(1), at(2), change(ITEMS, item("beside")))
    assert await database.rows(ITEMS) == [item("before"), item("beside")]


async def test_a_rehearsal_finds_what_a_write_would_and_changes_nothing(database: Database) -> None:
    good, bad = put(ITEMS, item("a")), put(ITEMS, item("b", note="\x00"))
    await database.store.rehearse(TOY, HERE, START, good)
    with pytest.raises(RowRefused):
        await database.store.rehearse(TOY, HERE, START, bad)
    assert await database.store.load(TOY, HERE) == Loaded(START, {})
    await database.store.write(TOY, HERE, START, at(1), good)
    with pytest.raises(CheckpointMoved):
        await database.store.rehearse(TOY, HERE, START, good)
    await database.store.rehearse(TOY, HERE, at(1), put(ITEMS, item("a", 2)))
    assert await database.rows(ITEMS) == [item("a")]
    await database.store.write(TOY, HERE, at(1), at(2), put(ITEMS, item("a", 3)))
    assert await database.rows(ITEMS) == [item("a", 3)]


async def test_a_row_inserted_under_a_key_that_is_taken_is_refused(database: Database) -> None:
    await database.store.write(TOY, HERE, START, at(1), inserted(ITEMS, item("a", 1)))
    with pytest.raises(RowRefused):
        await database.store.write(TOY, HERE, at(1), at(2), inserted(ITEMS, item("a", 2)))
    assert await database.rows(ITEMS) == [item("a", 1)]


async def test_ten_thousand_rows_in_one_write(database: Database) -> None:
    opened = [spell(number, note=f"row {number}") for number in range(10_000)]
    await database.store.write(TOY, HERE, START, at(1), inserted(SPELLS, *opened))
    assert sorted((await database.store.load(TOY, HERE)).rows[SPELLS]) == opened
    closed = put(SPELLS, *[spell(number, ended=1, note=f"row {number}") for number in range(5_000)])
    for number in range(5_000, 9_000):
        closed.delete(SPELLS, (3, number))
    await database.store.write(TOY, HERE, at(1), at(2), closed)
    assert sorted((await database.store.load(TOY, HERE)).rows[SPELLS]) == opened[9_000:]
    assert len(await database.rows(SPELLS)) == 6_000


async def test_partitions_stand_for_themselves(database: Database) -> None:
    await database.store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("a")))
    await database.store.write(TOY, THERE, START, at(7), inserted(ITEMS, item("a", where=THERE)))
    assert await database.store.positions(TOY) == {HERE: at(5), THERE: at(7)}
    assert (await database.store.load(TOY, THERE)).rows[ITEMS] == [item("a", where=THERE)]


async def test_a_reset_leaves_nothing_of_the_read_model_and_others_alone(database: Database) -> None:
    other = Projection("other", 1, "toys", (SEEN,), TOY.fold)
    mine = replace(TOY, tables=(ITEMS, SPELLS))
    await database.store.write(mine, HERE, START, at(5), inserted(ITEMS, item("a")))
    await database.store.write(mine, THERE, START, at(5), inserted(ITEMS, item("a", where=THERE)))
    await database.store.write(other, HERE, START, at(3), inserted(SEEN, (3, "x")))
    await database.store.reset(mine)
    assert await database.rows(ITEMS) == []
    assert await database.store.positions(mine) == {}
    assert (await database.store.positions(other), await database.rows(SEEN)) == ({HERE: at(3)}, [(3, "x")])
    with pytest.raises(CheckpointMoved):
        await database.store.write(mine, HERE, at(5), at(6), Changes())
    await database.store.write(mine, HERE, START, at(5), inserted(ITEMS, item("a")))


async def test_of_a_table_the_first_write_of_a_later_version_deletes_the_partitions_older_rows(
    database: Database,
) -> None:
    if not isinstance(database, TableDatabase):
        pytest.skip("rows of an earlier version stay: test_build_versions.py")
    await database.store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("old"), item("same")))
    await database.store.write(TOY, THERE, START, at(5), inserted(ITEMS, item("old", where=THERE)))
    later = in_version(2)
    assert await database.store.load(later, HERE) == Loaded(START, {})
    assert await database.store.positions(later) == {}
    await database.store.write(later, HERE, START, at(2), inserted(ITEMS, item("same")))
    assert await database.rows(ITEMS) == [item("same"), item("old", where=THERE)]
    assert await database.store.positions(later) == {HERE: at(2)}


async def test_an_earlier_release_leaves_the_rows_of_a_later_one_alone(database: Database) -> None:
    await database.store.write(in_version(2), HERE, START, at(5), inserted(ITEMS, item("a")))
    with pytest.raises(BuiltByNewer, match="tidelock projection rebuild toy") as caught:
        await database.store.load(TOY, HERE)
    assert (caught.value.code, caught.value.stored, caught.value.own) == ("BUILT_BY_NEWER", 2, 1)
    with pytest.raises(BuiltByNewer):
        await database.store.write(TOY, HERE, START, at(1), inserted(ITEMS, item("b")))
    assert await database.rows(ITEMS) == [item("a")]
    await database.store.reset(TOY)
    assert await database.store.load(TOY, HERE) == Loaded(START, {})


@pytest.mark.parametrize("begun", [False, True], ids=["first-write", "later-write"])
async def test_of_writers_that_race_exactly_one_wins(database: Database, begun: bool) -> None:
    expected = at(1) if begun else START
    if begun:
        await database.store.write(TOY, HERE, START, at(1), Changes())
    writes = [
        database.store.write(TOY, HERE, expected, at(2, head=one), inserted(ITEMS, item("a", one)))
        for one in range(6)
    ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    winners = [one for one, outcome in enumerate(outcomes) if outcome is None]
    assert len(winners) == 1
    assert {type(outcome) for outcome in outcomes if outcome is not None} == {CheckpointMoved}
    assert await database.rows(ITEMS) == [item("a", winners[0])]
    assert (await database.store.load(TOY, HERE)).checkpoint == at(2, head=winners[0])


async def test_a_load_shows_one_moment_however_many_writes_there_are(database: Database) -> None:
    async def writes() -> None:
        before = START
        for number in range(1, 41):
            await database.store.write(TOY, HERE, before, at(number), inserted(SPELLS, spell(number)))
            before = at(number)

    async def loads(store: ProjectionStore, until: "asyncio.Task[None]") -> int:
        seen = 0
        while not until.done():
            loaded = await store.load(TOY, HERE)
            assert len(loaded.rows.get(SPELLS, ())) == loaded.checkpoint.n
            seen += 1
            await asyncio.sleep(0)
        return seen

    writing = asyncio.create_task(writes())
    assert await loads(database.store, writing) > 0
    await writing
    assert (await database.store.load(TOY, HERE)).checkpoint == at(40)


async def test_any_history_of_writes_gives_the_rows_of_a_dictionary(database: Database) -> None:
    chance = random.Random(7)
    model: dict[tuple[object, ...], tuple[object, ...]] = {}
    before = START
    for step in range(1, 31):
        changes = Changes()
        for _ in range(chance.randrange(12)):
            name = chance.choice("abcdefgh")
            row = item(name, chance.randrange(1000))
            match chance.randrange(3):
                case 0:
                    changes.delete(ITEMS, (3, name))
                    model.pop((3, name), None)
                case 1 if (3, name) not in model:
                    changes.insert(ITEMS, row)
                    model[3, name] = row
                case _:
                    changes.upsert(ITEMS, row)
                    model[3, name] = row
        await database.store.write(TOY, HERE, before, at(step), changes)
        before = at(step)
        assert await database.rows(ITEMS) == [model[key] for key in sorted(model, key=str)]


@pytest.mark.usefixtures("beside_rows")
class TestMarks:
    async def test_the_first_write_leaves_one_and_every_stretch_of_the_log(self, database: Database) -> None:
        assert list(await database.marks.marks(HERE)) == []
        steps = (START, at(10), at(20), at(4095), at(4096), at(9000), at(9001), at(12288), at(12289))
        for before, after in pairwise(steps):
            await database.store.write(TOY, HERE, before, after, Changes())
        assert list(await database.marks.marks(HERE)) == [at(10), at(4096), at(9000), at(12288)]
        assert list(await database.marks.marks(THERE)) == []

    async def test_two_read_models_leave_no_more_of_them_than_one(self, database: Database) -> None:
        other = replace(TOY, name="other", tables=())
        for before, after in pairwise((START, at(10), at(5000), at(9000))):
            await database.store.write(TOY, HERE, before, after, Changes())
        for before, after in pairwise((START, at(11), at(4500), at(8500), at(13000))):
            await database.store.write(other, HERE, before, after, Changes())
        assert list(await database.marks.marks(HERE)) == [at(10), at(5000), at(9000), at(13000)]

    async def test_a_rebuild_leaves_the_trail_as_it_is(self, database: Database) -> None:
        await database.store.write(TOY, HERE, START, at(10), Changes())
        await database.store.reset(TOY)
        await database.store.write(TOY, HERE, START, at(9), Changes())
        assert list(await database.marks.marks(HERE)) == [at(10)]

    async def test_marks_of_a_log_that_was_made_anew_go_with_the_first_write(
        self, database: Database
    ) -> None:
        store, anew = database.store, replace(at(20), genesis=None)
        await store.write(TOY, HERE, START, at(5000), Changes())
        await store.write(TOY, THERE, START, at(30), Changes())
        await store.reset(TOY)
        await store.write(TOY, HERE, START, anew, Changes())
        assert list(await database.marks.marks(HERE)) == [anew]
        assert list(await database.marks.marks(THERE)) == [at(30)]

    async def test_reading_from_a_mark_misses_nothing_of_what_was_asked_for(self, database: Database) -> None:
        steps = (
            START,
            at(10, time_ms=500),
            at(5000, time_ms=700),
            at(9000, time_ms=700),
            at(13000, time_ms=900),
        )
        for before, after in pairwise(steps):
            await database.store.write(TOY, HERE, before, after, Changes())
        before_offset = {
            offset: await database.marks.mark_before(HERE, offset) for offset in (9, 10, 5001, 99999)
        }
        assert before_offset == {9: START, 10: steps[1], 5001: steps[2], 99999: steps[4]}
        by_time = {ms: await database.marks.mark_before_time(HERE, ms) for ms in (500, 501, 700, 701, 9999)}
        assert by_time == {500: START, 501: steps[1], 700: steps[1], 701: steps[3], 9999: steps[4]}
        assert await database.marks.mark_before(PartitionId("queues", 3), 10) == START


@pytest.mark.usefixtures("beside_rows")
class TestPublications:
    async def test_what_changed_comes_with_all_partitions_rows_until_it_is_out(
        self, database: Database
    ) -> None:
        here = inserted(WINDOWS, window(HERE, 0, 1, changed=5), window(HERE, 10_000, 2, changed=6))
        await database.store.write(TOY, HERE, START, at(7), here)
        there = inserted(WINDOWS, window(THERE, 0, 4, changed=50), window(THERE, 0, 8, 51, tenant="b"))
        await database.store.write(TOY, THERE, START, at(60), there)
        async with database.publications.turn(TOY) as turn:
            assert turn is not None
            first = await turn.unpublished(100)
            assert [list(rows) for rows in first.windows] == [
                [window(HERE, 0, 1, 5), window(THERE, 0, 4, 50)],
                [window(HERE, 10_000, 2, 6)],
                [window(THERE, 0, 8, 51, tenant="b")],
            ]
            assert first.reached == {3: 6, 4: 51}
            assert await turn.unpublished(100) == first
            await turn.published(first)
            assert (await turn.unpublished(100)).windows == ()
            changed = put(WINDOWS, window(HERE, 0, 3, changed=9))
            await database.store.write(TOY, HERE, at(7), at(10), changed)
            second = await turn.unpublished(100)
            assert [list(rows) for rows in second.windows] == [
                [window(HERE, 0, 3, 9), window(THERE, 0, 4, 50)]
            ]
            assert second.reached == {3: 9}

    async def test_however_few_are_asked_for_all_come_in_the_end(self, database: Database) -> None:
        rows = [window(HERE, 10_000 * number, number, changed=number // 3) for number in range(20)]
        await database.store.write(TOY, HERE, START, at(50), inserted(WINDOWS, *rows))
        seen, turns = [], 0
        async with database.publications.turn(TOY) as turn:
            assert turn is not None
            while (left := await turn.unpublished(4)).windows:
                assert len(left.windows) <= 6  # four, and whatever changed with the fourth
                seen += [row for rows in left.windows for row in rows]
                await turn.published(left)
                turns += 1
        assert (sorted(seen), turns) == (rows, 4)

    async def test_who_goes_on_beyond_what_is_out_is_told_what_came_later(self, database: Database) -> None:
        rows = [window(HERE, 10_000 * number, number, changed=number) for number in range(6)]
        await database.store.write(TOY, HERE, START, at(6), inserted(WINDOWS, *rows))
        async with database.publications.turn(TOY) as turn:
            assert turn is not None
            beyond = await turn.unpublished(10, {HERE.partition: 3, THERE.partition: 4})
            assert [row for (row,) in beyond.windows] == rows[4:]
            assert (
                len((await turn.unpublished(10, {HERE.partition: 6})).windows) == 6
            )  # it was built anew since
            await turn.published(beyond)
            assert (await turn.unpublished(10, {HERE.partition: 3})).windows == ()

    async def test_one_publishes_at_a_time(self, database: Database) -> None:
        async with database.publications.turn(TOY) as first:
            assert first is not None
            async with database.publications.turn(TOY) as second:
                assert second is None
        async with database.publications.turn(TOY) as third:
            assert third is not None

    async def test_a_turn_ends_with_the_error_that_ended_it(self, database: Database) -> None:
        with pytest.raises(OSError, match="the other side"):
            async with database.publications.turn(TOY):
                raise OSError("the other side is gone")
        async with database.publications.turn(TOY) as turn:
            assert turn is not None

    async def test_names_beyond_the_bound_are_told_together(self, database: Database) -> None:
        rows = [named_window(name, 0, 5) for name in "abcde"]
        await database.store.write(TOY_NAMED, HERE, START, at(7), inserted(NAMED, *rows))
        there = named_window("e", 0, 50, THERE)
        await database.store.write(TOY_NAMED, THERE, START, at(60), inserted(NAMED, there))
        async with database.publications.turn(TOY_NAMED) as turn:
            assert turn is not None
            first = await turn.unpublished(100)
            assert [[(row[2], row[0]) for row in rows] for rows in first.windows] == [
                [(OTHER, 3), (OTHER, 3), (OTHER, 4)],
                [("a", 3)],
                [("b", 3)],
                [("c", 3)],
            ]
            assert first.others == 2
            await turn.published(first)
            again = put(NAMED, named_window("d", 0, 9))
            await database.store.write(TOY_NAMED, HERE, at(7), at(10), again)
            second = await turn.unpublished(100)
            assert [[row[2] for row in rows] for rows in second.windows] == [[OTHER, OTHER, OTHER]]
            assert second.others == 1

    async def test_each_tenant_has_its_own_bound(self, database: Database) -> None:
        rows = [named_window(name, 0, 5, tenant=tenant) for tenant in ("acme", "b") for name in "xyz"]
        await database.store.write(TOY_NAMED, HERE, START, at(7), inserted(NAMED, *rows))
        async with database.publications.turn(TOY_NAMED) as turn:
            assert turn is not None
            what = await turn.unpublished(100)
            assert (len(what.windows), what.others) == (6, 0)

    async def test_a_name_that_was_long_silent_gives_its_series_to_another(self, database: Database) -> None:
        rows = [named_window(name, 0, 5) for name in "abc"]
        late = [named_window(name, NAME_KEPT_MS, 8) for name in "cde"]
        later = [named_window(name, NAME_KEPT_MS + 10_000, 9) for name in "cde"]
        heard = named_window("c", NAME_KEPT_MS // 2, 7)
        await database.store.write(TOY_NAMED, HERE, START, at(7), inserted(NAMED, *rows))
        async with database.publications.turn(TOY_NAMED) as turn:
            assert turn is not None
            await turn.published(await turn.unpublished(100))
            for offset, added in ((8, [heard]), (9, late), (10, later)):
                changes = inserted(NAMED, *added)
                await database.store.write(TOY_NAMED, HERE, at(offset - 1), at(offset), changes)
                what = await turn.unpublished(100)
                await turn.published(what)
            assert sorted(rows[0][2] for rows in what.windows) == ["c", "d", "e"]

    async def test_old_windows_are_forgotten_and_those_that_nobody_published_are_counted(
        self, database: Database
    ) -> None:
        rows = [window(HERE, 10_000 * number, number, changed=number) for number in range(10)]
        open_ = (*window(HERE, 5_000, 1, changed=11)[:-1], None)
        await database.store.write(TOY, HERE, START, at(50), inserted(WINDOWS, *rows, open_))
        assert await database.publications.forget(TOY, 0, 100) == Forgotten(0, 0)
        async with database.publications.turn(TOY) as turn:
            assert turn is not None
            await turn.published(await turn.unpublished(4))
        found = [await database.publications.forget(TOY, 60_000, 5) for _ in range(3)]
        assert [one.rows for one in found] == [5, 1, 0]
        assert sum(one.unpublished for one in found) == 2
        assert await database.rows(WINDOWS) == sorted([open_, *rows[6:]])

    @pytest.mark.parametrize("again", ["reset", "version"])
    async def test_what_is_built_anew_is_published_anew(self, database: Database, again: str) -> None:
        rows = inserted(WINDOWS, window(HERE, 0, 1, changed=5))
        await database.store.write(TOY, HERE, START, at(7), rows)
        async with database.publications.turn(TOY) as turn:
            assert turn is not None
            await turn.published(await turn.unpublished(10))
        anew = TOY if again == "reset" else in_version(2)
        await database.store.reset(anew)
        await database.store.write(anew, HERE, START, at(7), rows)
        async with database.publications.turn(anew) as turn:
            assert turn is not None
            assert len((await turn.unpublished(10)).windows) == 1
