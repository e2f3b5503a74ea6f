"""What each event of an entry changes in a draft. Part of `changing`."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from streams.domain.caches import events as e
from streams.domain.decider import GENERATION_SHIFT
from streams.projections.caches.documents import tags_document
from streams.projections.caches.draft import Draft
from streams.projections.caches.reads import Beginning, Ending
from streams.projections.caches.standing import ENTRY, LINE, LISTENER, PENDING
from streams.projections.causes import Cause
from streams.projections.table import Row
from streams.projections.text import storable

_NUMBER: Final = (1 << GENERATION_SHIFT) - 1
_ENDS: Final[dict[e.Purpose, Ending]] = {"DELETE": "DELETED", "EVICT": "EVICTED", "TAG": "TAG"}
_REMOVED: Final = {"EVICTED": "evicted", "EXPIRED": "expired", "TAG": "tagged"}
_GRANTED: Final = {
    "EXCLUSIVE": "granted_exclusive",
    "SHARED": "granted_shared",
    "MODIFIED": "granted_modified",
    "INVALID": "uncached",
}
_BODY: Final = slice(ENTRY["bytes"], ENTRY["value_offset"] + 1)
"""Size and digest of a value, and where the log has it."""
_TAGS: Final = slice(ENTRY["tags"], ENTRY["ttl_ms"] + 1)


def _body(draft: Draft, value: bytes, cause: Cause) -> Row:
    return (len(value), sha256(value).hexdigest(), cause.event, draft.when.offset)


def _granted(draft: Draft, event: e.LineGranted, cause: Cause) -> None:
    if event.ticket:
        _served(draft, event.ticket, cause)
    name, lines = event.entry, draft.shard.of_entry.get(event.entry, {})
    if event.state == "SHARED" and len(lines) == 1:
        for attachment, token in list(lines.items()):
            _share(draft, name, attachment, token)
    if event.state != "INVALID":
        old = draft.line_of(name, event.attachment)
        if old is not None:
            draft.end_line(old, "REPLACED")
        draft.begin_line(name, event.attachment, event.state, event.token, event.version)
    draft.counted().count("reads")
    draft.counted().count(_GRANTED[event.state])


def _share(draft: Draft, name: str, attachment: int, token: int) -> None:
    """The only line becomes Shared, if it is not; of the reader's own nothing is told twice."""
    row = draft.shard.lines[token]
    if row[LINE["state"]] != "SHARED":
        draft.end_line(token, "SHARED")
        draft.begin_line(name, attachment, "SHARED", token, row[LINE["version"]])


def _waits(draft: Draft, event: e.WaitStarted, cause: Cause) -> None:
    size, digest = (None, None) if event.value is None else _body(draft, event.value, cause)[:2]
    told = (
        None, event.attachment, event.principal, storable(event.client), size, digest, *draft.times(event.wait_until)
    )  # fmt: skip
    draft.begin_pending(event.request, event.entry, told)


def _wait_ended(draft: Draft, event: e.WaitEnded, cause: Cause) -> None:
    _served(draft, event.ticket, cause)


def _served(draft: Draft, ticket: int, cause: Cause) -> Row:
    """A command waits no more."""
    row = draft.end_pending(ticket & _NUMBER)
    draft.counted().lasted("waits", cause.when.time_ms - row[PENDING["from_ms"]])
    return row


def _change(draft: Draft, event: e.ChangeStarted, cause: Cause) -> None:
    if event.ticket:
        draft.shard.pending[event.ticket & _NUMBER]
    draft.end_change(event.entry)
    if event.purpose != "RECALL":
        draft.end_fill(event.entry)
    if event.purpose in _ENDS:
        draft.end_value(event.entry, _ENDS[event.purpose])
    who = (cause.who.principal, cause.who.client)
    draft.begin_pending("CHANGE", event.entry, (event.purpose, event.own, *who, None, None, None, None))


def _written(draft: Draft, event: e.EntryWritten, cause: Cause) -> None:
    if event.ticket:
        wait = _served(draft, event.ticket, cause)
        body = (
            *wait[PENDING["bytes"] : PENDING["digest"] + 1],
            wait[PENDING["event"]],
            wait[PENDING["from_offset"]],
        )
    else:
        body = _body(draft, event.value or b"", cause)
    who = (event.principal, storable(event.client))
    value = (*body, tags_document(event.tags), event.ttl_ms, *draft.times(event.expires_at), *who)
    _replaced(draft, event.entry, event.token, event.cause, value)
    if event.state != "INVALID":
        draft.begin_line(event.entry, event.attachment, event.state, event.token, event.token)
        draft.counted().count(_GRANTED[event.state])
    if event.cause == "WRITTEN":
        draft.counted().count("writes")


