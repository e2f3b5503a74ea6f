"""A read model on a changelog: who may write it, what a crash leaves, what compaction may take."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from storage.memory.changelog import MemoryChangelogs, MemoryChangelogWriter
from storage.tables.codec import CHECKPOINT, CLAIM
from storage.tables.store import TableProjectionStore
from streams.log.checkpoint import START
from streams.projections.changelog import AppendLost, ChangelogId, ChangesTooLarge, Entry
from streams.projections.ports import BuiltByNewer, CheckpointMoved, Loaded, RowRefused, SinkUnavailable
from streams.projections.table import Changes, Table
from tests.contract.sinks.toys import HERE, ITEMS, SPELLS, TOY, at, in_version, inserted, item, put, spell

TABLE = ChangelogId(TOY.name, HERE)


class MoodyChangelogs(MemoryChangelogs):
    """Loses answers, before or after a batch has landed, or waits until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def claim(self, changelog: ChangelogId) -> MemoryChangelogWriter:
        await super().claim(changelog)
        writer = self.writers[changelog] = MoodyWriter(self, changelog)
        return writer


class MoodyWriter(MemoryChangelogWriter):
    def __init__(self, changelogs: MoodyChangelogs, changelog: ChangelogId) -> None:
        super().__init__(changelogs, changelog)
        self._mood = changelogs

    async def append(self, entries: Sequence[Entry]) -> int:
        await self._mood.open.wait()
        lost = self._mood.lost.pop(0) if self._mood.lost else None
        if lost == "before":
            raise AppendLost("lost before it landed")
        end = await super().append(entries)
        if lost == "after":
            raise AppendLost("lost after it landed")
        return end


@pytest.fixture
def changelogs() -> MoodyChangelogs:
    return MoodyChangelogs()


@pytest.fixture
def store(changelogs: MoodyChangelogs) -> TableProjectionStore:
    return TableProjectionStore(changelogs)


def another(changelogs: MemoryChangelogs) -> TableProjectionStore:
    return TableProjectionStore(changelogs)


def keys(changelogs: MemoryChangelogs) -> set[bytes]:
    """Return the keys under which something stands."""
    stands: dict[bytes, bytes | None] = dict(each for each in changelogs.records[TABLE] if each is not None)
    return {key for key, data in stands.items() if data is not None} - {CLAIM, CHECKPOINT}


async def test_rows_and_position_are_one_batch_with_the_position_last(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("a"), item("b")))
    written = [each[0] for each in changelogs.records[TABLE] if each is not None]
    assert written == [CLAIM, b'["toy_items","a"]', b'["toy_items","b"]', CHECKPOINT]


async def test_who_was_frozen_and_wakes_writes_nothing(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("a", 1)))
    newer = another(changelogs)
    await newer.load(TOY, HERE)
    before = list(changelogs.records[TABLE])
    with pytest.raises(CheckpointMoved):
        await store.write(TOY, HERE, at(5), at(6), put(ITEMS, item("a", 2)))
    assert changelogs.records[TABLE] == before
    await newer.write(TOY, HERE, at(5), at(7), put(ITEMS, item("a", 3)))
    assert (await store.load(TOY, HERE)).rows[ITEMS] == [item("a", 3)]


@pytest.mark.parametrize(("lost", "stands", "count"), [("before", at(5), 1), ("after", at(6), 2)])
async def test_an_outcome_that_is_unknown_is_found_out_by_loading(
    store: TableProjectionStore, changelogs: MoodyChangelogs, lost: str, stands: object, count: int
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("a", 1)))
    changelogs.lost = [lost]
    with pytest.raises(SinkUnavailable):
        await store.write(TOY, HERE, at(5), at(6), put(ITEMS, item("a", 2)))
    assert store.rows(TOY, HERE, ITEMS) is None  # whoever looks finds no row that may be wrong
    loaded = await store.load(TOY, HERE)
    assert (loaded.checkpoint, loaded.rows[ITEMS]) == (stands, [item("a", count)])


async def test_a_write_that_is_cut_short_changes_no_row_that_others_see(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("a", 1)))
    changelogs.open.clear()
    writing = asyncio.create_task(store.write(TOY, HERE, at(5), at(6), put(ITEMS, item("a", 2))))
    await asyncio.sleep(0)
    assert store.rows(TOY, HERE, ITEMS) == {(3, "a"): item("a", 1)}
    writing.cancel()
    await asyncio.wait([writing])
    changelogs.open.set()
    assert store.rows(TOY, HERE, ITEMS) is None
    assert (await store.load(TOY, HERE)).rows[ITEMS] == [item("a", 1)]


