"""What can be done on an entry is done: changes go on, and those who wait are answered. Standard library only.

After a change all reads that wait are answered, then the next write begins. Each step is one that the fold can see:
an entry is `ready` until nothing can be done on it.
"""

from streams.domain.caches import events as e
from streams.domain.caches.changes import (
    call_lines,
    carry_out,
    conflicts,
    finish,
    must_recall,
    own_line,
    recall,
    waits_for_lines,
)
from streams.domain.caches.commands import LineState
from streams.domain.caches.draft import Draft
from streams.domain.caches.limits import MAX_SHARERS
from streams.domain.caches.room import make_room
from streams.domain.caches.state import Change, Entry, owner_of, uncalled


def advance(draft: Draft, name: str) -> None:
    """Do what can be done on the entry, as far as the decision has room."""
    while name in draft.cache.ready.times and not draft.full:
        draft.clear_leaving(name)
        entry = draft.entry(name)
        if entry.change is not None:
            going = _go_on(draft, name, entry, entry.change)
        elif entry.reads and (entry.value is not None or entry.fill is None):
            going = _read(draft, name, entry)
        else:
            going = bool(entry.writes) and _begin(draft, name, entry)
        if not going:
            return


def _go_on(draft: Draft, name: str, entry: Entry, change: Change) -> bool:
    if change.purpose == "RECALL":
        return False
    if uncalled(entry, change.own):
        return call_lines(draft, name, change.own)
    if change.awaits:
        return False
    finish(draft, name, change.purpose, change.ticket)
    make_room(draft, 0, 0, name)
    return True


def _read(draft: Draft, name: str, entry: Entry) -> bool:
    waits = draft.cache.waits
    first, owner = waits[entry.reads[0]], owner_of(entry)
    if entry.value is None:
        without = next((waits[ticket] for ticket in entry.reads if not waits[ticket].fill), None)
        if without is None:
            start_fill(draft, first)
        else:
            end_wait(draft, without, "MISSING", 0)
    elif not owner:
        grant(draft, first)
    elif owner == first.attachment:
        end_wait(draft, first, "LINE_HELD", entry.lines[owner].token)
    else:
        recall(draft, name)
    return True


def _begin(draft: Draft, name: str, entry: Entry) -> bool:
    wait = draft.cache.waits[entry.writes[0]]
    own = own_line(draft, wait, entry)
    if must_recall(entry, wait, own):
        recall(draft, name)
    elif conflicts(entry, wait):
        end_wait(draft, wait, "CONFLICT", entry.version if entry.value is not None else 0)
    elif name in draft.served:
        return False
    elif waits_for_lines(entry, own, strict=draft.strict):
        purpose: e.Purpose = "WRITE" if wait.request == "WRITE" else "DELETE"
        draft.add(e.ChangeStarted(name, purpose, wait.ticket, own), name)
    else:
        carry_out(draft, wait, own)
        make_room(draft, 0, 0, name)
    return True


def grant(draft: Draft, wait: e.WaitStarted) -> e.LineGranted:
    """Add that a read is answered (ticket 0: at once), with a line if the reader keeps lines and may have one more."""
    name, entry = wait.entry, draft.entry(wait.entry)
    attachment, token, state = wait.attachment, draft.next_token, _state(draft, wait, entry)
    if state == "SHARED":
        for other, line in entry.lines.items() if len(entry.lines) == 1 else ():
            if line.state == "EXCLUSIVE" and other != attachment:
                draft.call(other, "SHARE", ((name, line.token),))
                token = draft.next_token
    event = e.LineGranted(
        wait.principal,
        wait.client,
        wait.sequence,
        wait.ticket,
        attachment,
        name,
        token,
        state,
        entry.version,
        entry.expires_at,
        draft.posted(attachment),
    )
    draft.add(event, wait.principal, wait.client, name)
    draft.serve(name, entry.value)
    return event


def _state(draft: Draft, wait: e.WaitStarted, entry: Entry) -> LineState:
    if not draft.keeps(wait.principal, wait.client, wait.attachment, wait.entry):
        return "INVALID"
    if wait.attachment not in entry.lines and len(entry.lines) >= MAX_SHARERS:
        return "INVALID"
    alone = not uncalled(entry, wait.attachment) and len(entry.reads) <= (wait.ticket in entry.reads)
    return "EXCLUSIVE" if alone else "SHARED"


def start_fill(draft: Draft, wait: e.WaitStarted) -> e.FillStarted:
    """Add that the reader (ticket 0: at once) is to load the entry."""
    event = e.FillStarted(
        wait.principal,
        wait.client,
        wait.sequence,
        wait.ticket,
        wait.attachment,
        wait.entry,
        draft.next_token,
        draft.now + draft.settings.fill_lease_ms,
    )
    draft.add(event, wait.principal, wait.client, wait.entry)
    return event


def end_wait(draft: Draft, wait: e.WaitStarted, cause: e.WaitEnd, version: int) -> None:
    """Add that a wait is over, and brought nothing."""
    names = (wait.principal, wait.client)
    draft.add(e.WaitEnded(*names, wait.sequence, wait.ticket, wait.entry, cause, version), *names, wait.entry)