def _replaced(draft: Draft, name: str, version: int, cause: Beginning, value: Row) -> None:
    """An entry has a new value, and no lines yet."""
    _cleared(draft, name, cause)
    draft.begin_value(name, version, cause, value)


def _cleared(draft: Draft, name: str, ended: Ending) -> None:
    draft.end_lines(name, "OVERWRITTEN" if ended in ("WRITTEN", "FILLED", "WARMED") else "REMOVED")
    draft.end_change(name)
    draft.end_fill(name)
    draft.end_value(name, ended)


def _written_back(draft: Draft, event: e.EntryWrittenBack, cause: Cause) -> None:
    name, attachment = event.entry, event.attachment
    listener = draft.shard.listeners[attachment]
    draft.end_recall(name)
    draft.end_line(draft.shard.of_entry[name][attachment], "WRITTEN_BACK")
    old = draft.shard.entries[name]
    draft.end_value(name, "WRITTEN_BACK")
    body = old[_BODY] if event.value is None else _body(draft, event.value, cause)
    who = listener[LISTENER["principal"] : LISTENER["client"] + 1]
    told = (*body, *old[_TAGS], *draft.times(event.expires_at), *who)
    draft.begin_value(name, event.token, "WRITTEN_BACK", told)
    if event.state != "INVALID":
        draft.begin_line(name, attachment, event.state, event.token, event.token)
    draft.counted().count("write_backs")


def _deleted(draft: Draft, event: e.EntryDeleted, cause: Cause) -> None:
    if event.ticket:
        _served(draft, event.ticket, cause)
    _cleared(draft, event.entry, "DELETED")
    draft.counted().count("deletes")


def _removed(draft: Draft, event: e.EntriesRemoved, _: Cause) -> None:
    for name in event.entries:
        _cleared(draft, name, event.cause)
    if event.cause in _REMOVED:
        draft.counted().count(_REMOVED[event.cause], len(event.entries))


def _warmed(draft: Draft, event: e.EntriesWarmed, cause: Cause) -> None:
    for each in event.entries:
        body, who = _body(draft, each.value, cause), (cause.who.principal, cause.who.client)
        told = (*body, tags_document(each.tags), each.ttl_ms, *draft.times(each.expires_at), *who)
        _replaced(draft, each.entry, event.token, "WARMED", told)
    draft.counted().count("warmed", len(event.entries))


def _filling(draft: Draft, event: e.FillStarted, cause: Cause) -> None:
    if event.ticket:
        _served(draft, event.ticket, cause)
    who = (event.principal, storable(event.client))
    told = (None, event.attachment, *who, None, None, *draft.times(event.expires_at))
    draft.begin_pending("FILL", event.entry, told)
    draft.counted().count("fills")


def _fill_ended(draft: Draft, event: e.FillEnded, _: Cause) -> None:
    draft.end_pending(draft.shard.fill_of[event.entry])
    draft.counted().count("fills_failed")


def _tag(draft: Draft, event: e.TagInvalidated, _: Cause) -> None:
    who = (event.principal, storable(event.client))
    draft.begin_pending("TAG", event.tag, (None, 0, *who, None, None, None, None))


def _tag_cleared(draft: Draft, event: e.TagCleared, _: Cause) -> None:
    draft.end_pending(event.ticket & _NUMBER)


ENTRIES: Final[dict[type, Callable[[Draft, Any, Cause], None]]] = {
    e.LineGranted: _granted,
    e.WaitStarted: _waits,
    e.WaitEnded: _wait_ended,
    e.ChangeStarted: _change,
    e.EntryWritten: _written,
    e.EntryWrittenBack: _written_back,
    e.EntryDeleted: _deleted,
    e.EntriesRemoved: _removed,
    e.EntriesWarmed: _warmed,
    e.FillStarted: _filling,
    e.FillEnded: _fill_ended,
    e.TagInvalidated: _tag,
    e.TagCleared: _tag_cleared,
}