async def test_compaction_at_any_time_takes_nothing_that_counts(changelogs: MoodyChangelogs) -> None:
    chance, model = random.Random(5), dict[str, int]()
    store, before, taken = another(changelogs), START, 0
    for step in range(1, 80):
        changes = Changes()
        for name in chance.sample("abcdefgh", chance.randrange(5)):
            if chance.random() < 0.3:
                changes.delete(ITEMS, (3, name))
                model.pop(name, None)
            else:
                changes.upsert(ITEMS, item(name, step))
                model[name] = step
        await store.write(TOY, HERE, before, at(step), changes)
        before = at(step)
        if chance.random() < 0.3:
            taken += changelogs.compact(TABLE, tombstones=chance.random() < 0.5)
        if chance.random() < 0.2:
            store = another(changelogs)
            loaded = await store.load(TOY, HERE)
            assert loaded.checkpoint == before
            assert sorted(loaded.rows[ITEMS]) == [item(name, model[name]) for name in sorted(model)]
    assert taken > 50


async def test_what_is_deleted_leaves_nothing_for_ever(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    before = START
    for step in range(1, 50):
        changes = put(SPELLS, spell(step))
        changes.delete(SPELLS, (3, step - 1))
        await store.write(TOY, HERE, before, at(step), changes)
        before = at(step)
    changelogs.compact(TABLE, tombstones=True)
    assert keys(changelogs) == {b'["toy_spells",49]'}
    assert len([each for each in changelogs.records[TABLE] if each is not None]) == 3


async def test_after_a_reset_no_old_row_comes_back(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("old"), item("same", 1)))
    await another(changelogs).reset(TOY)
    with pytest.raises(CheckpointMoved):
        await store.write(TOY, HERE, at(5), at(6), Changes())
    assert await store.load(TOY, HERE) == Loaded(START, {})
    await store.write(TOY, HERE, START, at(2), put(ITEMS, item("same", 9)))
    assert keys(changelogs) == {b'["toy_items","same"]'}
    assert (await another(changelogs).load(TOY, HERE)).rows[ITEMS] == [item("same", 9)]


async def test_a_first_write_whose_clearing_away_is_lost_leaves_it_to_the_next(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("old"), item("same", 1)))
    later = in_version(2)
    await store.load(later, HERE)
    changelogs.lost = ["", "before"]
    with pytest.raises(SinkUnavailable):
        await store.write(later, HERE, START, at(3), put(ITEMS, item("same", 2)))
    assert b'["toy_items","old"]' in keys(changelogs)
    loaded = await store.load(later, HERE)
    assert (loaded.checkpoint, loaded.rows[ITEMS]) == (at(3), [item("same", 2)])
    assert keys(changelogs) == {b'["toy_items","same"]'}


async def test_a_later_releases_rows_stay_until_the_first_write(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("old")))
    assert await store.load(in_version(2), HERE) == Loaded(START, {})
    assert (await store.load(TOY, HERE)).rows[ITEMS] == [item("old")]  # one may still go back
    await store.load(in_version(2), HERE)
    await store.write(in_version(2), HERE, START, at(1), Changes())
    with pytest.raises(BuiltByNewer):
        await store.load(TOY, HERE)
    assert keys(changelogs) == set()


async def test_changes_that_fit_no_batch_are_refused_and_smaller_ones_taken(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    changelogs.max_batch_bytes = 2000
    await store.write(TOY, HERE, START, at(1), Changes())
    with pytest.raises(ChangesTooLarge):
        await store.write(TOY, HERE, at(1), at(2), inserted(SPELLS, spell(1, note="x" * 3000)))
    await store.write(TOY, HERE, at(1), at(2), inserted(SPELLS, spell(1, note="x")))
    assert store.rows(TOY, HERE, SPELLS) == {(3, 1): spell(1, note="x")}


async def test_a_number_that_is_none_is_refused(store: TableProjectionStore) -> None:
    means = Table("toy_items", ("partition", "name", "mean"), key=2, restores=True)
    model = in_version(1)
    model = type(model)(model.name, 1, "toys", (means,), model.fold)
    await store.write(model, HERE, START, at(1), inserted(means, (3, "a", 0.5)))
    with pytest.raises(RowRefused):
        await store.write(model, HERE, at(1), at(2), inserted(means, (3, "b", float("nan"))))
    assert (await store.load(model, HERE)).rows[means] == [(3, "a", 0.5)]


async def test_what_is_held_is_what_nobody_else_wrote_since(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), Changes())
    assert await store.held(TOY) == {HERE: at(5)}
    await another(changelogs).reset(TOY)
    assert await store.held(TOY) == {}
    await store.load(TOY, HERE)
    assert await store.held(TOY) == {HERE: START}


async def test_what_is_released_is_forgotten_and_its_writer_closed(
    store: TableProjectionStore, changelogs: MoodyChangelogs
) -> None:
    await store.write(TOY, HERE, START, at(5), inserted(ITEMS, item("a")))
    await store.release(TOY, HERE)
    assert store.rows(TOY, HERE, ITEMS) is None
    await store.close()
    with pytest.raises(AppendLost):
        await changelogs.writers[TABLE].append([])
