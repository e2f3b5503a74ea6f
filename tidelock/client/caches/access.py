"""One cache as one client uses it: its shards, and what reads and writes share."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from streams.domain.caches.commands import LineState
from streams.domain.caches.replies import FillGranted
from streams.domain.decider import Rejected
from streams.wire.shards import shard_of
from tidelock.client.caches.counting import inspect_all
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.lines import Line, Lines
from tidelock.client.caches.lost import LossLog, LostLine
from tidelock.client.caches.telling import Teller
from tidelock.client.caches.terms import Terms
from tidelock.client.caches.tiering import Tiering
from tidelock.client.caches.transport import Caches, failure
from tidelock.client.caches.turns import Turns
from tidelock.client.errors import (
    BadArgument,
    CacheUnknown,
    LineLost,
    TidelockError,
    ValueUnreadable,
)
from tidelock.client.membership import Membership
from tidelock.client.pending import Outcome, Pending

REPLACED: Final = frozenset({"CACHE_REPLACED", "CACHE_UNKNOWN"})
"""Codes that say that the shards have to be counted again."""
RECOUNTS: Final = 3
MAX_BRINGING: Final = 100
"""Lines that a flush or close writes back at once."""
MAX_LOST: Final = 1_000
"""Lost lines that are kept for `flush` to tell."""
_T = TypeVar("_T")
Taker: TypeAlias = Callable[[Pending | None, Outcome, bool], Outcome]
"""Looks at an outcome as it comes (its command; None: it was never sent; whether somebody waits), may replace it."""
log = logging.getLogger("tidelock.caches")


class Access:
    """One cache as one client uses it."""

    def __init__(self, name: str, caches: Caches, terms: Terms) -> None:
        self.name, self.caches, self.terms = name, caches, terms
        self.hits = Hits()
        self._teller = Teller(caches, name, self.hits)
        self.writing = Turns()
        self.reading: dict[str, asyncio.Event] = {}
        """Reads of missing entries that are under way, for others to wait for."""
        self.desks: tuple[Desk, ...] = ()
        """The shards; empty while it is not known which there are."""
        self.hit: Callable[[str], Line | None] = _nothing
        """Returns the line of an entry if it may be used now. Of one shard: its own, as hits are to be cheap."""
        self.tier = None if terms.tier is None else Tiering(terms.tier, name, caches)
        self._finding: asyncio.Task[None] | None = None
        self._known = False
        self._lost: deque[LostLine] = deque(maxlen=MAX_LOST)
        self._on_lost = LossLog(name, caches.clock).lost if terms.on_lost is None else terms.on_lost

    # -- shards ----------------------------------------------------------------------------------------------

    def hit_elsewhere(self, entry: str) -> Line | None:
        """Return what `hit` would, on any thread."""
        return self.desk_of(entry).hit_elsewhere(entry) if self.desks else None

    def desk_of(self, entry: str) -> Desk:
        """Return the shard of an entry, as far as shards are known."""
        return self.desks[shard_of(entry, len(self.desks))]

    async def desk(self, entry: str) -> Desk:
        """Return the shard of an entry. Raises `CacheUnknown`, `BadArgument`."""
        if not isinstance(entry, str):
            raise BadArgument(f"{entry!r:.100} is no name of an entry. Give text.")
        desks = self.desks if self._known else await self.found()
        return desks[shard_of(entry, len(desks))]

    async def found(self) -> tuple[Desk, ...]:
        """Return the shards that there are. Of several callers one looks. Raises `CacheUnknown`."""
        while not self._known:
            if self._finding is None:
                loop = asyncio.get_running_loop()
                self._finding = loop.create_task(self._find(), name="tidelock-cache-shards")
                self._finding.add_done_callback(self._looked)
            await asyncio.shield(self._finding)
        return self.desks

    def _looked(self, done: asyncio.Task[None]) -> None:
        self._finding = None
        if not done.cancelled():
            done.exception()  # whoever asked may be gone: then nobody else looks at it

    async def _find(self) -> None:
        found = await inspect_all(self.caches, self.name)
        shards = len(found)
        if shards != len(self.desks):
            self.stop()
            self._use(tuple([self._desk(number, shards) for number in range(shards)]))
        for desk, stats in zip(self.desks, found, strict=True):
            desk.incarnation = stats.incarnation
        self._known = True

    def _use(self, desks: tuple[Desk, ...]) -> None:
        self.desks = desks
        match desks:
            case ():
                self.hit = _nothing
            case (only,):
                self.hit = only.hit
            case _:
                self.hit = self._hit_of_shard

    def _hit_of_shard(self, entry: str) -> Line | None:
        return self.desk_of(entry).hit(entry)

    def _desk(self, number: int, shards: int) -> Desk:
        terms = self.terms
        lines = Lines(-(-terms.max_entries // shards), terms.max_bytes // shards)
        return Desk(self.caches, self.name, number, lines, self.hits, self)

    # -- commands --------------------------------------------------------------------------------------------

    async def attachment(self, desk: Desk) -> int:
        """Return under which attachment a line may be granted now; 0: none is to be."""
        listener = desk.listener
        if not self.terms.max_entries:
            return 0
        await listener.ready()
        return 0 if listener.resetting else listener.attachment

    async def ask(self, desk: Desk, command: Any, take: Taker) -> tuple[Pending, Outcome]:
        """Send a command about an entry; return what came of it.

        `take` gets the outcome as it comes: a line is granted even if its caller is gone. A wait that is cancelled is
        taken back.
        """
        entry: str = command.entry
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        desk.memory.opened(entry)
        sent: list[Pending] = []

        def done(outcome: Outcome) -> None:
            try:
                outcome = take(sent[0] if sent else None, outcome, not told.done())
            finally:
                desk.memory.closed(entry)
                if not told.done():
                    told.set_result(outcome)

        try:
            pending = self.caches.session.submit(desk.listener.partition, command, on_done=done)
        except TidelockError:
            desk.memory.closed(entry)
            raise
        sent.append(pending)
        pending.wait_s = self.terms.wait
        try:
            return pending, await told
        except asyncio.CancelledError:
            if not told.cancelled() and told.done() and isinstance(told.result(), FillGranted):
                take(pending, told.result(), False)  # it came at the same moment
            self.caches.withdraw_nowait(pending, desk.cache, desk.shard)
            raise

    def error(self, outcome: Outcome, pending: Pending) -> TidelockError:
        """Return the error for an outcome other than the one hoped for."""
        return failure(outcome, self.name, pending)

    def again(self, desk: Desk, outcome: Outcome, attachment: int) -> bool:
        """Say whether a command is to be sent again: its attachment is over, or the shards are others by now."""
        if not isinstance(outcome, Rejected):
            return False
        if outcome.code == "NOT_LISTENING":
            desk.listener.doubt(attachment)
        elif outcome.code in REPLACED:
            self.gone()
        else:
            return False
        return True

    async def counted(self, does: Callable[[tuple[Desk, ...]], Awaitable[_T]]) -> _T:
        """Do what concerns several shards; again, if the cache was made anew since they were counted."""
        for left in reversed(range(RECOUNTS)):
            desks = await self.found()
            try:
                return await does(desks)
            except CacheUnknown:
                self.gone()
                if not left:
                    raise
        raise AssertionError

    # -- values ----------------------------------------------------------------------------------------------

    def encode(self, value: Any) -> bytes:
        """Return a value as it is written. Raises `ValueUnreadable`."""
        try:
            return self.terms.codec.encode(value)
        except Exception as error:
            raise self._unreadable("write", error) from error

    def decode(self, data: bytes) -> Any:
        """Return the value that was written. Raises `ValueUnreadable`."""
        try:
            return self.terms.codec.decode(data)
        except Exception as error:
            raise self._unreadable("read", error) from error

    def _unreadable(self, what: str, error: Exception) -> ValueUnreadable:
        codec = type(self.terms.codec).__name__
        told = ValueUnreadable(
            f"{codec} cannot {what} a value of cache {self.name!r} ({error!r:.200}). Use the codec of those who put it."
        )
        told.cache = self.name
        return told

    # -- from the desks --------------------------------------------------------------------------------------

    def lost(self, line: LostLine) -> None:
        """Tell of a lost line: the callback now, `flush` later."""
        self._lost.append(line)
        self._tell("on_lost", self._on_lost, line)

    def invalidated(self, entry: str) -> None:
        """The line of an entry is gone, as somebody else changed it: tell the callback."""
        if self.terms.on_invalidated is not None:
            self._tell("on_invalidated", self.terms.on_invalidated, entry)

    def _tell(self, name: str, callback: Callable[[_T], None], what: _T) -> None:
        try:
            callback(what)
        except Exception:
            log.exception("cache %r: %s failed", self.name, name)

    def called(self, shard: int, entry: str, token: int) -> None:
        """Lines of an entry are called away: copies are old, too."""
        if self.tier is not None:
            self.tier.drop(shard, entry, token)

    def renewed(self) -> None:
        """The directory hears of this client: a time to tell it what it cannot know."""
        self._teller.tell()

    def gone(self) -> None:
        """The cache was deleted, or may have been; the next one of the name may have other shards."""
        self._known = False

    def raise_lost(self) -> None:
        """Raise `LineLost` for what was lost since the last time."""
        if not self._lost:
            return
        lost = tuple(self._lost)
        self._lost.clear()
        error = LineLost(
            f"{len(lost)} entries of cache {self.name!r} were lost, first {lost[0].entry!r}: {lost[0].why}. "
            "See `lines`; read them again, and write again what should stand."
        )
        error.cache, error.lines = self.name, lost
        raise error

    # -- the end ---------------------------------------------------------------------------------------------

    def lose(self, member: Membership, why: str) -> None:
        """What is held on behalf of `member` can no longer be trusted."""
        for desk in self.desks:
            desk.listener.lose(member, why)

    def modified(self) -> list[tuple[Desk, Line]]:
        """Return the lines that are held Modified, or are on their way back."""
        return [(desk, line) for desk in self.desks for line in desk.lines.modified()]

    async def bring_back(self, lines: Iterable[tuple[Desk, Line]], keep: LineState) -> None:
        """Write back lines, some at a time: else the Listen that renews the lease waits behind all of them."""
        left = iter(lines)
        while some := tuple(islice(left, MAX_BRINGING)):
            for desk, line in some:
                if line.state == "MODIFIED" and desk.lines.by_entry.get(line.entry) is line:
                    desk.write_back(line, keep)
            await asyncio.gather(*(desk.settled(line) for desk, line in some))

    async def close(self) -> None:
        """Write back what is Modified, and leave the directory."""
        await self.bring_back(self.modified(), "INVALID")
        for desk in self.desks:
            await desk.quiet()
        for pending in self.stop():
            await self.caches.session.outcome(pending, keep=True)

    def stop(self) -> list[Pending]:
        """Leave the directory; return the commands that say so. What is Modified and was not written back is lost."""
        self._teller.tell(at_once=True)
        left = [desk.listener.stop() for desk in self.desks]
        if self.tier is not None:
            self.tier.close()
        self._known = False
        self._use(())
        return [pending for pending in left if pending is not None]


def _nothing(entry: str) -> None:
    """Answer for a cache of which no shard is known yet."""
