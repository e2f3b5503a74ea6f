"""This client as a listener of one shard: its attachment, its read lease, the standing Listen that tells of calls.

docs/protocols/caches.md has the rules. Which lines there are, and what a call means for them, is the desk's. The
lease is trusted by the client's rule for leases: until `b + 0.99 * (expires_at - l)` (`Partition.trusted_until`).
"""

import asyncio
import logging
from functools import partial
from typing import Final

from streams.domain.caches.commands import Listen, StopListening
from streams.domain.caches.events import LineCall
from streams.domain.caches.replies import Calls, Listening
from streams.domain.caches.settings import CacheSettings
from streams.domain.decider import Rejected
from tidelock.client.caches.lines import NEVER
from tidelock.client.caches.parts import Obedient
from tidelock.client.caches.transport import KIND, Caches
from tidelock.client.clock import Timer
from tidelock.client.errors import ClientClosed, TidelockError
from tidelock.client.membership import Membership
from tidelock.client.pending import DONE, Outcome, Pending
from tidelock.client.rejections import problem

MAX_TOLD: Final = 500
"""Evicted lines that one Listen tells."""
PAUSE_S: Final = 0.5
"""After a Listen that failed."""
LONG_PAUSE_S: Final = 10.0
"""After the shard has told that there is no place."""
GONE: Final = frozenset({"CACHE_UNKNOWN", "CACHE_DELETED", "CACHE_CLOSING"})
ENDED: Final = frozenset({"NOT_LISTENING", "LISTENER_GONE", "SESSION_ENDED"})
log = logging.getLogger("tidelock.caches")


class _Asked:
    """A Listen that was sent."""

    __slots__ = ("attachment", "command", "pending")

    def __init__(self, command: Listen, pending: Pending) -> None:
        self.command, self.pending = command, pending
        self.attachment = command.attachment
        """Whose it is; of one that joins, once that is known."""


