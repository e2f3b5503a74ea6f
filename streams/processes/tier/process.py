"""The shell: the caches' log in, marks and signs out. Any number may run: what one has done, the others find done.

Each partition has a mark in the tier, moved by the script that takes the copies away: whoever stands before or behind
it does no harm. If it is lost (a flush, an eviction, a replica that lagged and was promoted), all goes on from where
the mark stands now, and nothing is shown that was granted before.

The sign says until when copies are shown. It is for as long as `STALE_MS` from a moment of the tier's own clock after
which the log's end was asked for; and is given when all up to that end is taken away. So a process that is frozen
anywhere, or cut off, leaves none that stands longer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Protocol, TypeVar

from streams.log.accepted import CommitReader, token_of
from streams.log.checkpoint import START
from streams.log.ports import LogTail, LogUnavailable
from streams.log.positions import PartitionId
from streams.log.records import Genesis
from streams.log.vocabulary import Vocabulary
from streams.ops.backoff import Backoff
from streams.processes.follower import RETRY_S, Follower
from streams.processes.tier.changes import Changed
from streams.projections.tier import Stretch, TierStore, TierUnavailable

SIGN_S = 1.0
"""How often the logs' ends are asked for."""
LONGEST_PAUSE_S = 5.0
_T = TypeVar("_T")


class Logs(Protocol):
    """What is asked of the logs beside reading on. Raises `LogUnavailable`."""

    async def genesis(self, where: PartitionId) -> Genesis | None:
        """Return what the log is. Waits for its first record."""

    async def ends(self, several: Collection[PartitionId]) -> Mapping[PartitionId, int]:
        """Return the offsets that the next records will have."""


class Watch(Protocol):
    """Whoever counts and logs."""

    def applied(self, stretch: Stretch) -> None:
        """A piece of a log is taken away."""

    def signed(self, partitions: int) -> None:
        """Of so many partitions copies may be shown now."""

    def trouble(self, error: Exception) -> None:
        """Something has to be tried again."""


class MarkLost(Exception):
    """The mark of a partition is not where this process left it."""

    code = "MARK_LOST"


class TierProcess(Follower):
    """Tails the logs of caches and keeps marks and signs."""

    def __init__(
        self,
        words: Vocabulary,
        partitions: Sequence[PartitionId],
        tail: LogTail,
        logs: Logs,
        tier: TierStore,
        watch: Watch,
    ) -> None:
        super().__init__([CommitReader(where, words, START) for where in partitions], tail, watch.trouble)
        self.signed = 0
        """Partitions that had a sign in the last turn. May be read by any thread."""
        self._words = words
        self._logs, self._tier, self._watch = logs, tier, watch
        self._of: dict[PartitionId, Genesis] = {}
        self._changed: dict[PartitionId, Changed] = {}
        self._applied: dict[PartitionId, int] = {}
        """Up to which offset all is taken away."""
        self._seen_ms: dict[PartitionId, int] = {}
        """The tier's clock when it was last asked."""
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. Raises, in a group, `LogHalt` or `SchemaError` where this release cannot read on."""
        while True:
            self._seen_ms.clear()  # the tier may be another server now, with another clock
            for where in list(self.readers):
                await self._insist(partial(self._begin, where))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._follow())
                    group.create_task(self._keep_signing())
            except* MarkLost as lost:
                self._watch.trouble(lost.exceptions[0])
            await asyncio.sleep(RETRY_S)

    async def _begin(self, where: PartitionId) -> None:
        """Go on where the mark stands; make one where this process stands if there is none of this log."""
        genesis = await self._logs.genesis(where)
        if genesis is None:
            raise LogUnavailable(f"{where} does not begin with a genesis: restore it")
        own = self.readers[where].checkpoint
        if own.genesis not in (None, genesis):
            own = START
        since = token_of(genesis.generation, own.events)
        stands = await self._tier.begin(where, _name(genesis), since, own)
        self._of[where] = genesis
        self.readers[where] = reader = CommitReader(where, self._words, stands)
        self._changed[where] = Changed(reader, self._words)
        self._applied[where] = reader.next_offset

    async def _follow(self) -> None:
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for accepted in batch:
                    self._changed[accepted.where].fold(accepted)
                for where, changed in self._changed.items():
                    stretch = changed.take()
                    if stretch is not None:
                        await self._apply(where, stretch)
                self._moved.set()

    async def _apply(self, where: PartitionId, stretch: Stretch) -> None:
        log = _name(self._of[where])
        if not await self._insist(lambda: self._tier.apply(where, log, stretch)):
            raise MarkLost(f"{where}: the mark stands before offset {stretch.start}; going on from there")
        self._applied[where] = stretch.reached.next_offset
        self._watch.applied(stretch)

    async def _keep_signing(self) -> None:
        """Give signs, about once in `SIGN_S`."""
        loop = asyncio.get_running_loop()
        while True:
            turn_s, stood = loop.time() + SIGN_S, dict(self._applied)
            try:
                ends = await self._logs.ends(list(stood))
            except LogUnavailable as error:
                self.signed = 0
                self._watch.trouble(error)
            else:
                whole = [where for where in stood if self._is_whole(where, stood[where], ends[where])]
                self.signed = await self._sign_all({where: ends[where] for where in whole}, turn_s)
            self._watch.signed(self.signed)
            await asyncio.sleep(turn_s - loop.time())

    def _is_whole(self, where: PartitionId, stood: int, end: int) -> bool:
        """Say whether a log goes on from where it was read; one that lost records would seem to be read to its end."""
        if stood <= end:
            return True
        self._watch.trouble(LogUnavailable(f"{where} ends at offset {end}; it was read up to {stood} before"))
        return False

    async def _sign_all(self, ends: Mapping[PartitionId, int], until_s: float) -> int:
        """Sign what comes to its end in time; return how many did."""
        left, signed = dict(ends), 0
        while True:
            self._moved.clear()
            for where in [where for where, end in left.items() if self._applied[where] >= end]:
                del left[where]
                signed += await self._sign(where)
            if not left:
                return signed
            try:
                async with asyncio.timeout_at(until_s):
                    await self._moved.wait()
            except TimeoutError:
                return signed

    async def _sign(self, where: PartitionId) -> bool:
        """Sign a partition that was read to where its log ended after the tier's clock was asked last."""
        stands, seen_ms = self._applied[where], self._seen_ms.get(where, 0)
        try:
            now_ms = await self._tier.sign(where, _name(self._of[where]), stands, seen_ms)
        except TierUnavailable as error:
            self._watch.trouble(error)
            return False
        if now_ms is None:
            raise MarkLost(f"{where}: the mark stands before offset {stands}, or is gone")
        self._seen_ms[where] = now_ms
        return True

    async def _insist(self, does: Callable[[], Awaitable[_T]]) -> _T:
        """Do it until it is done."""
        backoff = Backoff(RETRY_S, LONGEST_PAUSE_S)
        while True:
            try:
                return await does()
            except (TierUnavailable, LogUnavailable) as error:
                self._watch.trouble(error)
                await backoff.pause()


def _name(genesis: Genesis) -> str:
    return genesis.log_id.hex()
