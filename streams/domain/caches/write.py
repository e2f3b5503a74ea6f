"""Deciding WriteEntry, DeleteEntry, WriteBack and WarmEntries. Standard library only."""

from streams.domain.arguments import bad_argument, refuse_text, within
from streams.domain.caches import events as e
from streams.domain.caches.changes import carry_out, conflicts, must_recall, own_line, waits_for_lines
from streams.domain.caches.commands import DeleteEntry, NewEntry, WarmEntries, WriteBack, WriteEntry
from streams.domain.caches.draft import Draft
from streams.domain.caches.limits import MAX_BATCH, MAX_BATCH_BYTES, MAX_TTL_MS, MAX_WAIT_MS, refuse_value
from streams.domain.caches.read import refuse_attachment, request, settle_entry, start_wait
from streams.domain.caches.rejections import (
    batch_too_large,
    cache_full,
    line_lost,
    not_listening,
    value_too_large,
    version_conflict,
    write_through_only,
)
from streams.domain.caches.replies import EntriesTaken, EntryGone, EntryStored, Reply
from streams.domain.caches.room import make_room
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.settle import outcome
from streams.domain.caches.state import Entry
from streams.domain.caches.sweep import sweep
from streams.domain.decider import Decision, LeaseMs, Rejected, Requester


