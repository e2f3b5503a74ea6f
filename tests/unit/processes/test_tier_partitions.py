"""Several partitions of a tier: what one has to wait for costs the others nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from streams.log.checkpoint import Checkpoint
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.records import Genesis
from streams.processes.tier import changes, partition
from streams.processes.tier import process as shell
from streams.processes.tier.process import TierProcess
from streams.projections.tier import Stretch
from tests.unit.processes.test_tier import KEY, PATIENCE_S, WORDS, Book, Logs, Tier, Watch, written

ILL, WELL = PartitionId("caches", 0), PartitionId("caches", 1)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "SIGN_S", 0.0)
    monkeypatch.setattr(shell, "GATHER_S", 0.0)
    monkeypatch.setattr(partition, "RETRY_S", 0.0)


class Tails:
    """Reads several books on, side by side."""

    def __init__(self, books: Mapping[PartitionId, Book]) -> None:
        self.books = books
        self.opened: list[Mapping[PartitionId, int]] = []

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        self.opened.append(dict(starts))
        at = dict(starts)
        while True:
            fetched = {where: self.books[where].records[at[where] :] for where in starts}
            at = {where: len(self.books[where].records) for where in starts}
            if any(fetched.values()):
                yield {where: records for where, records in fetched.items() if records}
            await asyncio.sleep(0)


class SeveralLogs:
    def __init__(self, books: Mapping[PartitionId, Book]) -> None:
        self.logs = {where: Logs(book) for where, book in books.items()}
        self.empty: set[PartitionId] = set()

    async def genesis(self, where: PartitionId) -> Genesis | None:
        if where in self.empty:
            await asyncio.Event().wait()
        return await self.logs[where].genesis(where)

    async def ends(self, several: Collection[PartitionId]) -> Mapping[PartitionId, int]:
        return {where: (await self.logs[where].ends([where]))[where] for where in several}


class Nodes:
    """A cluster: each partition is on a node of its own, which hangs when told."""

    def __init__(self, several: Sequence[PartitionId]) -> None:
        self.tiers = {where: Tier() for where in several}
        self.hangs: set[PartitionId] = set()
        self.answers_the_cancelled = False
        self.stretches: dict[PartitionId, list[Stretch]] = {where: [] for where in several}

    async def begin(self, where: PartitionId, log: str, since: int, at: Checkpoint) -> Checkpoint:
        return await (await self._node(where)).begin(where, log, since, at)

    async def apply(self, where: PartitionId, log: str, stretch: Stretch) -> bool:
        node = await self._node(where)
        self.stretches[where].append(stretch)
        return await node.apply(where, log, stretch)

    async def sign(self, where: PartitionId, log: str, at: int, seen_ms: int) -> int | None:
        return await (await self._node(where)).sign(where, log, at, seen_ms)

    async def _node(self, where: PartitionId) -> Tier:
        try:
            while where in self.hangs:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            if not self.answers_the_cancelled:
                raise
        return self.tiers[where]


class Rig:
    def __init__(self, several: Sequence[PartitionId]) -> None:
        self.books = {where: Book().happened(written("a")) for where in several}
        self.nodes, self.watch = Nodes(several), Watch()
        self.tails, self.logs = Tails(self.books), SeveralLogs(self.books)
        self.process = TierProcess(WORDS, several, self.tails, self.logs, self.nodes, self.watch)

    async def until(self, there: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not there():
                await asyncio.sleep(0)

    async def is_kept(self, where: PartitionId) -> None:
        """Wait until the mark is at the end, and a sign was given there."""
        node = self.nodes.tiers[where]
        await self.until(
            lambda: node.mark is not None and node.mark.next_offset == len(self.books[where].records)
        )
        given = len(node.seen)
        await self.until(lambda: len(node.seen) > given + 1 and node.is_signed)


@asynccontextmanager
async def running(several: Sequence[PartitionId] = (ILL, WELL), hangs: bool = False) -> AsyncIterator[Rig]:
    rig = Rig(several)
    if hangs:
        rig.nodes.hangs.add(ILL)
    task = asyncio.create_task(rig.process.run())
    try:
        yield rig
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_node_that_hangs_from_the_start_keeps_no_other_waiting() -> None:
    async with running(hangs=True) as rig:
        await rig.is_kept(WELL)
        rig.books[WELL].happened(written("b"))
        await rig.is_kept(WELL)
        assert rig.nodes.tiers[WELL].changes == {(KEY, "a"): 1, (KEY, "b"): 2}
        assert (rig.nodes.tiers[ILL].mark, rig.process.signed) == (None, 1)
        rig.nodes.hangs.clear()
        await rig.is_kept(ILL)
        await rig.until(lambda: rig.process.signed == 2)
        assert rig.nodes.tiers[ILL].changes == {(KEY, "a"): 1}


async def test_a_node_that_hangs_later_costs_its_own_partition_alone() -> None:
    async with running() as rig:
        await rig.is_kept(ILL)
        rig.nodes.hangs.add(ILL)
        for entry in "bcd":
            rig.books[ILL].happened(written(entry))
            rig.books[WELL].happened(written(entry))
            await rig.is_kept(WELL)
        assert rig.nodes.tiers[ILL].changes == {(KEY, "a"): 1}
        rig.nodes.hangs.clear()
        await rig.is_kept(ILL)
        assert rig.nodes.tiers[ILL].changes == {(KEY, "a"): 1, (KEY, "b"): 2, (KEY, "c"): 3, (KEY, "d"): 4}


async def test_a_lost_mark_is_the_business_of_its_own_partition() -> None:
    async with running() as rig:
        await rig.is_kept(ILL)
        await rig.is_kept(WELL)
        opened = len(rig.tails.opened)
        rig.nodes.tiers[ILL].flush()
        await rig.is_kept(ILL)
        assert rig.watch.troubles == ["MARK_LOST"]
        assert rig.nodes.tiers[ILL].since == 1
        rig.books[ILL].happened(written("b"))
        await rig.is_kept(ILL)
        assert rig.nodes.tiers[ILL].changes == {(KEY, "b"): 2}
        assert len(rig.tails.opened) == opened, "a mark that is made anew is made where the log is read"
        assert rig.nodes.tiers[WELL].since == 0


async def test_a_mark_that_went_back_has_its_log_read_again_and_no_other() -> None:
    async with running() as rig:
        await rig.is_kept(ILL)
        await rig.is_kept(WELL)
        node = rig.nodes.tiers[ILL]
        before = node.mark
        assert before is not None
        rig.books[ILL].happened(written("b"))
        await rig.is_kept(ILL)
        node.mark, node.changes = before, {}
        await rig.until(lambda: node.changes == {(KEY, "b"): 2})
        await rig.is_kept(ILL)
        assert rig.tails.opened[-1] == {ILL: before.next_offset, WELL: len(rig.books[WELL].records)}
        assert [stretch.start for stretch in rig.nodes.stretches[WELL]] == [0]


async def test_a_log_that_has_not_begun_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "LOOK_UPS", 1)
    monkeypatch.setattr(partition, "LOOK_S", 0.0)
    rig = Rig((ILL, WELL))
    rig.logs.empty.add(ILL)
    task = asyncio.create_task(rig.process.run())
    try:
        await rig.is_kept(WELL)
        assert LogUnavailable.code in rig.watch.troubles
        rig.logs.empty.clear()
        await rig.is_kept(ILL)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_backlog_is_bounded_and_nothing_older_is_believed_where_it_was_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "MAX_CHANGES", 3)
    async with running() as rig:
        await rig.is_kept(ILL)
        rig.nodes.hangs.add(ILL)
        for number in range(6):
            rig.books[ILL].happened(written(f"e{number}"))
            rig.books[WELL].happened(written("w"))
            await rig.is_kept(WELL)
        rig.nodes.hangs.clear()
        await rig.is_kept(ILL)
        stretches = rig.nodes.stretches[ILL]
        told = {change.token for stretch in stretches for change in stretch.changes}
        since = rig.nodes.tiers[ILL].since
        assert all(len(stretch.changes) <= 3 for stretch in stretches)
        assert since > 1
        assert {1, *range(2, 8)} <= told | set(range(since + 1)), (
            "each change is told, or nothing before is believed"
        )


async def test_it_ends_when_told_though_a_call_is_answered_at_that_moment() -> None:
    rig = Rig((ILL, WELL))
    task = asyncio.create_task(rig.process.run())
    await rig.is_kept(ILL)
    rig.nodes.answers_the_cancelled = True
    rig.nodes.hangs.add(ILL)
    await rig.is_kept(WELL)
    task.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait([task])
    assert task.cancelled()
