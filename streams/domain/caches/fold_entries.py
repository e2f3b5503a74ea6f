"""The fold of what happens to entries, and to those who wait for them.

Imports the standard library and `immutables` only.
"""

from typing import TypeAlias, assert_never

from immutables import Map

from streams.domain.caches import events as e
from streams.domain.caches.desk import Desk
from streams.domain.caches.fold_listeners import without_recall
from streams.domain.caches.limits import MAX_SWEPT
from streams.domain.caches.state import Cache, Change, Entry, Fill, Job, Line, asker_of, changed

OfEntry: TypeAlias = (
    e.WaitStarted
    | e.WaitEnded
    | e.ChangeStarted
    | e.EntryWritten
    | e.EntryWrittenBack
    | e.EntryDeleted
    | e.EntriesRemoved
    | e.EntriesWarmed
    | e.FillStarted
    | e.FillEnded
    | e.TagInvalidated
    | e.TagCleared
)


def evolve(cache: Cache, event: OfEntry) -> Cache:  # noqa: PLR0912 - a case an event
    """Return the shard after `event`. Raises `LookupError` on what is not here."""
    desk = Desk(cache)
    match event:
        case e.WaitStarted():
            _wait(desk, event)
        case e.WaitEnded():
            desk.end_wait(event.ticket)
        case e.ChangeStarted():
            _change(desk, event)
        case e.EntryWritten():
            _written(desk, event)
        case e.EntryWrittenBack():
            _written_back(desk, event)
        case e.EntryDeleted():
            if event.ticket:
                desk.end_wait(event.ticket)
            _remove(desk, event.entry)
        case e.EntriesRemoved():
            for name in event.entries:
                _remove(desk, name)
        case e.EntriesWarmed():
            _warm(desk, event)
        case e.FillStarted():
            _fill(desk, event)
        case e.FillEnded():
            desk.put(event.entry, _without_fill(desk, event.entry, desk.entry(event.entry)))
        case e.TagInvalidated():
            _invalidate(desk, event)
        case e.TagCleared():
            desk.c.jobs = tuple([job for job in cache.jobs if job.ticket != event.ticket])
        case _:
            assert_never(event)
    return desk.c


def _wait(desk: Desk, event: e.WaitStarted) -> None:
    c, entry = desk.c, desk.entry(event.entry)
    c.waits = c.waits.set(event.ticket, event)
    c.wait_bytes += len(event.value or b"")
    c.timeouts = c.timeouts.put(event.ticket, event.wait_until)
    c.withdrawable = c.withdrawable.set(asker_of(event), event.ticket)
    if event.request == "READ":
        entry = changed(entry, reads=(*entry.reads, event.ticket))
    else:
        entry = changed(entry, writes=(*entry.writes, event.ticket))
    desk.put(event.entry, entry)


def _change(desk: Desk, event: e.ChangeStarted) -> None:
    name = event.entry
    if event.ticket:
        desk.begin_wait(event.ticket)
    entry = desk.entry(name)
    desk.forgiven(name, entry.change)
    entry = changed(entry, change=Change(event.purpose, event.ticket, event.own, Map()))
    if event.purpose != "RECALL":
        entry = _without_fill(desk, name, entry)
        desk.begun(entry.mark)
    if event.purpose not in ("RECALL", "WRITE"):
        entry = changed(entry, value=None)
    desk.put(name, entry)


def _written(desk: Desk, event: e.EntryWritten) -> None:
    name, value = event.entry, event.value
    if event.ticket:
        value = desk.c.waits[event.ticket].value
        desk.end_wait(event.ticket)
    entry = _cleared(desk, name)
    if event.state != "INVALID":
        entry = desk.set_line(name, entry, event.attachment, Line(event.state, event.token))
    entry = changed(
        entry,
        value=value,
        version=event.token,
        mark=desk.next_mark(),
        tags=event.tags,
        ttl_ms=event.ttl_ms,
        expires_at=event.expires_at,
    )
    desk.put(name, entry)


def _written_back(desk: Desk, event: e.EntryWrittenBack) -> None:
    name, entry = event.entry, desk.entry(event.entry)
    line = None if event.state == "INVALID" else Line(event.state, event.token)
    entry = desk.set_line(name, without_recall(desk, name, entry), event.attachment, line)
    desk.touch(name)
    new = entry.value if event.value is None else event.value
    desk.put(name, changed(entry, value=new, version=event.token, expires_at=event.expires_at))


def _remove(desk: Desk, name: str) -> None:
    gone = changed(_cleared(desk, name), value=None, version=0, mark=0, tags=(), ttl_ms=0, expires_at=0)
    desk.put(name, gone)


def _cleared(desk: Desk, name: str) -> Entry:
    """Return the entry without lines, change and fill."""
    entry = desk.entry(name)
    desk.forgiven(name, entry.change)
    entry = _without_fill(desk, name, desk.without_lines(name, entry))
    return changed(entry, change=None)


def _warm(desk: Desk, event: e.EntriesWarmed) -> None:
    for each in event.entries:
        entry = changed(
            _cleared(desk, each.entry),
            value=each.value,
            version=event.token,
            mark=desk.next_mark(),
            tags=each.tags,
            ttl_ms=each.ttl_ms,
            expires_at=each.expires_at,
        )
        desk.put(each.entry, entry)


def _fill(desk: Desk, event: e.FillStarted) -> None:
    if event.ticket:
        desk.end_wait(event.ticket)
    fill = Fill(event.token, event.principal, event.client, event.attachment, event.expires_at)
    listener = desk.c.listeners.get(event.attachment)
    if listener is not None and not listener.leaving:
        desk.set_listener(changed(listener, fills=listener.fills.set(event.entry, event.token)))
    desk.put(event.entry, changed(desk.entry(event.entry), fill=fill))


def _without_fill(desk: Desk, name: str, entry: Entry) -> Entry:
    if entry.fill is None:
        return entry
    listener = desk.c.listeners.get(entry.fill.attachment)
    if listener is not None and name in listener.fills:
        desk.set_listener(changed(listener, fills=listener.fills.delete(name)))
    return changed(entry, fill=None)


def _invalidate(desk: Desk, event: e.TagInvalidated) -> None:
    c = desk.c
    left = todo = c.tags.get(event.tag, Map())
    for name in c.changing:
        entry = c.entries[name]
        if entry.change is not None and entry.change.purpose != "RECALL" and entry.mark in todo:
            todo = todo.delete(entry.mark)
    job = Job(event.principal, event.client, event.sequence, event.ticket, event.tag, len(left), todo, left)
    c.jobs = (*c.jobs, job)
    if not c.fills.times:
        return
    if len(c.swept) >= MAX_SWEPT:
        c.swept, c.swept_before = Map(), event.ticket
    c.swept = c.swept.set(event.tag, event.ticket)
