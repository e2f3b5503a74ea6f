"""The lines of one shard as this client may use them: granted, called away, written back, evicted, lost.

The rules of docs/protocols/caches.md that are about lines are here; those about the lease are in `listener`. All is
synchronous but for `settled`: between two awaits of anybody a line is either good or gone.
"""

import asyncio
from functools import partial
from typing import Any

from streams.domain.caches.commands import LineState, WriteBack
from streams.domain.caches.events import LineCall
from streams.domain.caches.replies import EntryRead, EntryStored
from tidelock.client.caches.dropped import Dropped
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.lines import EVER, NEVER, Line, Lines
from tidelock.client.caches.listener import Listener
from tidelock.client.caches.lost import LostLine
from tidelock.client.caches.memory import Memory
from tidelock.client.caches.parts import Owner
from tidelock.client.caches.transport import KIND, Caches
from tidelock.client.errors import TidelockError
from tidelock.client.pending import Outcome
from tidelock.client.rejections import problem


class Desk:
    """The lines of one shard."""

    def __init__(
        self, caches: Caches, cache: str, shard: int, lines: Lines, hits: Hits, owner: Owner
    ) -> None:
        self.cache, self.shard, self.lines, self.hits = cache, shard, lines, hits
        self.incarnation = 0
        """Of the shard as it was when the shards were counted: a later one may be in another place."""
        self.listener = Listener(caches, cache, shard, self)
        self._caches, self._clock = caches, caches.clock
        self._by_entry = lines.by_entry
        self._owner = owner
        self.memory = Memory()
        self._due: dict[int, str] = {}
        """Calls by number whose write-back is under way."""
        self.dropped = Dropped()
        """Lines that were evicted and the directory does not know of."""
        self._bringing: set[Line] = set()
        """Lines whose write-back is under way, may they be called away meanwhile."""

    # -- lines -----------------------------------------------------------------------------------------------

    def hit(self, entry: str) -> Line | None:
        """Return the line if it may be used now. The line is looked up before the clock: it was good at that time."""
        line = self._by_entry.get(entry)
        if line is None:
            return None
        now = self._clock.now()
        if now < line.ends_s and (now < self.listener.until_s or self.listener.trusts(now)):
            self._by_entry.move_to_end(entry)
            return line
        return None

    def hit_elsewhere(self, entry: str) -> Line | None:
        """Return what `hit` would, on any thread: it looks at no news of the lease, so that it may find less."""
        line = self._by_entry.get(entry)
        if line is None or not (now := self._clock.now()) < line.ends_s or now >= self.listener.until_s:
            return None
        self.lines.touch_elsewhere(entry)
        return line

    def granted(
        self,
        reply: EntryRead | EntryStored,
        value: Any,
        size: int,
        tags: tuple[str, ...] = (),
        ttl_ms: int = -1,
    ) -> None:
        """Keep the line that was granted, unless it is over already, or a newer one is here."""
        entry, token, listener = reply.entry, reply.token, self.listener
        if reply.state == "INVALID" or listener.resetting or reply.attachment != listener.attachment:
            return
        held = self._by_entry.get(entry)
        if self.memory.is_over(entry, token) or (held is not None and held.token > token):
            return
        if held is not None and held.settling is None:
            self._tell_lost(held, "it ended before it was written back: its time was over, or others wrote")
        if not self.lines.fits(size):
            self._tell_dropped(entry, token)
            return
        late = reply.state == "EXCLUSIVE" and self.memory.is_shared(entry, token)
        state = "SHARED" if late else reply.state
        ends_s = EVER if not reply.expires_at else listener.partition.trusted_until(reply.expires_at)
        self.lines.put(Line(entry, value, size, state, token, reply.version, ends_s, tags, ttl_ms))
        for line in self.lines.surplus():
            self.evict(line)

    def give_up(self, entry: str) -> int:
        """Drop the own line before a write; return its token for the command to say, 0 without one."""
        line = self._remove(entry)
        return 0 if line is None else line.token

    def gave_up_in_vain(self, entry: str, attachment: int, token: int) -> None:
        """The write was refused, so the directory still has the line that was dropped for it."""
        if token and attachment == self.listener.attachment:
            self._tell_dropped(entry, token)

    def evict(self, line: Line) -> None:
        """Make room: what is Modified is written back first."""
        self.hits.evictions += 1
        if line.state == "MODIFIED":
            self.write_back(line, "INVALID")
        else:
            self._remove(line.entry)
            self._tell_dropped(line.entry, line.token)

    def disown(self, entry: str, token: int) -> None:
        """The directory has a line that this client does not keep: tell it soon, and take no late grant of it."""
        self.memory.gave_up(entry, token)
        self.dropped.add(entry, token)
        if self.listener.attachment:
            self.listener.listen()

    def write_here(self, line: Line, value: Any, coded: bytes) -> None:
        """Write to a line held Modified, which `hit` has just returned.

        What has a time to live is written back when half of what is left of it has passed: this write renews it.
        """
        now = self._clock.now()
        line.value, line.changed, line.written_s = value, coded, now
        line.local += 1
        if line.renewal is None and line.ends_s != EVER:
            when = now + (line.ends_s - now) / 2
            line.renewal = self._clock.call_at(when, partial(self.write_back, line, "MODIFIED"))
        self.lines.resize(line, len(coded))
        self.hits.local_writes += 1
        for each in self.lines.surplus():
            self.evict(each)

    def _remove(self, entry: str) -> Line | None:
        line = self.lines.pop(entry)
        if line is not None:
            line.renew_no_more()
            line.ends_s = NEVER
            self.memory.gave_up(entry, line.token)
        return line

    def _tell_dropped(self, entry: str, token: int) -> None:
        if self.dropped.add(entry, token) and self.listener.attachment:
            self.listener.listen()

    # -- writing back ----------------------------------------------------------------------------------------

    def write_back(self, line: Line, keep: LineState) -> None:
        """Bring what was written to a Modified line; it is not used until the answer. Twice is once."""
        if line.settling is not None:
            return
        line.renew_no_more()
        line.settling = asyncio.get_running_loop().create_future()
        line.until_s, line.ends_s = line.ends_s, NEVER
        listener = self.listener
        age_ms = 0 if line.changed is None else int(1000 * (self._clock.now() - line.written_s))
        command = WriteBack(
            self.cache, self.shard, line.entry, listener.attachment, line.token, line.changed, keep, age_ms
        )
        self._bringing.add(line)
        self.memory.opened(line.entry)
        told = partial(self._written_back, line, listener.attachment)
        try:
            self._caches.session.submit(listener.partition, command, on_done=told, while_closing=True)
        except TidelockError as error:
            told(error)

    def _written_back(self, line: Line, attachment: int, outcome: Outcome) -> None:
        entry, here = line.entry, self._by_entry.get(line.entry) is line
        if isinstance(outcome, EntryStored):
            self.hits.write_backs += 1
            self._is_clean(line, outcome, here=here and attachment == self.listener.attachment)
        else:
            error = problem(outcome, self.cache, KIND)
            if here:
                self._remove(entry)
                self.gave_up_in_vain(entry, attachment, line.token)
            self._tell_lost(line, str(error))
        self._bringing.discard(line)
        self.memory.closed(entry)
        settling, line.settling = line.settling, None
        if settling is not None and not settling.done():
            settling.set_result(None)
        self._due_done(entry)

    def _is_clean(self, line: Line, stored: EntryStored, *, here: bool) -> None:
        line.changed, line.local = None, 0
        self._owner.called(self.shard, line.entry, stored.version - 1)
        if not here:
            return
        if stored.state == "INVALID" or self.memory.is_over(line.entry, stored.token):
            self._remove(line.entry)
            return
        ends = stored.expires_at
        line.state, line.token, line.version = stored.state, stored.token, stored.version
        line.ends_s = EVER if not ends else self.listener.partition.trusted_until(ends)

    def _due_done(self, entry: str) -> None:
        done = [number for number, name in self._due.items() if name == entry]
        for number in done:
            del self._due[number]
        if self.listener.resetting:
            self._reset_done()
        elif done:
            self.listener.progress()

    def _tell_lost(self, line: Line, why: str) -> None:
        if line.changed is None:
            return
        line.renew_no_more()
        line.changed = None
        self.hits.lost += 1
        self._owner.lost(LostLine(line.entry, line.value, why))

    async def written_back(self, line: Line, keep: LineState) -> None:
        """Write a Modified line back, and return when it is done."""
        self.write_back(line, keep)
        await self.settled(line)

    async def quiet(self) -> None:
        """Return when no write-back is under way."""
        while self._bringing:
            await self.settled(next(iter(self._bringing)))

    async def settled(self, line: Line) -> None:
        """Return when the write-back that is under way is done."""
        if line.settling is not None:
            await asyncio.shield(line.settling)

    # -- for the listener ------------------------------------------------------------------------------------

    def obey(self, call: LineCall) -> None:
        """Do what a call says, or begin to."""
        entry, token = call.entry, call.token
        line = self._by_entry.get(entry)
        if call.kind == "SHARE":
            self.memory.shared(entry, token)
            if line is not None and line.token == token and line.state == "EXCLUSIVE":
                line.state = "SHARED"
            return
        self._owner.called(self.shard, entry, token)
        self.memory.gave_up(entry, token)
        if line is None or line.token > token:
            return
        if call.kind == "INVALIDATE":
            self.hits.invalidations += 1
            self._remove(entry)
            self._owner.invalidated(entry)
            if self.is_relaxed:
                self._tell_lost(line, "another client's change came first, and the cache is relaxed")
            elif self._clock.now() < line.until_s:
                line.changed = (
                    None  # the other's change comes after it: a write-back under way is late, nothing lost
                )
        elif line.state == "MODIFIED":
            self._due[call.number] = entry
            self.write_back(line, "SHARED")

    @property
    def is_relaxed(self) -> bool:
        """Whether the cache is known to be RELAXED."""
        settings = self.listener.settings
        return settings is not None and settings.mode == "RELAXED"

    def owed(self) -> int | None:
        """Return the number of the first call that was begun and is not done."""
        return min(self._due, default=None)

    def reset(self) -> None:
        """Write back what is Modified, drop all else, then join anew."""
        self.hits.rejoins += 1
        for line in list(self._by_entry.values()):
            if line.state == "MODIFIED":
                self.write_back(line, "INVALID")
            else:
                self._remove(line.entry)
        self._reset_done()

    def _reset_done(self) -> None:
        if all(line.settling is None for line in self._by_entry.values()):
            self.listener.rejoin()

    def renewed(self) -> None:
        """The directory hears of this client."""
        self._owner.renewed()

    def gone(self) -> None:
        """The cache was deleted, or may have been."""
        self._owner.gone()

    def void(self, why: str) -> None:
        """No line is valid any more; what was not written back, and is not on its way, is lost."""
        for line in self.lines.clear():
            line.ends_s = NEVER
            if line.settling is None:
                self._tell_lost(line, why)
        self.memory.forget()
        self._due.clear()
        self.dropped.clear()
