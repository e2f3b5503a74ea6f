"""One partition of the tier: its mark, its sign, its backlog, its troubles. What another one waits for is not its own.

The log is read on whatever the tier does: the backlog (`Changed`) has each entry once, and is bounded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from streams.log.accepted import AcceptedCommit, CommitReader, token_of
from streams.log.checkpoint import START
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.log.records import Genesis
from streams.log.vocabulary import Vocabulary
from streams.ops.backoff import Backoff
from streams.processes.tier.changes import Changed
from streams.processes.tier.ports import Logs, Watch
from streams.projections.tier import Stretch, TierStore, TierUnavailable

RETRY_S = 0.2
LONGEST_PAUSE_S = 5.0
LOOK_S = 5.0
"""How long a log may take to say what it is: then others are asked, and it is asked again."""
_T = TypeVar("_T")


class MarkLost(Exception):
    """The mark of a partition is not where this process left it."""

    code = "MARK_LOST"


class Turn:
    """A look at where the log ends, begun when the tier's clock had been seen to be `seen_ms`."""

    def __init__(self, seen_ms: int) -> None:
        self.seen_ms = seen_ms
        self.end: int | None = None
        """None: not known yet."""


class TierPartition:
    """Keeps the mark and the sign of one partition."""

    def __init__(
        self, where: PartitionId, words: Vocabulary, logs: Logs, tier: TierStore, watch: Watch,
        looking: asyncio.Semaphore, elsewhere: Callable[[], None],
    ) -> None:  # fmt: skip
        """`looking`: who may look a log up. `elsewhere` is called when the log has to be read from another place."""
        self.reader = CommitReader(where, words, START)
        self.signed = False
        """Whether it had a sign in its last turn. May be read by any thread."""
        self._where, self._words = where, words
        self._logs, self._tier, self._watch = logs, tier, watch
        self._looking, self._elsewhere = looking, elsewhere
        self._of: Genesis | None = None
        self._changed = Changed(self.reader, words)
        self._applied = 0
        """Up to which offset all is taken away."""
        self._seen_ms = 0
        """The tier's clock when it was last asked."""
        self._turn: Turn | None = None
        self._news = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether it is known from where to read."""
        return self._of is not None

    async def keep(self) -> None:
        """Keep mark and sign until cancelled."""
        while True:
            await self._insist(self._begin)
            try:
                await self._follow()
            except MarkLost as error:
                self._trouble(error)
            self.signed = False
            await asyncio.sleep(RETRY_S)

    def fold(self, accepted: AcceptedCommit) -> None:
        """Take in what `reader` read. Raises `SchemaError`."""
        self._changed.fold(accepted)

    def moved(self) -> None:
        """Have what was read taken away."""
        if self._changed.has_moved:
            self._news.set()

    def look(self) -> Turn:
        """Begin a turn: the log's end is asked for after this, and told to it. The last one is over."""
        if self._turn is not None:
            self.signed = False
        self._turn = Turn(self._seen_ms)
        return self._turn

    def told(self, turn: Turn, end: int) -> None:
        """Sign once all up to `end` is taken away, unless another turn or another mark has begun."""
        if self._turn is not turn:
            return
        if self._applied > end:  # it would seem to be read to its end
            self.signed = False
            stood = f"it was read up to {self._applied} before"
            self._trouble(LogUnavailable(f"{self._where} ends at offset {end}; {stood}"))
            return
        turn.end = end
        self._news.set()

    async def _begin(self) -> None:
        """Go on where the mark stands; make one where this process stands if there is none of this log."""
        genesis = await self._genesis()
        own = self.reader.checkpoint
        if own.genesis not in (None, genesis):
            own = START
        self._turn, self._seen_ms = None, 0  # the tier may be another server now, with another clock
        self._changed.take()  # of before the mark that is made here
        since = token_of(genesis.generation, own.events)
        stands = await self._tier.begin(self._where, _name(genesis), since, own)
        goes_on = self._of == genesis and stands.next_offset >= own.next_offset
        self._of, self._applied = genesis, own.next_offset
        if not goes_on:
            self.reader = CommitReader(self._where, self._words, stands)
            self._changed = Changed(self.reader, self._words)
            self._applied = stands.next_offset
            self._elsewhere()
        self._news.set()

    async def _genesis(self) -> Genesis:
        async with self._looking:
            try:
                async with asyncio.timeout(LOOK_S):
                    genesis = await self._logs.genesis(self._where)
            except TimeoutError as error:
                raise LogUnavailable(f"{self._where} has no first record yet: start a worker") from error
        if genesis is None:
            raise LogUnavailable(f"{self._where} does not begin with a genesis: restore it")
        return genesis

    async def _follow(self) -> None:
        """Take away what is read, and sign. Raises `MarkLost`."""
        while True:
            _heed_cancellation()
            await self._news.wait()
            self._news.clear()
            stretch = self._changed.take()
            if stretch is not None:
                await self._apply(stretch)
            turn = self._turn
            if turn is not None and turn.end is not None and self._applied >= turn.end:
                self._turn = None
                await self._sign(turn.seen_ms)

    async def _apply(self, stretch: Stretch) -> None:
        if not await self._insist(partial(self._tier.apply, self._where, self._log, stretch)):
            stood = f"the mark stands before offset {stretch.start}"
            raise MarkLost(f"{self._where}: {stood}; going on from there")
        self._applied = stretch.reached.next_offset
        self._watch.applied(stretch)

    async def _sign(self, seen_ms: int) -> None:
        """Sign what was read to where the log ended after the tier's clock was `seen_ms`."""
        try:
            now_ms = await self._tier.sign(self._where, self._log, self._applied, seen_ms)
        except TierUnavailable as error:
            self.signed = False
            self._trouble(error)
            return
        if now_ms is None:
            raise MarkLost(f"{self._where}: the mark stands before offset {self._applied}, or is gone")
        self._seen_ms, self.signed = now_ms, True

    @property
    def _log(self) -> str:
        assert self._of is not None, "it has begun"
        return _name(self._of)

    async def _insist(self, does: Callable[[], Awaitable[_T]]) -> _T:
        """Do it until it is done."""
        backoff = Backoff(RETRY_S, LONGEST_PAUSE_S)
        while True:
            _heed_cancellation()
            try:
                return await does()
            except (TierUnavailable, LogUnavailable) as error:
                self.signed = False
                self._trouble(error)
                await backoff.pause()

    def _trouble(self, error: Exception) -> None:
        self._watch.trouble(error, self._where)


def _heed_cancellation() -> None:
    """End a task that was told to end: a call to Redis that is answered at that moment may return all the same."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _name(genesis: Genesis) -> str:
    return genesis.log_id.hex()
