"""Deciding ReadEntry and WithdrawWait. Standard library only."""

from streams.domain.arguments import refuse_text, within
from streams.domain.caches import events as e
from streams.domain.caches.advance import advance, end_wait, grant, start_fill
from streams.domain.caches.commands import LineState, ReadEntry, WithdrawWait
from streams.domain.caches.draft import Draft
from streams.domain.caches.limits import MAX_FILLS, MAX_WAIT_BYTES, MAX_WAIT_MS, MAX_WAITS, MAX_WAITS_OF_ENTRY
from streams.domain.caches.rejections import (
    entry_busy,
    line_held,
    not_listening,
    too_many_fills,
    too_many_waiting,
)
from streams.domain.caches.replies import CacheWaiting, EntryRead, Reply, WaitWithdrawn
from streams.domain.caches.settle import outcome
from streams.domain.caches.state import owner_of
from streams.domain.caches.sweep import lose_expired, sweep
from streams.domain.decider import Decision, Rejected, Requester


def read(command: ReadEntry, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the value, the order to load it, or a wait for either."""
    refused = (
        refuse_text("entry", command.entry)
        or within("wait_ms", command.wait_ms, 0, MAX_WAIT_MS)
        or refuse_attachment(draft, who, command.attachment)
    )
    if refused is not None:
        return Decision((), refused)
    wait = request(who, draft, command.entry, "READ", attachment=command.attachment, fill=command.fill)
    settle_entry(draft, command.entry)
    entry = draft.entry(command.entry)
    if entry.change is not None:
        return start_wait(draft, wait, who, command.wait_ms)
    if entry.value is None:
        return _missing(command, draft, wait, who)
    owner = owner_of(entry)
    if owner and owner == command.attachment:
        return Decision((), line_held(command.entry, entry.lines[owner].token))
    if owner:
        return start_wait(draft, wait, who, command.wait_ms)
    if not command.attachment:
        draft.serve(command.entry, entry.value)
        found = EntryRead(command.entry, True, entry.version, 0, 0, "INVALID", entry.expires_at, 0)
        return draft.decision(found)
    return _done(draft, outcome(grant(draft, wait)))


def _missing(
    command: ReadEntry, draft: Draft, wait: e.WaitStarted, who: Requester
) -> Decision[e.Event, Reply]:
    entry = draft.entry(command.entry)
    if not command.fill:
        return draft.decision(EntryRead(command.entry, False, 0, 0, 0, "INVALID", 0, 0))
    if entry.fill is not None or entry.reads or entry.writes:
        return start_wait(draft, wait, who, command.wait_ms)
    if len(draft.cache.fills) >= MAX_FILLS:
        return Decision((), too_many_fills(MAX_FILLS))
    return _done(draft, outcome(start_fill(draft, wait)))


def _done(draft: Draft, reply: Reply | Rejected) -> Decision[e.Event, Reply]:
    sweep(draft)
    return draft.decision(reply)


def withdraw(command: WithdrawWait, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the end of the requester's wait, if there is one that has not begun."""
    ticket = draft.cache.withdrawable.get((who.principal, who.client, command.wait_sequence))
    if ticket is None:
        return draft.decision(WaitWithdrawn(False))
    end_wait(draft, draft.cache.waits[ticket], "WITHDRAWN", 0)
    return draft.decision(WaitWithdrawn(True))


# ── what reads and writes share ─────────────────────────────────────────────────────────────────────────


def request(
    who: Requester,
    draft: Draft,
    entry: str,
    kind: e.Request,
    *,
    attachment: int,
    keep: LineState = "SHARED",
    line: int = 0,
    value: bytes | None = None,
    tags: tuple[str, ...] = (),
    ttl_ms: int = 0,
    if_version: int = -1,
    fill: bool = False,
) -> e.WaitStarted:
    """Return what is asked as a wait would have it, without a ticket."""
    asked = (entry, kind, attachment, keep, line, value, tags, ttl_ms, if_version, fill)
    return e.WaitStarted(who.principal, who.client, who.sequence, 0, *asked, draft.now)


def refuse_attachment(draft: Draft, who: Requester, attachment: int) -> Rejected | None:
    """Return why no line can be kept by this attachment, or None; 0 keeps none."""
    if attachment == 0 or draft.cache.attached.get((who.principal, who.client)) == attachment:
        return None
    return not_listening(attachment)


def settle_entry(draft: Draft, name: str) -> None:
    """Add what is over on the entry, though no Tick has come yet: lines of those who are gone, its own time."""
    draft.clear_leaving(name)
    entry = draft.entry(name)
    if entry.value is not None and entry.change is None and 0 < entry.expires_at <= draft.now:
        lose_expired(draft, name)
        draft.add(e.EntriesRemoved((name,), "EXPIRED"), name)


def start_wait(
    draft: Draft, asked: e.WaitStarted, who: Requester, wait_ms: int, *, begins: bool = False
) -> Decision[e.Event, Reply]:
    """Return the wait, and whatever follows at once. `begins`: nothing is in its way but lines of others."""
    cache, entry = draft.cache, draft.entry(asked.entry)
    if not wait_ms and not begins:
        return Decision((), entry_busy(asked.entry))
    size = len(asked.value or b"")
    if (
        len(cache.waits) >= MAX_WAITS
        or len(entry.reads) + len(entry.writes) >= MAX_WAITS_OF_ENTRY
        or cache.wait_bytes + size > MAX_WAIT_BYTES
    ):
        return Decision((), too_many_waiting(asked.entry))
    ticket = draft.next_token
    wait = e.WaitStarted(
        asked.principal,
        asked.client,
        asked.sequence,
        ticket,
        asked.entry,
        asked.request,
        asked.attachment,
        asked.keep,
        asked.line,
        asked.value,
        asked.tags,
        asked.ttl_ms,
        asked.if_version,
        asked.fill,
        draft.now + wait_ms,
    )
    draft.add(wait, wait.principal, wait.client, wait.entry, *wait.tags, size=256 + size)
    advance(draft, asked.entry)
    sweep(draft)
    return draft.answer(who, CacheWaiting(ticket))
