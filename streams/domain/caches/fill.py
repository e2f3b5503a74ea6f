"""Deciding FillEntry, FailFill and InvalidateTag: what is loaded, and what is not to be. Standard library only."""

from streams.domain.arguments import bad_argument, refuse_text
from streams.domain.caches import events as e
from streams.domain.caches.commands import FailFill, FillEntry, InvalidateTag, LineState
from streams.domain.caches.draft import Draft
from streams.domain.caches.limits import MAX_JOBS, refuse_reason, refuse_value
from streams.domain.caches.read import refuse_attachment
from streams.domain.caches.rejections import cache_full, fill_lost, too_many_invalidations
from streams.domain.caches.replies import CacheWaiting, FillDropped, Reply, TagGone
from streams.domain.caches.room import make_room
from streams.domain.caches.settle import outcome
from streams.domain.caches.state import Fill
from streams.domain.caches.sweep import sweep
from streams.domain.caches.write import lifetime
from streams.domain.decider import Decision, Requester


def fill(command: FillEntry, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the loaded value, for all who wait; or its end, if a tag of it was invalidated since."""
    refused = refuse_value(draft.settings, command.value, command.tags, command.ttl_ms)
    if refused is None and command.keep not in ("INVALID", "EXCLUSIVE"):
        refused = bad_argument("keep", "must be INVALID or EXCLUSIVE", command.keep)
    refused = refused or refuse_attachment(draft, who, command.attachment)
    if refused is not None:
        return Decision((), refused)
    if _fill_of(draft, who, command.entry, command.fill) is None:
        return Decision((), fill_lost(command.entry))
    if _overtaken(draft, command):
        draft.add(e.FillEnded(command.entry, command.fill, "REMOVED", ""), command.entry)
        sweep(draft)
        return draft.decision(FillDropped())
    if not make_room(draft, 1, len(command.value), command.entry):
        return Decision((), cache_full(command.cache))
    event = _filled(command, who, draft)
    draft.add(event, who.principal, who.client, command.entry, *command.tags, size=256 + len(command.value))
    sweep(draft)
    return draft.decision(outcome(event))


def _filled(command: FillEntry, who: Requester, draft: Draft) -> e.EntryWritten:
    kept = command.keep != "INVALID" and draft.keeps(
        who.principal, who.client, command.attachment, command.entry
    )
    best: LineState = "SHARED" if draft.entry(command.entry).reads else "EXCLUSIVE"
    ttl_ms = lifetime(draft.settings, command.ttl_ms)
    return e.EntryWritten(
        who.principal,
        who.client,
        who.sequence,
        0,
        command.entry,
        draft.next_token,
        "FILLED",
        command.attachment,
        best if kept else "INVALID",
        command.value,
        command.tags,
        ttl_ms,
        draft.now + ttl_ms if ttl_ms else 0,
        draft.posted(command.attachment),
    )


def _fill_of(draft: Draft, who: Requester, name: str, token: int) -> Fill | None:
    found = draft.entry(name).fill
    if found is None or (found.principal, found.client, found.token) != (who.principal, who.client, token):
        return None
    return found


def _overtaken(draft: Draft, command: FillEntry) -> bool:
    """Say whether a tag of what was loaded was invalidated while it was being loaded."""
    cache = draft.cache
    if command.tags and cache.swept_before > command.fill:
        return True
    return any(cache.swept.get(tag, 0) > command.fill for tag in command.tags)


def fail(command: FailFill, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the end of a fill lease: the next in line loads. One that is over is fine."""
    refused = refuse_reason(command.reason)
    if refused is not None:
        return Decision((), refused)
    if _fill_of(draft, who, command.entry, command.fill) is not None:
        draft.add(
            e.FillEnded(command.entry, command.fill, "FAILED", command.reason), command.entry, command.reason
        )
        sweep(draft)
    return draft.decision(FillDropped())


def invalidate_tag(command: InvalidateTag, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the removal of all that has the tag now, or a wait until it is done."""
    refused = refuse_text("tag", command.tag)
    if refused is None and len(draft.cache.jobs) >= MAX_JOBS:
        refused = too_many_invalidations(MAX_JOBS)
    if refused is not None:
        return Decision((), refused)
    if command.tag not in draft.cache.tags and not draft.cache.fills:
        return draft.decision(TagGone(command.tag, 0))
    ticket = draft.next_token
    draft.add(
        e.TagInvalidated(who.principal, who.client, who.sequence, ticket, command.tag),
        who.principal,
        who.client,
        command.tag,
    )
    sweep(draft)
    return draft.answer(who, CacheWaiting(ticket))
