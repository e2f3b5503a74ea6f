"""How an entry changes: others give up their lines, then it is written, deleted or removed. Standard library only.

The same steps serve a command that finds nothing in its way, and the work that goes on when acknowledgements come.
"""

from typing import Final

from streams.domain.caches import events as e
from streams.domain.caches.draft import Draft
from streams.domain.caches.state import Entry, owner_of, uncalled

AT_ONCE: Final = 20
"""Lines that a change which waits for nobody calls in one go."""
_REMOVALS: Final[dict[e.Purpose, e.Removal]] = {"EVICT": "EVICTED", "TAG": "TAG"}


def own_line(draft: Draft, wait: e.WaitStarted, entry: Entry) -> int:
    """Return the writer's attachment if the line it has is the one it gave up, else 0."""
    line = entry.lines.get(wait.attachment)
    if line is None or line.token != wait.line:
        return 0
    listener = draft.cache.listeners[wait.attachment]
    mine = (listener.principal, listener.client) == (wait.principal, wait.client)
    return wait.attachment if mine else 0


def must_recall(entry: Entry, wait: e.WaitStarted, own: int) -> bool:
    """Say whether a condition cannot be judged as somebody holds the entry Modified."""
    return wait.if_version >= 0 and owner_of(entry) not in (0, own)


def conflicts(entry: Entry, wait: e.WaitStarted) -> bool:
    """Say whether the entry is not of the version that the write is for."""
    version = entry.version if entry.value is not None else 0
    return wait.if_version >= 0 and wait.if_version != version


def waits_for_lines(entry: Entry, own: int, *, strict: bool) -> bool:
    """Say whether a change of the entry cannot be carried out in one go."""
    if not uncalled(entry, own):
        return False
    return strict or len(entry.lines) > AT_ONCE


def carry_out(draft: Draft, wait: e.WaitStarted, own: int) -> None:
    """Add that a write or deletion happens which need not wait: `wait` says what (ticket 0: at once)."""
    call_all(draft, wait.entry, own)
    write(draft, wait) if wait.request == "WRITE" else delete(draft, wait)


def call_lines(draft: Draft, name: str, own: int) -> bool:
    """Call the lines of all but `own`. False: some are left for a Tick."""
    entry = draft.entry(name)
    for attachment in sorted(entry.lines):
        if draft.full:
            return False
        if attachment != own:
            draft.call(attachment, "INVALIDATE", ((name, entry.lines[attachment].token),))
    return True


def call_all(draft: Draft, name: str, own: int) -> None:
    """Call the lines of all but `own`, of which there are few, in this decision."""
    entry = draft.entry(name)
    for attachment in sorted(entry.lines):
        if attachment != own:
            draft.call(attachment, "INVALIDATE", ((name, entry.lines[attachment].token),))


def recall(draft: Draft, name: str) -> None:
    """Add that the owner of a Modified line is asked to write it back."""
    entry = draft.entry(name)
    owner = owner_of(entry)
    draft.add(e.ChangeStarted(name, "RECALL", 0, 0), name)
    draft.call(owner, "WRITE_BACK", ((name, entry.lines[owner].token),))


def write(draft: Draft, wait: e.WaitStarted) -> None:
    """Add that an entry is written."""
    kept = wait.keep != "INVALID" and draft.keeps(wait.principal, wait.client, wait.attachment, wait.entry)
    if wait.keep == "MODIFIED" and draft.settings.write_policy != "BACK":
        kept = False
    logged = wait.ticket == 0
    event = e.EntryWritten(
        wait.principal,
        wait.client,
        wait.sequence,
        wait.ticket,
        wait.entry,
        draft.next_token,
        "WRITTEN",
        wait.attachment,
        wait.keep if kept else "INVALID",
        wait.value if logged else None,
        wait.tags,
        wait.ttl_ms,
        draft.now + wait.ttl_ms if wait.ttl_ms else 0,
        draft.posted(wait.attachment),
    )
    size = 256 + len(wait.value or b"") if logged else 256
    draft.add(event, wait.principal, wait.client, wait.entry, *wait.tags, size=size)


def delete(draft: Draft, wait: e.WaitStarted) -> None:
    """Add that an entry is deleted."""
    version = draft.entry(wait.entry).version
    event = e.EntryDeleted(wait.principal, wait.client, wait.sequence, wait.ticket, wait.entry, version)
    draft.add(event, wait.principal, wait.client, wait.entry)


def remove(draft: Draft, name: str, purpose: e.Purpose) -> None:
    """Add that an entry goes for nobody's sake (EVICT, TAG): at once, or when its lines are acknowledged."""
    draft.clear_leaving(name)
    entry = draft.entry(name)
    if waits_for_lines(entry, 0, strict=draft.strict):
        draft.add(e.ChangeStarted(name, purpose, 0, 0), name)
        call_lines(draft, name, 0)
        return
    call_all(draft, name, 0)
    draft.add(e.EntriesRemoved((name,), _REMOVALS[purpose]), name)


def finish(draft: Draft, name: str, change: e.Purpose, ticket: int) -> None:
    """Add that a change whose lines are all given up happens."""
    if change in _REMOVALS:
        draft.add(e.EntriesRemoved((name,), _REMOVALS[change]), name)
        return
    wait = draft.cache.waits[ticket]
    write(draft, wait) if change == "WRITE" else delete(draft, wait)
