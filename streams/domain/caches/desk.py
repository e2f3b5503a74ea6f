"""Where an event is folded: the shard's own copy, and what must change together with what.

Whatever is said of an entry twice (counts, tags, agendas, what is ready) is kept right by `put`; lines by `set_line`.
Imports the standard library and `immutables` only.
"""

from typing import Final

from immutables import Map

from streams.domain.caches.state import (
    BLANK,
    Cache,
    Change,
    Entry,
    Job,
    Line,
    Listener,
    asker_of,
    changed,
    has_work,
)

_COUNTED: Final = {"MODIFIED": "modified", "EXCLUSIVE": "exclusive", "SHARED": "shared"}


class Desk:
    """One event's work on a cache."""

    __slots__ = ("c",)

    def __init__(self, cache: Cache) -> None:
        self.c = changed(cache)

    def entry(self, name: str) -> Entry:
        """Return the entry as it is, or one without anything."""
        return self.c.entries.get(name, BLANK)

    def put(self, name: str, new: Entry) -> None:
        """Replace the entry."""
        c, old = self.c, self.entry(name)
        if new == BLANK:
            c.entries = c.entries.delete(name) if name in c.entries else c.entries
        else:
            c.entries = c.entries.set(name, new)
        if old.value is not new.value:
            self._count(name, old, new)
        if old.mark != new.mark:
            self._index(name, old, new)
        if (new.change is None) is not (old.change is None):
            c.changing = c.changing.delete(name) if new.change is None else c.changing.set(name, True)
        if old.fill is not new.fill:
            c.fills = c.fills.drop((name,)) if new.fill is None else c.fills.put(name, new.fill.expires_at)
            if not c.fills.times:
                c.swept, c.swept_before = Map(), 0
        ends = new.expires_at if new.value is not None and new.change is None else 0
        if ends != c.expiries.times.get(name, 0):
            c.expiries = c.expiries.put(name, ends) if ends else c.expiries.drop((name,))
        self.look(name)

    def look(self, name: str) -> None:
        """Note whether something can be done on the entry."""
        c = self.c
        entry = c.entries.get(name)
        ready = entry is not None and has_work(entry)
        if ready != (name in c.ready.times):
            c.ready = c.ready.put(name, 0) if ready else c.ready.drop((name,))

    def _count(self, name: str, old: Entry, new: Entry) -> None:
        c = self.c
        c.stored += (new.value is not None) - (old.value is not None)
        c.bytes += len(new.value or b"") - len(old.value or b"")
        if new.value is None:
            c.recency = c.recency.without(name)
        else:
            self.touch(name)

    def touch(self, name: str) -> None:
        """Note that the directory was asked for the entry."""
        self.c.recency = self.c.recency.touched(name)

    def next_mark(self) -> int:
        """Return the mark of a new value."""
        self.c.marks += 1
        return self.c.marks

    def _index(self, name: str, old: Entry, new: Entry) -> None:
        tags = self.c.tags
        for tag in old.tags if old.mark else ():
            left = tags[tag].delete(old.mark)
            tags = tags.set(tag, left) if left else tags.delete(tag)
        for tag in new.tags if new.mark else ():
            tags = tags.set(tag, tags.get(tag, Map()).set(new.mark, name))
        self.c.tags = tags
        if self.c.jobs and old.mark:
            self.c.jobs = tuple([_without(job, old.mark) for job in self.c.jobs])

    def begun(self, mark: int) -> None:
        """Note that the value of this mark is on its way out: invalidations by tag need not begin it."""
        if self.c.jobs and mark:
            self.c.jobs = tuple([_begun(job, mark) for job in self.c.jobs])

    # ── lines ───────────────────────────────────────────────────────────────────────────────────────────

    def set_line(self, name: str, entry: Entry, attachment: int, line: Line | None) -> Entry:
        """Return the entry with another line, or none, of the listener. To be `put` by the caller."""
        old = entry.lines.get(attachment)
        if old is None and line is None:
            return entry
        listener = self.c.listeners[attachment]
        lines = listener.lines
        if old is not None:
            lines = lines.delete(old.token)
            self._tally(old, -1)
        if line is not None:
            lines = lines.set(line.token, name)
            self._tally(line, 1)
        self.set_listener(changed(listener, lines=lines))
        kept = entry.lines.delete(attachment) if line is None else entry.lines.set(attachment, line)
        return changed(entry, lines=kept)

    def without_lines(self, name: str, entry: Entry) -> Entry:
        """Return the entry without lines."""
        for attachment in entry.lines:
            entry = self.set_line(name, entry, attachment, None)
        return entry

    def _tally(self, line: Line, by: int) -> None:
        field = _COUNTED[line.state]
        setattr(self.c, field, getattr(self.c, field) + by)

    # ── listeners ───────────────────────────────────────────────────────────────────────────────────────

    def set_listener(self, listener: Listener) -> None:
        """Replace a listener; one that is gone and has no lines left is forgotten."""
        c, attachment = self.c, listener.attachment
        if listener.leaving and not listener.lines:
            c.listeners = c.listeners.delete(attachment)
            c.leaving = c.leaving.drop((attachment,))
        else:
            c.listeners = c.listeners.set(attachment, listener)

    def owe(self, attachment: int, name: str, entry: Entry, number: int) -> Entry:
        """Return the entry whose change waits for the listener's acknowledgement of `number`."""
        assert entry.change is not None
        listener = self.c.listeners[attachment]
        self.set_listener(changed(listener, owes=listener.owes.set(name, number)))
        awaits = entry.change.awaits.set(attachment, number)
        return changed(entry, change=changed(entry.change, awaits=awaits))

    def paid(self, attachment: int, name: str) -> None:
        """Note that the entry's change waits no longer for the listener."""
        listener = self.c.listeners[attachment]
        if name in listener.owes:
            self.set_listener(changed(listener, owes=listener.owes.delete(name)))
        entry = self.entry(name)
        if entry.change is not None and attachment in entry.change.awaits:
            awaits = entry.change.awaits.delete(attachment)
            self.put(name, changed(entry, change=changed(entry.change, awaits=awaits)))

    def forgiven(self, name: str, change: Change | None) -> None:
        """Note that a change is over, or another took its place, and nobody owes it anything."""
        for attachment in () if change is None else change.awaits:
            listener = self.c.listeners.get(attachment)
            if listener is not None and name in listener.owes:
                self.set_listener(changed(listener, owes=listener.owes.delete(name)))

    # ── waits ───────────────────────────────────────────────────────────────────────────────────────────

    def end_wait(self, ticket: int) -> None:
        """Forget a wait, wherever it stands. Raises `LookupError` if it is not here."""
        wait = self.c.waits[ticket]
        self.begin_wait(ticket)
        self.c.waits = self.c.waits.delete(ticket)
        self.c.wait_bytes -= len(wait.value or b"")

    def begin_wait(self, ticket: int) -> None:
        """Take a wait out of its entry's line: it has begun, or is over."""
        c = self.c
        wait = c.waits[ticket]
        name, asker = wait.entry, asker_of(wait)
        c.timeouts, entry = c.timeouts.drop((ticket,)), self.entry(name)
        if c.withdrawable.get(asker) == ticket:
            c.withdrawable = c.withdrawable.delete(asker)
        if ticket in entry.reads:
            self.put(name, changed(entry, reads=_but(entry.reads, ticket)))
        elif ticket in entry.writes:
            self.put(name, changed(entry, writes=_but(entry.writes, ticket)))


def _but(tickets: tuple[int, ...], ticket: int) -> tuple[int, ...]:
    return tuple([each for each in tickets if each != ticket])


def _begun(job: Job, mark: int) -> Job:
    return changed(job, todo=job.todo.delete(mark)) if mark in job.todo else job


def _without(job: Job, mark: int) -> Job:
    job = _begun(job, mark)
    return changed(job, left=job.left.delete(mark)) if mark in job.left else job
