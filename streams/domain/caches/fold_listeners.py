"""The fold of what happens to listeners and their lines. Imports the standard library and `immutables` only."""

from typing import TypeAlias, assert_never

from immutables import Map

from streams.domain.caches import events as e
from streams.domain.caches.desk import Desk
from streams.domain.caches.state import NEVER, NEW_LISTENER, Cache, Entry, Line, Listener, changed
from streams.domain.structures.fifo import EMPTY

OfListener: TypeAlias = (
    e.ListenerJoined
    | e.ListenerHeard
    | e.LinesCalled
    | e.ListenEnded
    | e.ListenerGone
    | e.LinesDropped
    | e.LineLost
    | e.LineGranted
)


def evolve(cache: Cache, event: OfListener) -> Cache:
    """Return the shard after `event`. Raises `LookupError` on what is not here."""
    desk = Desk(cache)
    match event:
        case e.ListenerJoined():
            _joined(desk, event)
        case e.ListenerHeard():
            _heard(desk, event)
        case e.LinesCalled():
            _called(desk, event)
        case e.ListenEnded():
            desk.set_listener(changed(cache.listeners[event.attachment], sequence=0))
        case e.ListenerGone():
            _gone(desk, event)
        case e.LinesDropped():
            for line in event.lines:
                drop(desk, line.attachment, line.token)
        case e.LineLost():
            _lost(desk, event)
        case e.LineGranted():
            _granted(desk, event)
        case _:
            assert_never(event)
    return desk.c


def _joined(desk: Desk, event: e.ListenerJoined) -> None:
    c, attachment = desk.c, event.attachment
    listener = changed(
        NEW_LISTENER,
        principal=event.principal,
        client=event.client,
        session=event.session,
        attachment=attachment,
        sequence=event.sequence,
        expires_at=event.expires_at,
    )
    desk.set_listener(listener)
    c.attached = c.attached.set((event.principal, event.client), attachment)
    c.leases = c.leases.put(attachment, event.expires_at)
    if event.session:
        c.sessions = c.sessions.set(event.session, c.sessions.get(event.session, Map()).set(attachment, True))


def _heard(desk: Desk, event: e.ListenerHeard) -> None:
    attachment, done = event.attachment, 0
    listener = desk.c.listeners[attachment]
    paid = list[str]()
    for call, _ in listener.calls:
        if call.number > event.after:
            break
        done += 1
        if listener.owes.get(call.entry, NEVER) <= event.after:
            paid.append(call.entry)
    desk.set_listener(
        changed(
            listener,
            sequence=event.sequence,
            expires_at=event.expires_at,
            acked=event.after,
            calls=listener.calls.without_first(done) if done else listener.calls,
        )
    )
    if event.expires_at != listener.expires_at:
        desk.c.leases = desk.c.leases.put(attachment, event.expires_at)
    for name in paid:
        desk.paid(attachment, name)
    for token in event.dropped:
        drop(desk, attachment, token)


def _called(desk: Desk, event: e.LinesCalled) -> None:
    listener = desk.c.listeners[event.attachment]
    calls, posted, reset = listener.calls, listener.posted, listener.reset
    if event.calls[0].kind == "RESET":
        calls, posted, reset = EMPTY.extended([(event.calls[0], event.at)]), event.calls[0].number, True
    elif not reset:
        calls, posted = calls.extended([(each, event.at) for each in event.calls]), event.calls[-1].number
    sequence = 0 if event.sequence else listener.sequence
    desk.set_listener(changed(listener, calls=calls, posted=posted, reset=reset, sequence=sequence))
    for call in event.calls:
        _do(desk, event.attachment, call, NEVER if reset else call.number)


def _do(desk: Desk, attachment: int, call: e.LineCall, number: int) -> None:
    if call.kind in ("SHARE", "RESET"):
        return
    entry = desk.entry(call.entry)
    waits = call.kind == "WRITE_BACK"
    if call.kind == "INVALIDATE":
        entry = desk.set_line(call.entry, entry, attachment, None)
        waits = entry.change is not None and desk.c.settings is not None and desk.c.settings.mode == "STRICT"
    desk.put(call.entry, desk.owe(attachment, call.entry, entry, number) if waits else entry)


def _gone(desk: Desk, event: e.ListenerGone) -> None:
    c, attachment = desk.c, event.attachment
    listener = c.listeners[attachment]
    client = (listener.principal, listener.client)
    if c.attached.get(client) == attachment:
        c.attached = c.attached.delete(client)
    c.leases = c.leases.drop((attachment,))
    if listener.session:
        _leave_session(desk, listener)
    for name in listener.owes:
        desk.paid(attachment, name)
    for name in listener.fills:
        desk.put(name, changed(desk.entry(name), fill=None))
    if listener.lines:
        c.leaving = c.leaving.put(attachment, 0)
    desk.set_listener(
        changed(
            c.listeners[attachment],
            leaving=True,
            gone=event.cause,
            sequence=0,
            calls=EMPTY,
            owes=Map(),
            fills=Map(),
        )
    )


def _leave_session(desk: Desk, listener: Listener) -> None:
    c = desk.c
    left = c.sessions[listener.session].delete(listener.attachment)
    if left:
        c.sessions = c.sessions.set(listener.session, left)
    else:
        c.sessions = c.sessions.delete(listener.session)


def drop(desk: Desk, attachment: int, token: int) -> None:
    """Take a line away."""
    name = desk.c.listeners[attachment].lines[token]
    desk.put(name, desk.set_line(name, desk.entry(name), attachment, None))


def _lost(desk: Desk, event: e.LineLost) -> None:
    entry = desk.set_line(event.entry, desk.entry(event.entry), event.attachment, None)
    desk.put(event.entry, without_recall(desk, event.entry, entry))


def without_recall(desk: Desk, name: str, entry: Entry) -> Entry:
    """Return the entry with nobody asked to write it back."""
    if entry.change is None or entry.change.purpose != "RECALL":
        return entry
    desk.forgiven(name, entry.change)
    return changed(entry, change=None)


def _granted(desk: Desk, event: e.LineGranted) -> None:
    if event.ticket:
        desk.end_wait(event.ticket)
    name, entry = event.entry, desk.entry(event.entry)
    desk.touch(name)
    if event.state == "SHARED" and len(entry.lines) == 1:
        for attachment, line in entry.lines.items():
            entry = desk.set_line(name, entry, attachment, Line("SHARED", line.token))
    if event.state != "INVALID":
        entry = desk.set_line(name, entry, event.attachment, Line(event.state, event.token))
    desk.put(name, entry)
