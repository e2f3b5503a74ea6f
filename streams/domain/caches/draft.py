"""A decision in the making, and how listeners are called in it. Standard library only."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from streams.domain.caches import events as e
from streams.domain.caches.evolve import evolve
from streams.domain.caches.limits import (
    MAX_ATTACHED,
    MAX_CALLS,
    MAX_DECISION_BYTES,
    MAX_EVENTS,
    MAX_LINES,
    MAX_QUIET,
)
from streams.domain.caches.replies import Reply
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.settle import settles
from streams.domain.caches.state import BLANK, Cache, Entry, Listener
from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester

ROOM_FOR_ONE: Final = 8_192
"""What any event takes that brings neither value nor list, at the most."""
BATCH: Final = 50
"""Names in one event."""


class Draft:
    """The events decided so far, and the cache as they leave it."""

    __slots__ = ("attached", "cache", "context", "events", "room", "served")

    def __init__(self, cache: Cache, context: Context) -> None:
        self.cache = cache
        self.context = context
        self.events: list[e.Event] = []
        self.room = MAX_DECISION_BYTES
        """Bytes that are left for events, about."""
        self.attached = 0
        """Bytes of the values that answers carry."""
        self.served: dict[str, bool] = {}
        """Entries whose values answers carry: they do not change any more in this decision."""

    def add(self, event: e.Event, *texts: str, size: int = 256) -> None:
        """Decide that `event` happens next; it takes `size` bytes at the most, and those of `texts`."""
        self.events.append(event)
        self.cache = evolve(self.cache, event)
        self.room -= size + 4 * sum(map(len, texts))

    def serve(self, name: str, value: bytes | None) -> None:
        """Note that an answer carries the entry's value."""
        self.served[name] = True
        self.attached += len(value or b"")

    def decision(self, reply: Reply | Rejected) -> Decision[e.Event, Reply]:
        """Return what was drafted, with its reply."""
        return Decision(tuple(self.events), reply, after=self.cache)

    def answer(self, who: Requester, interim: Reply) -> Decision[e.Event, Reply]:
        """Return what was drafted; the requester waits, unless one of the events has ended its wait."""
        asked = (who.principal, who.client, who.sequence)
        for event in self.events:
            settled = settles(event)
            if settled is not None and (settled.principal, settled.client, settled.sequence) == asked:
                reply: object = settled.reply
                return self.decision(reply)  # type: ignore[arg-type]
        return Decision(tuple(self.events), interim, True, self.cache)

    @property
    def now(self) -> LeaseMs:
        """Lease time."""
        return self.context.now

    @property
    def next_token(self) -> int:
        """Token of the event that is added next."""
        return self.context.token(len(self.events))

    @property
    def full(self) -> bool:
        """True when no more may be added but the command's own events."""
        return len(self.events) >= MAX_EVENTS or self.room < ROOM_FOR_ONE or self.attached >= MAX_ATTACHED

    @property
    def settings(self) -> CacheSettings:
        """The cache's settings; it is there."""
        assert self.cache.settings is not None
        return self.cache.settings

    @property
    def strict(self) -> bool:
        """Whether changes wait for acknowledgements."""
        return self.settings.mode == "STRICT"

    def entry(self, name: str) -> Entry:
        """Return the entry as it is, or one without anything."""
        return self.cache.entries.get(name, BLANK)

    # ── listeners ───────────────────────────────────────────────────────────────────────────────────────

    def live(self, principal: str, client: str, attachment: int) -> Listener | None:
        """Return the client's listener, if the attachment is the one it has, and may still get lines."""
        if not attachment or self.cache.attached.get((principal, client)) != attachment:
            return None
        listener = self.cache.listeners[attachment]
        return None if listener.reset else listener

    def keeps(self, principal: str, client: str, attachment: int, name: str) -> bool:
        """Say whether the client may be given a line of the entry: it is live, and has room for one more."""
        listener = self.live(principal, client, attachment)
        if listener is None:
            return False
        return attachment in self.entry(name).lines or len(listener.lines) < MAX_LINES

    def posted(self, attachment: int) -> int:
        """Return the number of the attachment's latest call."""
        listener = self.cache.listeners.get(attachment)
        return 0 if listener is None else listener.posted

    def call(self, attachment: int, kind: e.CallKind, lines: Sequence[tuple[str, int]]) -> None:
        """Add that a listener is called; one that lags too far behind is told to join anew first."""
        listener = self.cache.listeners[attachment]
        if not listener.reset and len(listener.calls) + len(lines) > MAX_CALLS:
            self._called(listener, [e.LineCall(listener.posted + 1, "RESET", "", self.next_token)])
            listener = self.cache.listeners[attachment]
        first = listener.posted + 1
        calls = [e.LineCall(first + i, kind, name, token) for i, (name, token) in enumerate(lines)]
        self._called(listener, calls, quiet=kind == "SHARE" and len(listener.calls) < MAX_QUIET)

    def _called(self, listener: Listener, calls: Sequence[e.LineCall], *, quiet: bool = False) -> None:
        event = e.LinesCalled(
            listener.principal,
            listener.client,
            0 if quiet else listener.sequence,
            listener.attachment,
            listener.acked,
            self.now,
            tuple(calls),
        )
        names = [call.entry for call in calls]
        self.add(event, listener.principal, listener.client, *names, size=128 + 32 * len(calls))

    def lose(self, attachment: int, name: str, cause: e.LossCause) -> None:
        """Add that a Modified line ended unwritten."""
        listener = self.cache.listeners[attachment]
        token = self.entry(name).lines[attachment].token
        names = (listener.principal, listener.client, listener.session)
        self.add(e.LineLost(*names, attachment, name, token, cause), *names, name)

    def end_listener(self, listener: Listener, cause: e.ListenerEnd, why: str = "") -> None:
        """Add that a listener trusts nothing any more."""
        names = (listener.principal, listener.client)
        event = e.ListenerGone(*names, listener.sequence, listener.attachment, listener.session, cause, why)
        self.add(event, *names, listener.session, why)

    # ── entries ─────────────────────────────────────────────────────────────────────────────────────────

    def clear_leaving(self, name: str) -> None:
        """Add that lines of listeners that are gone end."""
        if self.cache.leaving.heap is None:
            return
        gone = list[e.HeldLine]()
        for attachment, line in self.entry(name).lines.items():
            if not self.cache.listeners[attachment].leaving:
                continue
            if line.state == "MODIFIED":
                self.lose(attachment, name, self.cache.listeners[attachment].gone)
            else:
                gone.append(e.HeldLine(attachment, line.token))
        if gone:
            self.add(e.LinesDropped(tuple(gone)), size=128 + 20 * len(gone))

    def clear_listener(self, attachment: int) -> None:
        """Add that some lines of a listener that is gone end, as many as one event may have."""
        listener, clean, lost = self.cache.listeners[attachment], list[e.HeldLine](), list[str]()
        for token, name in islice(listener.lines.items(), 10 * BATCH):
            if self.entry(name).lines[attachment].state == "MODIFIED":
                lost.append(name)
            else:
                clean.append(e.HeldLine(attachment, token))
        if clean:
            self.add(e.LinesDropped(tuple(clean)), size=128 + 20 * len(clean))
        for name in lost:
            if self.full:
                return
            self.lose(attachment, name, listener.gone)
