"""One shard of a cache as its events have left it: who listens, who has which line, what is being changed. A model.

Shares nothing with the decider or its fold.
"""

from dataclasses import dataclass, field

from streams.domain.caches.commands import LineState
from streams.domain.caches.events import LineCall, ListenerEnd, Purpose, WaitStarted
from streams.domain.caches.settings import CacheSettings


@dataclass(slots=True)
class Listener:
    """One attachment."""

    who: tuple[str, str]
    session: str
    expires_at: int
    acked: int = 0
    posted: int = 0
    reset: bool = False
    gone: ListenerEnd | None = None
    open: dict[int, tuple[LineCall, int]] = field(default_factory=dict)
    """Calls that are not acknowledged, with when each was made."""
    lines: dict[int, str] = field(default_factory=dict)
    """Entries by the tokens of its lines."""
    loads: dict[str, int] = field(default_factory=dict)
    """Tokens of the fill leases that end with it, by entry."""


@dataclass(slots=True)
class Line:
    """What a listener has of an entry."""

    state: LineState
    token: int


@dataclass(slots=True)
class Entry:
    """One entry; blank, it is not there."""

    has_value: bool = False
    version: int = 0
    expires_at: int = 0
    change: Purpose | None = None
    lines: dict[int, Line] = field(default_factory=dict)
    owing: dict[int, int] = field(default_factory=dict)
    """Listeners that lost a line and have not acknowledged it, with the number of the call."""
    filler: tuple[int, tuple[str, str], int] | None = None
    """Who loads it: (token, client, until when)."""


@dataclass(slots=True)
class Shard:
    """One shard."""

    settings: CacheSettings
    listeners: dict[int, Listener] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    waits: dict[int, WaitStarted] = field(default_factory=dict)

    def entry(self, name: str) -> Entry:
        """Return the entry, to be changed."""
        return self.entries.setdefault(name, Entry())

    def put_line(self, name: str, attachment: int, line: Line | None) -> None:
        """Replace a listener's line of the entry; None: it has none any more."""
        entry, listener = self.entry(name), self.listeners.get(attachment)
        old = entry.lines.pop(attachment, None)
        if old is not None and listener is not None:
            listener.lines.pop(old.token, None)
        if line is not None:
            entry.lines[attachment] = line
            if listener is not None:
                listener.lines[line.token] = name

    def clear(self, name: str) -> Entry:
        """Return the entry without lines, change and filler."""
        entry = self.entry(name)
        for attachment in tuple(entry.lines):
            self.put_line(name, attachment, None)
        entry.change, entry.filler = None, None
        entry.owing.clear()
        return entry

    def leave(self, listener: Listener, cause: ListenerEnd) -> None:
        """Note that a listener trusts nothing any more, and loads nothing."""
        listener.gone = cause
        listener.open.clear()
        for name, token in listener.loads.items():
            entry = self.entry(name)
            if entry.filler is not None and entry.filler[0] == token:
                entry.filler = None

    def unacknowledged(self, entry: Entry) -> list[int]:
        """Return who was called for the entry, may still trust its line, and has not acknowledged."""
        if self.settings.mode != "STRICT":
            return []
        return [
            attachment
            for attachment, number in entry.owing.items()
            if (listener := self.listeners.get(attachment)) is not None
            and listener.gone is None
            and (listener.reset or listener.acked < number)
        ]