class Listener:
    """One client at one shard."""

    def __init__(self, caches: Caches, cache: str, shard: int, desk: Obedient) -> None:
        self.attachment = 0
        """Under which lines are granted; 0: none."""
        self.until_s = NEVER
        """Local time until which lines may be used, by what was known when it was last looked at."""
        self.settings: CacheSettings | None = None
        """Of the cache, as far as heard of."""
        self.resetting = False
        """What is Modified is on its way back; then all is given up."""
        self.error: TidelockError | None = None
        """Why it could not join, the last time."""
        self.partition = caches.place(cache, shard)
        self._caches, self._cache, self._shard, self._desk = caches, cache, shard, desk
        self._member: Membership | None = None
        self._expires_at = self._processed = self._gave_up = 0
        self._asked: _Asked | None = None
        self._timer: Timer | None = None
        self._tried = asyncio.Event()
        self._stopped = False

    # -- for the desk ----------------------------------------------------------------------------------------

    def trusts(self, now: float) -> bool:
        """Say whether lines may be used at `now`. Looks again at what is known of lease and session."""
        if now >= self.until_s:
            self.until_s = self._trusted_until()
        return now < self.until_s

    def _trusted_until(self) -> float:
        if not self.attachment or self.resetting:
            return NEVER
        lease_s, member = self.partition.trusted_until(self._expires_at), self._member
        return lease_s if member is None else min(lease_s, member.trusted_until())

    async def ready(self) -> None:
        """Return once lines are kept, or it is known that they cannot be just now."""
        if self.attachment or self._stopped:
            return
        if self._asked is None:
            if self._timer is not None:
                return  # it failed, and is tried again by itself
            self._tried.clear()
            self.listen()
        await self._tried.wait()

    def doubt(self, attachment: int) -> None:
        """The directory does not know this attachment, or not any more."""
        if attachment and attachment == self.attachment:
            self._end("the directory does not know this client as a listener any more")
            self.listen()

    def progress(self) -> None:
        """A call that was begun is done."""
        if self.attachment and not self.resetting:
            self.listen()

    def rejoin(self) -> None:
        """All is given up: join anew. After `Obedient.reset`."""
        if self.resetting:
            self._end("the client joined anew")
            self.listen()

    def lose(self, member: Membership, why: str) -> None:
        """What is held on behalf of `member` can no longer be trusted."""
        if member is not self._member:
            return
        self.until_s = NEVER
        if member.is_over:
            self._end(why)
            self._again(PAUSE_S)

    def stop(self) -> Pending | None:
        """Listen no more; return the command that says so, if one is sent. What is Modified was written back before."""
        attachment = self.attachment
        self._stopped = True
        self._end("the client stopped using the cache")
        self._drop_asked()
        self._tried.set()
        return self._leave(attachment) if attachment else None

    # -- listening -------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Join; or renew the lease, tell what is done, and wait for more."""
        if self._stopped:
            return
        self._again(None)
        dropped = self._desk.dropped.take(MAX_TOLD) if self.attachment else ()
        command = Listen(self._cache, self._shard, self.attachment, self._done_to(), dropped, self._gave_up)
        before, self._asked = self._asked, None
        try:
            pending = self._caches.session.submit(self.partition, command)
        except TidelockError as error:
            self._failed(command, error)
            return
        asked = _Asked(command, pending)
        pending.on_waiting = partial(self._standing, asked)
        pending.on_done = partial(self._heard, asked)
        if pending.phase is DONE:
            self._heard(asked, pending.outcome)
            return
        self._asked = asked
        if before is not None and before.pending.phase is not DONE:
            self._caches.session.abandon(before.pending)
        self._desk.renewed()
        if self.settings is not None:
            pending.wait_s = self.settings.read_lease_ms / 1000
            if self.attachment:
                self._again(pending.wait_s / 3)

    def _done_to(self) -> int:
        owed = self._desk.owed()
        return self._processed if owed is None else owed - 1

    def _again(self, pause_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pause_s is not None and not self._stopped:
            clock = self._caches.clock
            self._timer = clock.call_at(clock.now() + pause_s, self.listen)

    def _standing(self, asked: _Asked, reply: object) -> None:
        """The Listen waits: the lease goes on."""
        if not isinstance(reply, Listening) or self._stopped:
            return
        if not asked.attachment and not self.attachment and reply.attachment > self._gave_up:
            self.attachment, self._member, self._processed = reply.attachment, asked.pending.member, 0
            self.error = None
            self._tried.set()
        asked.attachment = reply.attachment
        if reply.attachment != self.attachment:
            return
        self.settings = reply.settings
        self._expires_at = max(self._expires_at, reply.expires_at)
        if asked is self._asked and not asked.command.attachment:
            asked.pending.wait_s = reply.settings.read_lease_ms / 1000
            self._again(asked.pending.wait_s / 3)

    def _heard(self, asked: _Asked, outcome: Outcome) -> None:
        current = asked is self._asked
        if current:
            self._asked = None
        if isinstance(outcome, Calls):
            self._called(asked, outcome, current)
        elif isinstance(outcome, Rejected):
            self._refused(asked, outcome, current)
        elif current:
            self._failed(asked.command, problem(outcome, self._cache, KIND))
        else:
            self._desk.dropped.put(asked.command.dropped)

    # -- calls -----------------------------------------------------------------------------------------------

    def _called(self, asked: _Asked, told: Calls, current: bool) -> None:
        pending = asked.pending
        if self.attachment and told.attachment == self.attachment:
            self._expires_at = max(self._expires_at, told.expires_at)
            for payload in pending.payloads:
                self._take(pending.decode(payload))
        if not current or self.resetting or self._stopped:
            return
        same = self.attachment == asked.attachment and self._done_to() == asked.command.after
        if same and pending.payloads:
            self._again(self._lease_s() / 3)  # a call is being done: `progress` goes on
        else:
            self.listen()

    def _lease_s(self) -> float:
        return PAUSE_S if self.settings is None else self.settings.read_lease_ms / 1000

    def _take(self, call: LineCall) -> None:
        if call.number <= self._processed or not self.attachment or self.resetting:
            return
        if call.kind == "RESET" or call.number > self._processed + 1:  # the latter: a gap
            self.resetting, self.until_s = True, NEVER
            self._desk.reset()
            return
        self._processed = call.number
        self._desk.obey(call)

    # -- ends ------------------------------------------------------------------------------------------------

    def _refused(self, asked: _Asked, refused: Rejected, current: bool) -> None:
        error = problem(refused, self._cache, KIND)
        if refused.code == "LISTENING_ALREADY":
            self._gave_up = max(self._gave_up, int(error.detail("attachment") or 0))
            if current:
                self.listen()
            return
        if asked.attachment != self.attachment or not (current or self.attachment):
            return
        had = self.attachment
        self._end(str(error))
        if refused.code in ENDED and had:
            self.listen()
            return
        self.error = error
        self._tried.set()
        if refused.code not in GONE:
            self._again(LONG_PAUSE_S if error.retry_after_s is None else error.retry_after_s)
            return
        if had:
            self._leave(had)  # the name of a deleted cache is free when the last client has left

    def _leave(self, attachment: int) -> Pending | None:
        command = StopListening(self._cache, self._shard, attachment)
        try:
            return self._caches.session.submit(self.partition, command, while_closing=True)
        except TidelockError as error:
            log.debug("cache %r: its lease has to end by itself: %s", self._cache, error)
            return None

    def _failed(self, command: Listen, error: TidelockError) -> None:
        self._desk.dropped.put(command.dropped)
        self.error = error
        self._tried.set()
        if not isinstance(error, ClientClosed):
            self._again(min(PAUSE_S, self._lease_s() / 3))

    def _end(self, why: str) -> None:
        """Give up the attachment and all its lines."""
        self._again(None)
        self._gave_up = max(self._gave_up, self.attachment)
        self.attachment = self._processed = self._expires_at = 0
        self.until_s, self.resetting, self._member = NEVER, False, None
        self._tried.clear()
        self._desk.void(why)
        self._desk.gone()

    def _drop_asked(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and asked.pending.phase is not DONE:
            self._caches.session.abandon(asked.pending)
