"""The process that takes away from the tier what the log changed: marks, signs, and what goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streams.domain.caches import events as e
from streams.domain.caches.kind import CACHES
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START, Checkpoint
from streams.log.envelope import decode
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.log.records import Genesis
from streams.log.vocabulary import Vocabulary
from streams.processes import follower
from streams.processes.status import AtWork, status_of
from streams.processes.tier import partition
from streams.processes.tier import process as shell
from streams.processes.tier.changes import Changed
from streams.processes.tier.process import TierProcess
from streams.projections.tier import Change, Stretch, TierUnavailable
from streams.wire.tier import STALE_MS
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import Logbook, decision

HERE = PartitionId("caches", 0)
WORDS = Vocabulary(CACHES)
KEY = "dev/products"
PATIENCE_S = 30.0


def written(entry: str, token: int = 1, state: Any = "INVALID") -> e.EntryWritten:
    return e.EntryWritten("dev", "a", 1, 0, entry, token, "WRITTEN", 0, state, b"v", (), 0, 0, 0)


GRANTED = e.LineGranted("dev", "a", 1, 0, 3, "a", 4, "SHARED", 1, 0, 0)
CHANGES = [
    written("a"),
    e.EntryWrittenBack(3, "b", 2, "SHARED", None, 0),
    e.EntryDeleted("dev", "a", 1, 0, "c", 1),
    e.EntriesRemoved(("d", "e"), "TAG"),
    e.EntriesWarmed(6, (e.WarmEntry("f", b"", (), 0, 0), e.WarmEntry("g", b"", (), 0, 0))),
]


class Book(Logbook):
    """A log of caches in the making, that can be tailed."""

    def __init__(self) -> None:
        super().__init__("caches")
        self.grown = asyncio.Event()
        self.begun()

    def happened(self, *events: Any, key: str = KEY) -> "Book":
        made = decision(len(self.records), key=key)
        self.commit(with_changes(made, events=tuple(map(WORDS.encode_event, events))))
        self.grown.set()
        return self


class Tail:
    """Reads a book on; breaks off as often as told."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.failures = 0

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        at = starts[HERE]
        while True:
            self.book.grown.clear()
            if self.failures:
                self.failures -= 1
                raise LogUnavailable("gone for a while")
            if self.book.records[at:]:
                fetched, at = self.book.records[at:], len(self.book.records)
                yield {HERE: fetched}
            await self.book.grown.wait()


class Logs:
    def __init__(self, book: Book) -> None:
        self.book = book
        self.end: int | None = None

    async def genesis(self, where: PartitionId) -> Genesis | None:
        record = decode(self.book.records[0].value)
        return record if isinstance(record, Genesis) else None

    async def ends(self, several: Collection[PartitionId]) -> Mapping[PartitionId, int]:
        return dict.fromkeys(several, len(self.book.records) if self.end is None else self.end)


class Tier:
    """What the scripts do, in memory, on a clock of its own."""

    def __init__(self) -> None:
        self.log = ""
        self.mark: Checkpoint | None = None
        self.since = 0
        self.changes: dict[tuple[str, str], int] = {}
        self.stretches = 0
        self.now_ms = 1_000_000
        self.sign_until = 0
        self.seen: list[int] = []
        self.failures = 0
        self.asked: Callable[[], None] = lambda: None

    def flush(self) -> None:
        self.log, self.mark, self.sign_until, self.changes = "", None, 0, {}

    async def begin(self, where: PartitionId, log: str, since: int, at: Checkpoint) -> Checkpoint:
        self._fail()
        if self.mark is None or self.log != log:
            self.flush()
            self.log, self.mark, self.since = log, at, since
        return self.mark

    async def apply(self, where: PartitionId, log: str, stretch: Stretch) -> bool:
        self._fail()
        if self.mark is None or self.log != log or self.mark.next_offset < stretch.start:
            return False
        if self.mark.next_offset < stretch.reached.next_offset:
            self.mark = stretch.reached
            self.stretches += 1
            self.since = max(self.since, stretch.since)
            self.changes |= {(change.key, change.entry): change.token for change in stretch.changes}
        return True

    async def sign(self, where: PartitionId, log: str, at: int, seen_ms: int) -> int | None:
        self._fail()
        if self.mark is None or self.log != log or self.mark.next_offset < at:
            return None
        self.seen.append(seen_ms)
        self.sign_until = max(self.sign_until, seen_ms + STALE_MS)
        self.now_ms += 1
        return self.now_ms

    @property
    def is_signed(self) -> bool:
        return self.sign_until > self.now_ms

    def _fail(self) -> None:
        self.asked()
        if self.failures:
            self.failures -= 1
            raise TierUnavailable("away")


