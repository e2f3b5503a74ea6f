"""The shell: what it does when logs and lanes fail, and where it begins."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from storage.memory.projections import MemoryProjectionStore
from streams.domain.locks.commands import WaitEdge
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.processes import follower
from streams.processes.deadlocks import process as shell
from streams.processes.deadlocks.detector import Abort, Counts, DeadlockDetector
from streams.processes.deadlocks.process import DeadlockProcess
from streams.processes.identity import Identity
from streams.processes.lane import LaneRefused, LaneUnavailable
from streams.processes.start import begin_at_the_start, begin_where_the_read_model_is
from streams.projections.locks.projections import LOCKS
from tests.unit.processes.spec import P0, Scene
from tests.unit.replay.logbook import WORDS, Logbook, decision

PATIENCE_S = 5.0
ME = Identity("dev", "d")


def records_of(scene: Scene) -> list[Stored]:
    """Return the log of partition 0, a commit for each decision."""
    book = Logbook().begun()
    for number, (where, key, events) in enumerate(scene.decided):
        assert where == P0
        book.commit(decision(number + 1, *events, key=key))
    return book.records


def circle() -> Scene:
    """A circle of A and B in one partition; B, the younger, waits for p."""
    return Scene().acquire("A", "p").acquire("B", "p2").acquire("A", "p2").acquire("B", "p", started_ms=1)


class Tail:
    """A log that comes in pieces, and fails after each."""

    def __init__(self, *records: Stored, piece: int = 1000) -> None:
        self.records = list(records)
        self.starts: list[int] = []
        self._piece = piece

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        start = starts[P0]
        self.starts.append(start)
        yield {P0: self.records[start : start + self._piece]}
        if start + self._piece >= len(self.records):
            await asyncio.Event().wait()
        raise LogUnavailable("gone for a while")


class Lane:
    """Answers at once, after having failed as often as told."""

    def __init__(self, number: int, *failures: Exception) -> None:
        self.barriers = 0
        self.aborts: list[tuple[str, int, tuple[WaitEdge, ...]]] = []
        self._number = number
        self._failures = list(failures)

    async def barrier(self, where: PartitionId) -> int:
        assert where == P0
        self.barriers += 1
        self._fail()
        return self._number

    async def abort(self, name: str, ticket: int, cycle: tuple[WaitEdge, ...]) -> bool:
        self._fail()
        self.aborts.append((name, ticket, cycle))
        return True

    def _fail(self) -> None:
        if self._failures:
            raise self._failures.pop()


class Watch:
    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.found = asyncio.Event()
        self.troubles: list[str] = []

    def counted(self, counts: Counts) -> None:
        if counts.found:
            self.found.set()

    def aborted(self, abort: Abort, ended: bool, after_s: float) -> None:
        assert ended
        assert 0 <= after_s < PATIENCE_S
        self.over.set()

    def trouble(self, error: Exception) -> None:
        self.troubles.append(type(error).__name__)


async def until(over: Callable[[], asyncio.Event], process: DeadlockProcess) -> None:
    """Run the process until something happened."""
    running = asyncio.create_task(process.run())
    waiting = asyncio.create_task(over().wait())
    await asyncio.wait((running, waiting), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    assert waiting.done(), running
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_S", 0.0)
    monkeypatch.setattr(shell, "RETRY_S", 0.0)
    monkeypatch.setattr(shell, "REFUSED_RETRY_S", 0.0)


async def test_reads_on_where_it_was_when_the_log_went_away() -> None:
    tail, watch, lane = Tail(*records_of(circle()), piece=2), Watch(), Lane(5)
    process = DeadlockProcess(DeadlockDetector(), ME, begin_at_the_start([P0], WORDS), tail, lane, watch)
    await until(lambda: watch.over, process)
    assert tail.starts == [0, 2, 4]
    assert watch.troubles == ["LogUnavailable"] * 2
    assert [(name, ticket) for name, ticket, _ in lane.aborts] == [("p", 4)]


async def test_what_is_not_answered_or_refused_is_sent_again() -> None:
    failures = LaneRefused("no"), LaneUnavailable("?"), LaneUnavailable("?")
    watch, lane = Watch(), Lane(5, *failures)
    readers = begin_at_the_start([P0], WORDS)
    tail = Tail(*records_of(circle()))
    await until(lambda: watch.over, DeadlockProcess(DeadlockDetector(), ME, readers, tail, lane, watch))
    assert watch.troubles == ["LaneUnavailable", "LaneUnavailable", "LaneRefused"]
    assert lane.barriers == 4


async def test_who_did_not_break_the_last_deadlock_lets_its_leader_go_first() -> None:
    """Another detector broke one circle, the log says; of the next it is let go first, but does not."""
    scene = circle()
    (first,) = scene.aborts()
    scene.abort(first).release("B", "p2").release("A", "p2").release("A", "p")
    scene.acquire("A", "p").acquire("B", "p2").acquire("A", "p2").acquire("B", "p", started_ms=1)
    records = records_of(scene)
    tail, watch, lane = Tail(*records), Watch(), Lane(scene.events[P0] + 1)
    process = DeadlockProcess(DeadlockDetector(), ME, begin_at_the_start([P0], WORDS), tail, lane, watch)
    running = asyncio.create_task(process.run())
    async with asyncio.timeout(PATIENCE_S):
        await watch.found.wait()
        assert not process.leads
        assert lane.barriers == 0
        await watch.over.wait()
    running.cancel()
    assert len(lane.aborts) == 1


async def test_the_locks_of_another_tenant_are_none_of_its_business() -> None:
    watch, lane = Watch(), Lane(5)
    readers = begin_at_the_start([P0], WORDS)
    records = records_of(circle())
    process = DeadlockProcess(
        DeadlockDetector(), Identity("other", "d"), readers, Tail(*records), lane, watch
    )
    reader = process.readers[P0]
    running = asyncio.create_task(process.run())
    async with asyncio.timeout(PATIENCE_S):
        while reader.next_offset < len(records):
            await asyncio.sleep(0)
    running.cancel()
    assert not watch.found.is_set()


async def test_a_log_that_cannot_be_read_on_ends_the_process() -> None:
    records = records_of(circle())
    process = DeadlockProcess(
        DeadlockDetector(), ME, begin_at_the_start([P0], WORDS), Tail(records[1]), Lane(5), Watch()
    )
    with pytest.raises(ExceptionGroup) as halted:
        await process.run()
    assert halted.group_contains(LogHalt)


async def test_begins_where_the_read_model_stands_with_its_locks() -> None:
    scene, store = circle(), MemoryProjectionStore()
    records = records_of(scene)
    fold, reader = LOCKS.fold(P0, WORDS), CommitReader(P0, WORDS)
    for stored in records:
        accepted = reader.read(stored)
        if accepted is not None:
            fold.commit(accepted)
    await store.write(LOCKS, P0, START, reader.checkpoint, fold.take())
    detector, whole = DeadlockDetector(), begin_at_the_start([P0], WORDS)
    readers = await begin_where_the_read_model_is(store, detector, "dev", whole, WORDS)
    assert [each.next_offset for each in readers] == [len(records)]
    watch, lane = Watch(), Lane(5)
    process = DeadlockProcess(detector, ME, readers, Tail(*records), lane, watch)
    await until(lambda: watch.over, process)
    assert [(name, ticket) for name, ticket, _ in lane.aborts] == [("p", 4)]
