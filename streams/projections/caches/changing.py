"""What each event changes in a draft. Every function raises `LookupError` if the event does not fit what is there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from streams.domain.caches import events as e
from streams.domain.decider import GENERATION_SHIFT
from streams.projections.caches.changing_entries import ENTRIES
from streams.projections.caches.documents import settings_document
from streams.projections.caches.draft import Draft
from streams.projections.caches.standing import LISTENER, Head, Shard
from streams.projections.causes import Cause
from streams.projections.table import Row
from streams.projections.text import storable

_NUMBER: Final = (1 << GENERATION_SHIFT) - 1


def apply(draft: Draft, event: object, cause: Cause) -> None:
    """Change `draft` by one event."""
    _APPLY[type(event)](draft, event, cause)


# ── the shard ───────────────────────────────────────────────────────────────────────────────────────────────


def _created(draft: Draft, event: e.CacheCreated, cause: Cause) -> None:
    if draft.shard.head is not None:
        raise LookupError("there is such a cache already")
    if event.incarnation & _NUMBER != cause.event:
        raise LookupError(f"incarnation {event.incarnation} is given by event {cause.event}")
    when, settings = cause.when, settings_document(event.settings)
    head = Head(*cause.place, event.incarnation, 1, settings, False, when.offset, when.time_ms)
    draft.assign("head", head)
    draft.configured = True


def _configured(draft: Draft, event: e.CacheConfigured, _: Cause) -> None:
    head = replace(draft.shard.there, version=event.version, settings=settings_document(event.settings))
    draft.assign("head", head)
    draft.configured = True


def _closing(draft: Draft, _: e.CacheClosing, __: Cause) -> None:
    shard = draft.shard
    draft.end_all("CLOSED")
    for event in [*shard.change_of.values(), *shard.fill_of.values()]:
        draft.end_pending(event)
    draft.assign("head", replace(shard.there, closing=True))


def _deleted(draft: Draft, _: e.CacheDeleted, __: Cause) -> None:
    shard: Shard = draft.shard
    shard.there  # noqa: B018 - raises
    if shard.listeners or shard.pending:
        raise LookupError("somebody still waits for the cache, or may trust it")
    draft.assign("deleted", True)


# ── listeners and their lines ───────────────────────────────────────────────────────────────────────────────


def _joined(draft: Draft, event: e.ListenerJoined, cause: Cause) -> None:
    head, when = draft.shard.there, cause.when
    draft.put_listener((
        head.partition, head.incarnation, event.attachment, event.principal, storable(event.client),
        storable(event.session), *draft.times(event.expires_at), 0, 0, False, None, when.offset, when.time_ms,
        when.offset,
    ))  # fmt: skip


def _listener(draft: Draft, attachment: int, cause: Cause, **changes: Any) -> Row:
    row = list(draft.shard.listeners[attachment])
    for name, new in (changes | {"changed_offset": cause.when.offset}).items():
        row[LISTENER[name]] = new
    draft.put_listener(tuple(row))
    return tuple(row)


def _heard(draft: Draft, event: e.ListenerHeard, cause: Cause) -> None:
    lease_ms, wall_ms = draft.times(event.expires_at)
    told = {"expires_lease_ms": lease_ms, "expires_ms": wall_ms, "acked": event.after}
    _listener(draft, event.attachment, cause, **told)
    for token in event.dropped:
        draft.end_line(token, "DROPPED")


def _called(draft: Draft, event: e.LinesCalled, cause: Cause) -> None:
    row = draft.shard.listeners[event.attachment]
    reset = event.calls[0].kind == "RESET"
    posted = row[LISTENER["posted"]] if row[LISTENER["reset"]] and not reset else event.calls[-1].number
    _listener(draft, event.attachment, cause, posted=posted, reset=row[LISTENER["reset"]] or reset)
    for call in event.calls:
        match call.kind:
            case "INVALIDATE":
                token = draft.line_of(call.entry, event.attachment)
                if token is not None:
                    draft.end_line(token, "INVALIDATED")
                draft.counted().count("invalidations")
            case "WRITE_BACK":
                draft.counted().count("recalls")
            case "RESET":
                draft.counted().count("resets")
            case "SHARE":
                pass  # the grant that follows makes it Shared


def _gone(draft: Draft, event: e.ListenerGone, cause: Cause) -> None:
    shard, attachment = draft.shard, event.attachment
    for name in list(shard.fills_of.get(attachment, ())):
        draft.end_pending(shard.fill_of[name])
    _listener(draft, attachment, cause, gone=event.cause)
    if not shard.held.get(attachment):
        draft.forget_listener(attachment)


def _dropped(draft: Draft, event: e.LinesDropped, _: Cause) -> None:
    for line in event.lines:
        draft.end_line(line.token, "LISTENER_GONE")


def _lost(draft: Draft, event: e.LineLost, _: Cause) -> None:
    token = draft.shard.of_entry[event.entry][event.attachment]
    draft.end_line(token, "LOST")
    draft.end_recall(event.entry)
    draft.counted().count("lost")


def _unchanged(draft: Draft, _: e.ListenEnded, __: Cause) -> None:
    draft.shard.there  # noqa: B018 - raises


_APPLY: Final[dict[type, Callable[[Draft, Any, Cause], None]]] = {
    e.CacheCreated: _created,
    e.CacheConfigured: _configured,
    e.CacheClosing: _closing,
    e.CacheDeleted: _deleted,
    e.ListenerJoined: _joined,
    e.ListenerHeard: _heard,
    e.LinesCalled: _called,
    e.ListenEnded: _unchanged,
    e.ListenerGone: _gone,
    e.LinesDropped: _dropped,
    e.LineLost: _lost,
    **ENTRIES,
}
