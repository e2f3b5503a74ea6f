"""A read model made for tests, a store that can be moody, and a partition to project: all in memory, no clocks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from storage.memory.log import MemoryDeadLetters
from storage.memory.projections import MemoryProjectionStore
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.checkpoint import Checkpoint
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import Loaded
from streams.projections.projection import Fold, PoisonDecision, Projection
from streams.projections.table import Changes, Key, Row, Table
from streams.projector.lane import Lane
from streams.projector.lane_ports import LanePorts
from streams.projector.mirror import Mirror
from streams.projector.settings import LaneSettings
from streams.projector.tail import Tail
from streams.projector.watch import Silent
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, decision

TALLY = Table("tally", ("partition", "key", "count", "offset_"), key=2, restores=True)
ENTRIES = Table("entries", ("partition", "offset_", "index_", "key", "number"), key=3)

QUICK = LaneSettings(stretch_bytes=400, hand_over_s=0.0, pace_s=0.0)
POISON, BUG, NUL = "dev/poison", "dev/bug", "dev/\x00"


class ToyFold:
    """Counts decisions by key, and enters each one."""

    def __init__(self, where: PartitionId, _: Vocabulary) -> None:
        self._partition = where.partition
        self._counts: dict[str, int] = {}
        self._changes = Changes()

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        if table is TALLY:
            self._counts = {row[1]: row[2] for row in rows}

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        for one in accepted.decided:
            key = one.decision.key
            if one.index in without:
                continue
            if key == POISON:
                raise PoisonDecision(accepted, one.index, LookupError("fits nothing"))
            if key == BUG:
                self._counts["dev/corrupt"] = -1  # a fold that raises is worth nothing any more
                raise RuntimeError("a bug")
            self._counts[key] = self._counts.get(key, 0) + 1
            self._changes.upsert(TALLY, (self._partition, key, self._counts[key], accepted.offset))
            self._changes.insert(ENTRIES, (self._partition, accepted.offset, one.index, key, one.number))

    def take(self) -> Changes:
        changes, self._changes = self._changes, Changes()
        return changes


class HopelessFold(ToyFold):
    """Raises whatever is folded."""

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        raise RuntimeError("hopeless")


def projection(name: str = "toy", fold: Callable[[PartitionId, Vocabulary], Fold] = ToyFold) -> Projection:
    return Projection(name, 1, "locks", (TALLY, ENTRIES), fold, hot=TALLY)


TOY = projection()


class MoodyStore(MemoryProjectionStore):
    """Does as it is told: fails before or after a write, or waits until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Exception] = []
        """Raised by the next calls, instead of doing anything."""
        self.after: list[Exception] = []
        """Raised by the next writes, after they were done: a COMMIT whose answer was lost."""
        self.open = asyncio.Event()
        self.open.set()
        self.loads = 0
        self.writes: list[tuple[int, int]] = []
        self.begun = 0

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        self._mood()
        self.loads += 1
        return await super().load(projection, where)

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        self.begun += 1
        await self.open.wait()
        self._mood()
        await super().write(projection, where, expected, reached, changes)
        self.writes.append((expected.next_offset, reached.next_offset))
        if self.after:
            raise self.after.pop(0)

    def _mood(self) -> None:
        if self.before:
            raise self.before.pop(0)


class ListLog:
    """A topic that is a list."""

    def __init__(self, records: list[Stored]) -> None:
        self.records = records
        self.reads = 0
        self.fails: list[LogUnavailable] = []

    async def bounds(self) -> tuple[int, int]:
        return self.records[0].offset if self.records else 0, len(self.records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        self.reads += 1
        stop = len(self.records) if end is None else end
        for first in range(start, stop, 3):
            if self.fails:
                raise self.fails.pop(0)
            yield self.records[first : min(first + 3, stop)]


def at_once() -> tuple[Callable[[float], Any], list[float]]:
    """Return a pause that only gives others a turn, and the list of how long it should have been."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        await asyncio.sleep(0)

    return pause, paused


async def until(condition: Callable[[], Any], turns: int = 20_000) -> None:
    """Give others turns until `condition` holds."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come true")


def keys(count: int, commits: int) -> list[list[LoggedDecision]]:
    """Return decisions of `commits` commits over a few keys."""
    made = [decision(number + 1, key=f"dev/{number % 3}") for number in range(count)]
    size = -(-count // commits)
    return [made[first : first + size] for first in range(0, count, size)]


def logbook(*commits: Iterable[LoggedDecision]) -> Logbook:
    book = Logbook().begun()
    for decisions in commits:
        book.commit(*decisions)
    return book


def poisoned(*bad: str) -> list[list[LoggedDecision]]:
    """Return decisions of three commits; some of the second, from its third on, are on keys that are `bad`."""
    made = [decision(number + 1, key=f"dev/{number % 3}") for number in range(12)]
    for number, key in enumerate(bad):
        made[5 + number] = with_changes(made[5 + number], key=key)
    return [made[:3], made[3:9], made[9:]]


def truth(records: Iterable[Stored], aside: Collection[tuple[int, int]] = ()) -> dict[Table, dict[Key, Row]]:
    """Return the rows as one plain pass makes them, without the decisions `aside` (offset, index)."""
    reader, counts = CommitReader(WHERE, WORDS), defaultdict[str, int](int)
    rows: dict[Table, dict[Key, Row]] = {TALLY: {}, ENTRIES: {}}
    for record in records:
        accepted = reader.read(record)
        for index, made in enumerate(() if accepted is None else accepted.commit.decisions):
            if (record.offset, index) in aside:
                continue
            counts[made.key] += 1
            rows[TALLY][0, made.key] = (0, made.key, counts[made.key], record.offset)
            number = next(one.number for one in accepted.decided if one.index == index) if accepted else 0
            rows[ENTRIES][0, record.offset, index] = (0, record.offset, index, made.key, number)
    return rows


@dataclass
class World:
    """One partition with its tail; lanes as a test wants them."""

    book: Logbook
    settings: LaneSettings = QUICK
    store: MoodyStore = field(default_factory=MoodyStore)
    letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = ListLog(self.book.records)
        self.tail = Tail(WHERE, WORDS, self.settings)
        self.ports = LanePorts(self.store, self.letters, lambda _: self.log, Silent())

    def lane(
        self, read_model: Projection = TOY, mirror: Mirror | None = None, tail: Tail | None = None
    ) -> Lane:
        """Start a lane."""
        pause, self.paused = at_once()
        lane = Lane(read_model, WORDS, tail or self.tail, self.ports, self.settings, mirror, pause)
        self.tasks.append(asyncio.create_task(lane.run()))
        return lane

    async def feed(self, upto: int | None = None, tail: Tail | None = None) -> None:
        """Hand the tail what it wants, as Faust does, up to an offset."""
        tail = tail or self.tail
        await until(lambda: tail.next_offset is not None)
        tail.wanted = None
        begin = tail.next_offset or 0
        for _ in tail.feed(self.book.records[begin:upto]):
            await asyncio.sleep(0)

    async def settled(self, *lanes: Lane, at: int | None = None) -> None:
        """Wait until everything up to `at` (default: the log's end) is written."""
        end = len(self.book.records) if at is None else at
        await until(
            lambda: all(lane.written is not None and lane.written.next_offset == end for lane in lanes)
        )

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()

    @property
    def rows(self) -> dict[Table, dict[Key, Row]]:
        return {table: self.store.rows.get(table, {}) for table in (TALLY, ENTRIES)}


hopeless = partial(projection, "hopeless", HopelessFold)
