"""An independent model of the lines in the log: who has which, who was called and has yet to say so, who loads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.domain.caches import events as e
from streams.domain.caches.commands import WriteBack
from streams.domain.caches.state import Cache


@dataclass(slots=True)
class Known:
    """One entry, by its events."""

    lines: dict[int, tuple[str, int]] = field(default_factory=dict)
    """(state, token) by attachment."""
    called: dict[int, float] = field(default_factory=dict)
    """Attachments that have yet to acknowledge this number."""
    fill: tuple[int, int] | None = None
    """(token, attachment) of who loads it."""


class Shard:
    """The lines of one shard."""

    def __init__(self, key: str, strict: bool, fail: Callable[[str], None]) -> None:
        self.entries: dict[str, Known] = {}
        self.leases: dict[int, int] = {}
        """Of listeners, by attachment: end of the lease."""
        self._clients: dict[int, str] = {}
        self._key, self._strict, self._fail = key, strict, fail
        self._reset: set[int] = set()

    def fold(self, event: Any, asked: Sequence[WriteBack], lease_ms: int) -> None:
        """Check and fold one event, decided at lease time `lease_ms`."""
        match event:
            case e.ListenerJoined():
                self.leases[event.attachment] = event.expires_at
                self._clients[event.attachment] = event.client
            case e.ListenerHeard():
                self._heard(event)
            case e.ListenerGone():
                self._gone(event, lease_ms)
            case e.FillStarted():
                self._fill(event)
            case e.FillEnded():
                self._known(event.entry).fill = None
            case e.ChangeStarted() if event.purpose != "RECALL":
                self._known(event.entry).fill = None
            case e.LinesCalled() | e.LinesDropped() | e.LineLost() | e.LineGranted():
                self._line(event)
            case _:
                self._value(event, asked)

    def _line(self, event: Any) -> None:
        match event:
            case e.LinesCalled():
                for call in event.calls:
                    self._called(event.attachment, call)
            case e.LinesDropped():
                for held in event.lines:
                    self._drop(held.attachment, held.token)
            case e.LineLost():
                self._drop(event.attachment, event.token)
            case e.LineGranted():
                self._granted(event)

    def _value(self, event: Any, asked: Sequence[WriteBack]) -> None:
        match event:
            case e.EntryWritten():
                self._over(event.entry, event, event.client)
                if event.state != "INVALID":
                    self._keep(event.entry, event.attachment, event.state, event.token)
            case e.EntryWrittenBack():
                self._written_back(event, asked)
            case e.EntryDeleted():
                self._over(event.entry, event, event.client)
            case e.EntriesRemoved():
                for name in event.entries:
                    self._over(name, event, "", at_its_end=event.cause == "EXPIRED")
            case e.EntriesWarmed():
                for each in event.entries:
                    self._over(each.entry, event, "")
            case _:
                pass

    # ── listeners ───────────────────────────────────────────────────────────────────────────────────────────

    def _heard(self, event: e.ListenerHeard) -> None:
        if event.expires_at < self.leases[event.attachment]:
            self._fail(f"{self._key}: {event} cuts the lease of {self.leases[event.attachment]} short")
        self.leases[event.attachment] = event.expires_at
        for known in self.entries.values():
            if known.called.get(event.attachment, event.after + 1) <= event.after:
                del known.called[event.attachment]
        for token in event.dropped:
            self._drop(event.attachment, token)

    def _gone(self, event: e.ListenerGone, lease_ms: int) -> None:
        expires_at = self.leases.pop(event.attachment)
        if event.cause == "LEASE_OVER" and lease_ms < expires_at:
            self._fail(f"{self._key}: {event} at lease time {lease_ms}, before {expires_at}")
        for known in self.entries.values():
            known.called.pop(event.attachment, None)
            if known.fill is not None and known.fill[1] == event.attachment:
                known.fill = None

    # ── lines ───────────────────────────────────────────────────────────────────────────────────────────────

    def _known(self, name: str) -> Known:
        return self.entries.setdefault(name, Known())

    def _keep(self, name: str, attachment: int, state: str, token: int) -> None:
        lines = self._known(name).lines
        lines[attachment] = (state, token)
        states = [each for each, _ in lines.values()]
        if len(states) > 1 and {"EXCLUSIVE", "MODIFIED"} & set(states):
            self._fail(f"{self._key}: {name} has an owner and others: {lines}")

    def _called(self, attachment: int, call: e.LineCall) -> None:
        if call.kind == "RESET":
            self._reset.add(attachment)
        elif call.kind == "INVALIDATE":
            known = self._known(call.entry)
            known.lines.pop(attachment, None)
            known.called[attachment] = float("inf") if attachment in self._reset else call.number

    def _drop(self, attachment: int, token: int) -> None:
        for known in self.entries.values():
            if known.lines.get(attachment, ("", 0))[1] == token:
                del known.lines[attachment]

    def _granted(self, event: e.LineGranted) -> None:
        known = self._known(event.entry)
        if self._strict and known.called:
            self._fail(f"{self._key}: {event} while {known.called} have yet to acknowledge")
        owners = [att for att, (state, _) in known.lines.items() if state == "MODIFIED"]
        if owners:
            self._fail(f"{self._key}: {event} while {owners} may have written it")
        if event.state == "INVALID":
            return
        if event.state == "SHARED":
            known.lines = {att: ("SHARED", token) for att, (_, token) in known.lines.items()}
        self._keep(event.entry, event.attachment, event.state, event.token)

    def _over(self, name: str, event: Any, own: str, *, at_its_end: bool = False) -> None:
        """The value that was current is over: all others must have let go of it."""
        known = self._known(name)
        live = [att for att in known.lines if att in self.leases and self._clients[att] != own]
        if self._strict and not at_its_end and (known.called or live):
            self._fail(f"{self._key}: {event} while {known.called} were called and {live} have it")
        self.entries[name] = Known()

    def _written_back(self, event: e.EntryWrittenBack, asked: Sequence[WriteBack]) -> None:
        known = self._known(event.entry)
        state, token = known.lines.pop(event.attachment, ("INVALID", 0))
        if state != "MODIFIED" or token not in [command.line for command in asked]:
            self._fail(f"{self._key}: {event} of {asked}, though the line is {state} {token}")
        if event.state != "INVALID":
            self._keep(event.entry, event.attachment, event.state, event.token)

    def _fill(self, event: e.FillStarted) -> None:
        known = self._known(event.entry)
        if known.fill is not None:
            self._fail(f"{self._key}: {event} while {known.fill} loads it")
        known.fill = (event.token, event.attachment if event.attachment in self.leases else 0)

    # ── all of it ───────────────────────────────────────────────────────────────────────────────────────────

    def compare(self, cache: Cache) -> None:
        """Check the fold: lines, fills and leases."""
        mine = {name: each.lines for name, each in self.entries.items() if each.lines}
        theirs = {
            name: {att: (line.state, line.token) for att, line in entry.lines.items()}
            for name, entry in cache.entries.items()
            if entry.lines
        }
        if mine != theirs:
            self._fail(f"{self._key}: by its events the lines are {mine}, the fold has {theirs}")
        fills = {name: each.fill[0] for name, each in self.entries.items() if each.fill}
        filling = {name: entry.fill.token for name, entry in cache.entries.items() if entry.fill}
        if fills != filling:
            self._fail(f"{self._key}: by its events {fills} are loaded, the fold has {filling}")