class Watch:
    def __init__(self) -> None:
        self.troubles: list[str] = []

    def applied(self, stretch: Stretch) -> None: ...

    def signed(self, partitions: int) -> None: ...

    def trouble(self, error: Exception, where: PartitionId | None = None) -> None:
        self.troubles.append(getattr(error, "code", type(error).__name__))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "SIGN_S", 0.0)
    monkeypatch.setattr(shell, "GATHER_S", 0.0)
    monkeypatch.setattr(partition, "RETRY_S", 0.0)
    monkeypatch.setattr(follower, "RETRY_S", 0.0)


class Rig:
    def __init__(self, book: Book, tier: Tier) -> None:
        self.book, self.tier, self.watch = book, tier, Watch()
        self.tail, self.logs = Tail(book), Logs(book)
        self.process = TierProcess(WORDS, [HERE], self.tail, self.logs, tier, self.watch)

    async def until(self, there: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not there():
                await asyncio.sleep(0)

    def stands(self) -> bool:
        return self.tier.mark is not None and self.tier.mark.next_offset == len(self.book.records)


@asynccontextmanager
async def running(book: Book, tier: Tier) -> AsyncIterator[Rig]:
    rig = Rig(book, tier)
    task = asyncio.create_task(rig.process.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def changed(*events: Any) -> Stretch:
    book = Book().happened(GRANTED, *events, GRANTED)
    reader = CommitReader(HERE, WORDS)
    folded = Changed(reader, WORDS)
    for record in book.records:
        accepted = reader.read(record)
        if accepted is not None:
            folded.fold(accepted)
    stretch = folded.take()
    assert stretch is not None
    assert folded.take() is None
    return stretch


async def test_each_entry_that_changes_is_named_with_the_token_of_its_last_change() -> None:
    stretch = changed(*CHANGES, written("a"))
    tokens = {"a": 7, "b": 3, "c": 4, "d": 5, "e": 5, "f": 6, "g": 6}
    assert set(stretch.changes) == {Change(KEY, entry, token) for entry, token in tokens.items()}
    assert (stretch.start, stretch.reached.next_offset, stretch.since) == (0, 3, 0)


async def test_what_changes_no_value_is_no_change() -> None:
    assert not changed(e.ChangeStarted("a", "WRITE", 1, 0), e.CacheDeleted()).changes


async def test_the_end_of_a_cache_is_told() -> None:
    assert changed(e.CacheClosing(3)).since == 2


async def test_it_follows_and_signs_once_it_is_at_the_end() -> None:
    book, tier = Book().happened(*CHANGES), Tier()
    async with running(book, tier) as rig:
        await rig.until(lambda: tier.is_signed)
        assert rig.stands()
        assert tier.changes[KEY, "a"] == 1
        book.happened(written("z"))
        await rig.until(rig.stands)
        assert tier.changes[KEY, "z"] == 6
        await rig.until(lambda: rig.process.signed == 1)
    assert tier.seen[0] == 0
    assert not rig.watch.troubles


async def test_a_sign_is_of_a_moment_before_the_end_was_asked_for() -> None:
    book, tier = Book(), Tier()
    async with running(book, tier) as rig:
        await rig.until(lambda: len(tier.seen) > 3)
    assert tier.seen == sorted(tier.seen)
    assert tier.seen[:3] == [0, 1_000_001, 1_000_002]


async def test_nothing_is_signed_before_the_log_is_read_to_its_end() -> None:
    book, tier = Book(), Tier()
    async with running(book, tier) as rig:
        rig.logs.end = len(book.records) + 1
        await rig.until(rig.stands)
        turns = [0]
        for _ in range(200):
            await asyncio.sleep(0)
            turns[0] += 1
        assert not tier.seen
        book.happened(written("a"))
        await rig.until(lambda: bool(tier.seen))
        assert tier.changes


async def test_a_log_that_lost_its_end_is_not_signed() -> None:
    book, tier = Book().happened(written("a")), Tier()
    async with running(book, tier) as rig:
        await rig.until(rig.stands)
        rig.logs.end = 1
        await rig.until(lambda: "LOG_UNAVAILABLE" in rig.watch.troubles)
        assert rig.process.signed == 0


async def test_the_next_process_goes_on_where_the_mark_stands() -> None:
    book, tier = Book().happened(written("a")), Tier()
    async with running(book, tier) as rig:
        await rig.until(rig.stands)
    tier.changes.clear()
    book.happened(written("b"))
    async with running(book, tier) as rig:
        await rig.until(rig.stands)
    assert tier.changes == {(KEY, "b"): 2}


async def test_two_do_no_harm() -> None:
    book, tier = Book().happened(written("a")), Tier()
    async with running(book, tier) as one, running(book, tier) as two:
        await one.until(lambda: one.stands() and tier.is_signed)
        book.happened(written("b"))
        await one.until(one.stands)
        await one.until(lambda: bool(one.process.signed and two.process.signed))
        assert tier.stretches == 2
        assert not one.watch.troubles + two.watch.troubles


async def test_a_flushed_tier_believes_nothing_that_was_before() -> None:
    book, tier = Book().happened(written("a")), Tier()
    async with running(book, tier) as rig:
        await rig.until(lambda: tier.is_signed)
        tier.flush()
        await rig.until(lambda: tier.is_signed)
        assert (rig.stands(), tier.since, tier.changes) == (True, 1, {})
        assert "MARK_LOST" in rig.watch.troubles
        tier.flush()
        book.happened(written("b"), written("c"))
        await rig.until(lambda: rig.stands() and tier.is_signed)
        assert tier.since >= 1


async def test_a_mark_that_went_back_is_followed_from_there() -> None:
    """A replica that lacked the last changes was promoted."""
    book, tier = Book().happened(written("a")), Tier()
    async with running(book, tier) as rig:
        await rig.until(rig.stands)
        before, changes = tier.mark, dict(tier.changes)
        book.happened(written("b"))
        await rig.until(rig.stands)
        tier.mark, tier.changes, tier.sign_until = before, changes, 0
        await rig.until(lambda: rig.stands() and tier.is_signed)
        assert tier.changes == {(KEY, "a"): 1, (KEY, "b"): 2}


async def test_the_mark_of_another_log_is_not_gone_on_from() -> None:
    book, tier = Book().happened(written("a"), written("b")), Tier()
    tier.log, tier.mark, tier.since = "ff", START, 9_999
    async with running(book, tier) as rig:
        await rig.until(lambda: tier.is_signed)
        assert rig.stands()
        assert (tier.log, tier.since) == (bytes(16).hex(), 0)


async def test_a_tier_or_log_that_is_away_is_tried_again() -> None:
    book, tier = Book().happened(written("a")), Tier()
    tier.failures = 3
    async with running(book, tier) as rig:
        rig.tail.failures = 2
        await rig.until(lambda: tier.is_signed)
        tier.failures = 2
        book.happened(written("b"))
        await rig.until(rig.stands)
        await rig.until(lambda: rig.process.signed == 1)
        assert tier.changes[KEY, "b"] == 2
        assert {"TIER_UNAVAILABLE"} <= set(rig.watch.troubles)


async def test_a_log_that_this_release_cannot_read_ends_it() -> None:
    book = Book()
    made = decision(1, key=KEY)
    book.commit(with_changes(made, events=(b"no event of this release",)))
    rig = Rig(book, Tier())
    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.timeout(PATIENCE_S):
            await rig.process.run()
    assert ended.group_contains(LogHalt)


async def test_the_status_says_what_is_signed_and_a_tier_that_is_away_makes_nothing_unready() -> None:
    book, tier = Book().happened(written("a")), Tier()
    tier.failures = 1_000_000
    async with running(book, tier) as rig:
        at_work = AtWork(tiers=[rig.process])
        await rig.until(lambda: "TIER_UNAVAILABLE" in rig.watch.troubles)
        assert (at_work.tailing, status_of("p", at_work)["tier"]) == (True, {"signed": 0})
        tier.failures = 0
        await rig.until(lambda: status_of("p", at_work)["tier"] == {"signed": 1})
        await rig.until(rig.stands)
        assert status_of("p", at_work)["partitions"] == {"caches/0": 3}