def write(command: WriteEntry, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the new value, or a wait until it can be."""
    refused = _refuse_write(command, who, draft)
    if refused is not None:
        return Decision((), refused)
    wait = request(
        who,
        draft,
        command.entry,
        "WRITE",
        attachment=command.attachment,
        keep=command.keep,
        line=command.line,
        value=command.value,
        tags=command.tags,
        ttl_ms=lifetime(draft.settings, command.ttl_ms),
        if_version=command.if_version,
    )
    settle_entry(draft, command.entry)
    entry = draft.entry(command.entry)
    old = entry.value or b""
    if not make_room(draft, entry.value is None, len(command.value) - len(old), command.entry):
        return Decision((), cache_full(command.cache))
    return _change(draft, wait, who, command.wait_ms)


def _refuse_write(command: WriteEntry, who: Requester, draft: Draft) -> Rejected | None:
    if command.keep == "SHARED":
        return bad_argument("keep", "must be INVALID, EXCLUSIVE or MODIFIED", command.keep)
    if command.keep == "MODIFIED" and draft.settings.write_policy != "BACK":
        return write_through_only(command.cache)
    if command.keep != "INVALID" and not command.attachment:
        return not_listening(0)
    return (
        refuse_text("entry", command.entry)
        or refuse_value(draft.settings, command.value, command.tags, command.ttl_ms)
        or within("if_version", command.if_version, -1, (1 << 63) - 1)
        or within("wait_ms", command.wait_ms, 0, MAX_WAIT_MS)
        or refuse_attachment(draft, who, command.attachment)
    )


def lifetime(settings: CacheSettings, ttl_ms: int) -> int:
    """Return how long an entry is kept: -1 stands for the cache's own time."""
    return settings.ttl_ms if ttl_ms < 0 else ttl_ms


def delete(command: DeleteEntry, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the end of the value, or a wait until it can be."""
    refused = (
        refuse_text("entry", command.entry)
        or within("wait_ms", command.wait_ms, 0, MAX_WAIT_MS)
        or refuse_attachment(draft, who, command.attachment)
    )
    if refused is None and (command.if_version == 0 or command.if_version < -1):
        refused = bad_argument("if_version", "must be a version, or -1", command.if_version)
    if refused is not None:
        return Decision((), refused)
    settle_entry(draft, command.entry)
    entry = draft.entry(command.entry)
    if entry.value is None and entry.change is None and entry.fill is None and command.if_version < 0:
        return draft.decision(EntryGone(command.entry, 0))
    wait = request(
        who,
        draft,
        command.entry,
        "DELETE",
        attachment=command.attachment,
        line=command.line,
        if_version=command.if_version,
    )
    return _change(draft, wait, who, command.wait_ms)


def _change(draft: Draft, wait: e.WaitStarted, who: Requester, wait_ms: int) -> Decision[e.Event, Reply]:
    entry = draft.entry(wait.entry)
    own = own_line(draft, wait, entry)
    if entry.change is not None or entry.writes or must_recall(entry, wait, own):
        return start_wait(draft, wait, who, wait_ms)
    if conflicts(entry, wait):
        return Decision((), version_conflict(wait.entry, entry.version if entry.value is not None else 0))
    if waits_for_lines(entry, own, strict=draft.strict):
        return start_wait(draft, wait, who, wait_ms, begins=True)
    carry_out(draft, wait, own)
    done = draft.events[-1]
    assert isinstance(done, e.EntryWritten | e.EntryDeleted)
    sweep(draft)
    return draft.decision(outcome(done))


def write_back(command: WriteBack, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the value that the owner of a Modified line brings."""
    settings = draft.settings
    refused = within("age_ms", command.age_ms, 0, MAX_TTL_MS)
    if refused is None and command.value is not None and len(command.value) > settings.max_value_bytes:
        refused = value_too_large(len(command.value), settings.max_value_bytes)
    if refused is not None:
        return Decision((), refused)
    settle_entry(draft, command.entry)
    entry = draft.entry(command.entry)
    line, listener = entry.lines.get(command.attachment), draft.cache.listeners.get(command.attachment)
    if (
        line is None
        or listener is None
        or (line.state, line.token) != ("MODIFIED", command.line)
        or (listener.principal, listener.client) != (who.principal, who.client)
    ):
        return Decision((), line_lost(command.entry, entry.version))
    wanted = entry.change is not None or (listener.reset and command.keep != "INVALID")
    state = "SHARED" if wanted and command.keep in ("EXCLUSIVE", "MODIFIED") else command.keep
    token = draft.next_token
    expires_at = _renewed(entry, command, draft.now)
    draft.add(
        e.EntryWrittenBack(command.attachment, command.entry, token, state, command.value, expires_at),
        command.entry,
        size=256 + len(command.value or b""),
    )
    make_room(draft, 0, 0, command.entry)
    sweep(draft)
    stored = EntryStored(
        command.entry,
        token,
        command.attachment,
        0 if state == "INVALID" else token,
        state,
        expires_at,
        listener.posted,
    )
    return draft.decision(stored)


def _renewed(entry: Entry, command: WriteBack, now: LeaseMs) -> LeaseMs:
    """Return when the entry ends: its time runs from when the owner wrote it, if it did."""
    if command.value is None or not entry.ttl_ms:
        return entry.expires_at
    return max(entry.expires_at, now + entry.ttl_ms - command.age_ms)


def warm(command: WarmEntries, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the entries that were missing."""
    refused = _refuse_warm(command, draft.settings)
    if refused is not None:
        return Decision((), refused)
    new = dict[str, NewEntry]()
    for each in command.entries:
        entry = draft.entry(each.entry)
        if entry.value is None and entry.change is None and entry.fill is None:
            new[each.entry] = each
    if not new:
        return draft.decision(EntriesTaken(0, len(command.entries)))
    if not make_room(draft, len(new), sum(len(each.value) for each in new.values())):
        return Decision((), cache_full(command.cache))
    kept = [_warmed(each, draft) for each in new.values()]
    draft.add(e.EntriesWarmed(draft.next_token, tuple(kept)), size=MAX_BATCH_BYTES)
    sweep(draft)
    return draft.decision(EntriesTaken(len(kept), len(command.entries) - len(kept)))


def _refuse_warm(command: WarmEntries, settings: CacheSettings) -> Rejected | None:
    if not 1 <= len(command.entries) <= MAX_BATCH:
        return batch_too_large("entries", len(command.entries), MAX_BATCH)
    total = 0
    for each in command.entries:
        refused = refuse_text("entry", each.entry) or refuse_value(
            settings, each.value, each.tags, each.ttl_ms
        )
        if refused is not None:
            return refused
        total += len(each.value) + 32 + 4 * (len(each.entry) + sum(map(len, each.tags)))
    return batch_too_large("bytes", total, MAX_BATCH_BYTES) if total > MAX_BATCH_BYTES else None


def _warmed(new: NewEntry, draft: Draft) -> e.WarmEntry:
    ttl_ms = lifetime(draft.settings, new.ttl_ms)
    return e.WarmEntry(new.entry, new.value, new.tags, ttl_ms, draft.now + ttl_ms if ttl_ms else 0)
