"""Histories are forgotten, whenever and however far: what is asked of a moment that is kept is answered as before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.memory import queues as memory_queues
from storage.memory.caches import MemoryCacheReads
from storage.memory.histories import MemoryOldHistory
from storage.memory.nodes import MemoryNodeReads
from storage.memory.projections import MemoryProjectionStore
from storage.memory.queues import MemoryQueueReads
from storage.memory.reads import by_then
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.projections.caches import tables as cache_tables
from streams.projections.caches.projections import CACHES
from streams.projections.locks import changing
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.tables import DEADLOCKS, LOCK_HISTORY
from streams.projections.nodes import services
from streams.projections.nodes import tables as node_tables
from streams.projections.nodes.projections import NODES
from streams.projections.nodes.rows import instance_change_of, service_then
from streams.projections.ports import Sweep
from streams.projections.projection import Fold, Projection
from streams.projections.queues import steps
from streams.projections.queues import tables as queue_tables
from streams.projections.queues.projections import QUEUES
from streams.projections.queues.reads import BiographyPage, MessageRef
from streams.projections.reads import AsOf, Moment, RowsForgotten
from streams.projections.table import Table
from tests.contract.sinks.toys import at
from tests.property.projections import caches_histories, queues_histories
from tests.property.projections import histories as locks_histories
from tests.property.projections.sink import fold_on
from tests.property.projections.test_nodes import MOVES as NODE_MOVES
from tests.property.projections.test_nodes import History as NodesHistory
from tests.unit.projections.nodes import spec as nodes
from tests.unit.projections.queues import spec as queues
from tests.unit.replay import logbook

EXAMPLES = settings(max_examples=40, deadline=None)
CUTS = st.tuples(st.integers(0, 100), st.integers(-5, 100), st.integers(0, 60), st.integers(1, 7))
"""After how much of the log, and how far into it, is forgotten, how much further again, and rows at a time."""
Asks = Callable[[MemoryProjectionStore, Moment], Awaitable[object]]


@dataclass(frozen=True)
class Told:
    """A log, and what is asked about its moments."""

    projection: Projection
    where: PartitionId
    words: Vocabulary
    commits: Sequence[AcceptedCommit]
    asks: Asks

    @property
    def tables(self) -> list[Table]:
        return [table for table in self.projection.tables if table.forgets is not None]


class Kept:
    """A store that is filled commit by commit."""

    def __init__(self, told: Told) -> None:
        self.store, self.told = MemoryProjectionStore(), told
        self._fold: Fold = told.projection.fold(told.where, told.words)
        self._expected, self._old = START, MemoryOldHistory(self.store)

    async def write(self, commits: Sequence[AcceptedCommit]) -> None:
        for accepted in commits:
            fold_on(self._fold, accepted)
            reached = at(accepted.offset + 1, time_ms=accepted.time_ms)
            await self.store.write(
                self.told.projection, self.told.where, self._expected, reached, self._fold.take()
            )
            self._expected = reached

    async def restart(self) -> None:
        """Go on with a fold that knows what the store has kept."""
        loaded = await self.store.load(self.told.projection, self.told.where)
        self._fold = self.told.projection.fold(self.told.where, self.told.words)
        for table, rows in loaded.rows.items():
            self._fold.restore(table, list(rows))

    async def forget(self, before_ms: int, limit: int) -> int:
        gone = 0
        for table in self.told.tables:
            after = None
            while True:
                swept = await self._old.forget(self.told.projection, table, Sweep(before_ms, limit, after))
                gone, after = gone + swept.rows, swept.after
                if after is None:
                    break
        return gone


def _locks(moves: Any) -> Told:
    past = locks_histories.history(moves)
    return Told(LOCKS, logbook.WHERE, logbook.WORDS, past.commits, _locks_at)


async def _locks_at(store: MemoryProjectionStore, at: Moment) -> object:
    """The rule that `tables.LOCK_HISTORY` states, when each lock changed, and what was broken from then on: memory has
    no reads of locks.
    """
    _refuse(store, at, LOCK_HISTORY, DEADLOCKS)
    locks, broken = _named(store, LOCK_HISTORY), _named(store, DEADLOCKS)
    later = [row for row in broken if not by_then(row, at if isinstance(at, Position) else at - 1)]
    return later, {key: _lock_at([row for row in locks if f"{row['tenant']}/{row['name']}" == key], at)
                   for key in locks_histories.KEYS}  # fmt: skip


def _refuse(store: MemoryProjectionStore, at: Moment, *tables: Table) -> None:
    if _early(store, at, *tables):
        raise RowsForgotten("history", max(store.kept_from.values()))


def _early(store: MemoryProjectionStore, at: Moment, *tables: Table) -> bool:
    if isinstance(at, Position):
        places = [(table.name, at.partition.partition) for table in tables]
        return any(at.offset < store.forgotten.get(place, 0) for place in places)
    return any(at < store.kept_from.get(table.name, 0) for table in tables)


def _named(store: MemoryProjectionStore, table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in store.rows.get(table, {}).values()]


def _lock_at(rows: Sequence[dict[str, Any]], at: Moment) -> object:
    mine = {row["from_event"]: row for row in rows if by_then(row, at, "from_offset", "from_ms")}
    known: list[dict[str, Any]] = []
    for event in sorted(mine, reverse=True):
        known.append(mine[event])
        if mine[event]["keyframe"] is not None or mine[event]["spell"] == 1:
            known += [mine[each] for each in mine[event]["keyframe"] or () if each in mine and each < event]
            break
    else:
        known = []
    over = [row for row in known if row["to_event"] is not None and by_then(row, at, "to_offset", "to_ms")]
    stands = sorted(row["from_event"] for row in known if row not in over)
    changed = max([*[row["from_offset"] for row in known], *[row["to_offset"] for row in over]], default=None)
    return (stands, changed) if stands else None


def _queues(moves: Any) -> Told:
    past = queues_histories.history(moves)

    async def asks(store: MemoryProjectionStore, at: Moment) -> object:
        reads = MemoryQueueReads(store)
        names = [key.partition("#")[0].split("/") for key in queues_histories.KEYS]
        return [await reads.queue_at(tenant, name, at) for tenant, name in names]

    return Told(QUEUES, queues.WHERE, queues.WORDS, past.commits, asks)


def _messages(moves: Any) -> Told:
    """What is asked of some messages a moment. Of those that are over all may be forgotten, but no part."""
    past = queues_histories.history(moves)

    async def asks(store: MemoryProjectionStore, at: Moment) -> object:
        reads, found = MemoryQueueReads(store), list[object]()
        turn = at.offset if isinstance(at, Position) else at
        few = max(1, len(whole) // 3)
        for (tenant, ref), told_of in [*whole.items()][turn % few :: few]:
            ((biography,), _) = await reads.biographies(tenant, [BiographyPage(ref, 1_000, None)])
            if isinstance(biography, RowsForgotten):
                assert ref in over
            else:
                assert list(biography) == told_of, "a part of a biography"
            gone = ref in over and by_then(over[ref], at)
            subscription = ("a", "b")[turn % 2] if ref.queue == "b" else ""
            try:
                step, _ = await reads.message_at(tenant, ref, subscription, at)
            except RowsForgotten:
                if _early(store, at, queue_tables.MESSAGE_HISTORY) or not gone:
                    raise
                step = None
            found.append(None if gone else step)
        return found

    told = Told(QUEUES, queues.WHERE, queues.WORDS, past.commits, asks)
    every = Kept(told)
    asyncio.run(every.write(told.commits))
    whole = asyncio.run(_biographies(every.store))
    there = {key[1:] for key in every.store.rows.get(queue_tables.QUEUE_MESSAGES, {})}
    over = {
        ref: {"partition": ref.partition, "offset_": max(step.offset for step in told_of),
              "at_ms": max(step.at_ms for step in told_of)} if told_of else NEVER
        for (_, ref), told_of in whole.items() if (ref.incarnation, ref.number) not in there
    }  # fmt: skip
    return told


NEVER = {"partition": 0, "offset_": -1, "at_ms": -1}


async def _biographies(store: MemoryProjectionStore) -> dict[tuple[str, MessageRef], list[Any]]:
    """Return what happened to each message, and nothing of one that never was."""
    refs = {("acme", MessageRef(0, "q", 0, 1, 10**6))}
    for row in _named(store, queue_tables.MESSAGE_HISTORY):
        if row["block"] != queue_tables.ALL:
            numbers = row["numbers"] or range(row["first_"], row["last_"] + 1)
            place = (row["partition"], row["queue"], row["shard"], row["incarnation"])
            refs |= {(row["tenant"], MessageRef(*place, number)) for number in numbers}
    reads, found = MemoryQueueReads(store), dict[tuple[str, MessageRef], list[Any]]()
    for tenant, ref in sorted(refs, key=str):
        ((told_of,), _) = await reads.biographies(tenant, [BiographyPage(ref, 1_000, None)])
        assert not isinstance(told_of, RowsForgotten)
        found[tenant, ref] = list(told_of)
    return found


def _caches(moves: Any) -> Told:
    past = caches_histories.history(moves)

    async def asks(store: MemoryProjectionStore, at: Moment) -> object:
        reads, found = MemoryCacheReads(store), list[object]()
        for tenant, name in [key.partition("#")[0].split("/") for key in caches_histories.KEYS]:
            found.append(await reads.cache_at(tenant, name, at))
            entries = {row[2] for row in every.store.rows.get(cache_tables.CACHE_ENTRIES, {})}
            found += [await reads.entry_at(tenant, name, entry, at) for entry in sorted(entries)]
        return found

    told = Told(CACHES, caches_histories.WHERE, caches_histories.WORDS, past.commits, asks)
    every = Kept(told)
    asyncio.run(every.write(told.commits))
    return told


def _nodes(moves: Any) -> Told:
    async def asks(store: MemoryProjectionStore, at: Moment) -> object:
        reads = MemoryNodeReads(store)
        return [await reads.node_at("dev", "n1", at), await reads.node_at("dev", "n2", at),
                await reads.brake_at("dev", at), _service_at(store, at)]  # fmt: skip

    return Told(NODES, nodes.WHERE, nodes.WORDS, NodesHistory().play(moves).commits, asks)


def _service_at(store: MemoryProjectionStore, at: Moment) -> object:
    """The rule that `tables.INSTANCE_HISTORY` states: memory looks at all rows."""
    table = node_tables.INSTANCE_HISTORY
    _refuse(store, at, table)
    rows = [row for row in _named(store, table) if by_then(row, at, "changed_offset", "changed_ms")]
    known: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row["event"], row["part"]), reverse=True):
        known.insert(0, row)
        if row["keyframe"] is not None or row["spell"] == 1:
            named = [one for one in rows if one["event"] in (row["keyframe"] or ()) and one["part"] == 0]
            known = [one for one in named if one not in known] + known
            break
    else:
        known = []
    names = ("part", "what", "cause", "why", "spell", "keyframe", "partition", "service", "instance",
             *node_tables.INSTANCE_STATE.names)  # fmt: skip
    changes = [instance_change_of((*[row[name] for name in names], None, None)) for row in known]
    return service_then("s", changes, AsOf(()))


LOGS = [
    pytest.param(_locks, locks_histories.MOVES, id="locks"),
    pytest.param(_locks, locks_histories.DELAYED, id="locks-with-delays"),
    pytest.param(_queues, queues_histories.MOVES, id="queues"),
    pytest.param(_messages, queues_histories.MOVES, id="messages"),
    pytest.param(_caches, caches_histories.MOVES, id="caches"),
    pytest.param(_nodes, NODE_MOVES, id="nodes"),
]


@pytest.mark.parametrize(("make", "moves"), LOGS)
@given(data=st.data(), cuts=CUTS, every=st.sampled_from([2, 3, 64]))
@EXAMPLES
def test_no_answer_about_a_moment_that_is_kept_changes(
    make: Callable[[Any], Told], moves: st.SearchStrategy[Any], data: st.DataObject,
    cuts: tuple[int, int, int, int], every: int,
) -> None:  # fmt: skip
    with _small(every):
        told = make(data.draw(moves))
        asyncio.run(_unchanged(told, cuts))


@contextmanager
def _small(every: int) -> Iterator[None]:
    """Have so many rows from one keyframe to another, and so many messages in a block."""
    way = queue_tables.MESSAGE_HISTORY.forgets
    with ExitStack() as stack:
        for module, name in ((changing, "KEYFRAME_EVERY"), (services, "KEYFRAME_EVERY"), (steps, "BLOCK"),
                             (memory_queues, "BLOCK")):  # fmt: skip
            stack.enter_context(patch.object(module, name, every))
        stack.callback(object.__setattr__, way, "size", queue_tables.BLOCK)
        object.__setattr__(way, "size", every)
        yield


async def _unchanged(told: Told, cuts: tuple[int, int, int, int]) -> None:
    whole, kept = Kept(told), Kept(told)
    known, into, further, limit = cuts
    times = sorted({one.time_ms for one in told.commits})
    count, first = len(told.commits) * known // 100, _within(times, into)
    await whole.write(told.commits)
    await kept.write(told.commits[:count])
    await kept.forget(first, limit)
    await kept.restart()
    await kept.write(told.commits[count:])
    await _same(told, whole, kept, first)
    last = max(first, _within(times, into + further))
    await kept.forget(last, limit)
    await _same(told, whole, kept, last)


def _within(times: Sequence[int], percent: int) -> int:
    return max(0, times[0] + (times[-1] - times[0]) * percent // 100)


async def _same(told: Told, whole: Kept, kept: Kept, before_ms: int) -> None:
    times = {one.time_ms for one in told.commits}
    for time_ms in sorted({before_ms, *times, *[each - 1 for each in times]}):
        if time_ms < before_ms:
            with pytest.raises(RowsForgotten):
                await told.asks(kept.store, time_ms)
        else:
            assert await told.asks(kept.store, time_ms) == await told.asks(whole.store, time_ms)
    for one in told.commits:
        there = Position(told.where, one.offset)
        try:
            answer = await told.asks(kept.store, there)
        except RowsForgotten:
            assert one.time_ms <= before_ms
        else:
            assert answer == await told.asks(whole.store, there)


@pytest.mark.parametrize(("make", "moves"), LOGS)
@given(data=st.data(), limit=st.integers(1, 7), every=st.sampled_from([2, 3, 64]))
@EXAMPLES
def test_rows_that_stay_are_those_of_what_stands(
    make: Callable[[Any], Told], moves: st.SearchStrategy[Any], data: st.DataObject, limit: int, every: int
) -> None:
    with _small(every):
        asyncio.run(_bounded(make(data.draw(moves)), limit, every))


async def _bounded(told: Told, limit: int, every: int) -> None:
    kept = Kept(told)
    await kept.write(told.commits)
    while await kept.forget(told.commits[-1].time_ms, limit):
        pass
    rows = kept.store.rows
    for table in told.tables:
        left = rows.get(table, {}).values()
        if table.open_column is not None:
            over = [row for row in left if row[table.opened] is not None]
            assert len(over) <= (2 * len({row[2:4] for row in left}) if table is LOCK_HISTORY else 0)
    assert len(rows.get(queue_tables.QUEUE_HISTORY, {})) <= 2 * len(rows.get(queue_tables.QUEUE_SHARDS, {}))
    assert len(rows.get(cache_tables.CACHE_HISTORY, {})) <= 2 * len(rows.get(cache_tables.CACHE_SHARDS, {}))
    assert len(rows.get(node_tables.NODE_HISTORY, {})) <= len(rows.get(node_tables.NODES, {}))
    assert len(rows.get(node_tables.BRAKE_HISTORY, {})) <= 1
    offered = {row["instance"] for row in _named(kept.store, node_tables.SERVICE_INSTANCES)}
    members = _named(kept.store, node_tables.INSTANCE_HISTORY)
    assert len(members) <= (every + len(offered) if offered else 0)
    assert {row["at_ms"] for row in _named(kept.store, DEADLOCKS)} <= {told.commits[-1].time_ms}
    there = {(key[1], key[2] // every) for key in rows.get(queue_tables.QUEUE_MESSAGES, {})}
    for row in _named(kept.store, queue_tables.MESSAGE_HISTORY):
        blocks = range(row["first_"] // every, row["last_"] // every + 1)
        assert any((row["incarnation"], block) in there for block in blocks)
