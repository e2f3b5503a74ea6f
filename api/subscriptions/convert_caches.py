"""From what the log holds of a cache to what subscribers are sent."""

from typing import Any, Final

from api.subscriptions.cache_types import CacheInvalidation, InvalidationKind, LineHolder
from api.subscriptions.change import Change
from api.subscriptions.shard_events import common_of
from api.types.scalars import Long
from streams.domain.caches import events as of

_Kind = InvalidationKind
_CALLS: Final = {"INVALIDATE": _Kind.CALLED, "WRITE_BACK": _Kind.RECALLED, "RESET": _Kind.RESET}
WHY: Final = {
    _Kind.WRITTEN: "It was written; all other lines of it had ended.",
    _Kind.FILLED: "It was missing, and a client loaded it.",
    _Kind.WARMED: "They were missing, and put in.",
    _Kind.WRITTEN_BACK: "The client that held it Modified wrote it back.",
    _Kind.DELETED: "It was deleted.",
    _Kind.EVICTED: "The cache was full, and they were asked for least recently.",
    _Kind.EXPIRED: "Their time was over.",
    _Kind.TAG: "A tag that they had was invalidated.",
    _Kind.CALLED: "The entry changes, or is removed: its lines end.",
    _Kind.RECALLED: "Somebody else wants to read the entry, or to judge its version.",
    _Kind.RESET: "The client has not acknowledged too many calls: it is to drop everything and join anew.",
    _Kind.LOST: "The line ended before it was written back: the directory's value is the entry's.",
    _Kind.CLOSED: "The cache was deleted.",
}


def invalidation(change: Change, place: int, cursor: str) -> CacheInvalidation | None:
    """Return event number `place` of `change` as it is sent; None: it ends nothing."""
    told = _told(change.events[place])
    if told is None:
        return None
    kind, entries, version, holder = told
    cache, common = common_of(change, place, cursor)
    return CacheInvalidation(
        kind=kind, cache=cache, entries=list(entries), version=version, holder=holder, why=WHY[kind], **common
    )


_Told = tuple[InvalidationKind, tuple[str, ...], Long | None, LineHolder | None]


def _told(event: Any) -> _Told | None:
    match event:
        case of.EntryWritten():
            return _Kind(event.cause), (event.entry,), Long(event.token), None
        case of.EntryWrittenBack():
            return _Kind.WRITTEN_BACK, (event.entry,), Long(event.token), None
        case of.EntriesWarmed():
            return _Kind.WARMED, tuple([each.entry for each in event.entries]), Long(event.token), None
        case of.EntryDeleted():
            return _Kind.DELETED, (event.entry,), None, None
        case of.EntriesRemoved():
            return _Kind(event.cause), event.entries, None, None
        case of.LineLost():
            return _Kind.LOST, (event.entry,), None, _holder(event, event.token)
        case of.LinesCalled():
            return _called(event)
        case of.CacheClosing():
            return _Kind.CLOSED, (), None, None
        case _:
            return None


def _called(event: of.LinesCalled) -> _Told | None:
    """All calls of one event are of one kind."""
    first = event.calls[0]
    kind = _CALLS.get(first.kind)
    if kind is None:
        return None
    if kind is _Kind.RESET:
        return kind, (), None, _holder(event, None)
    return kind, tuple([call.entry for call in event.calls]), None, _holder(event, first.token)


def _holder(event: of.LinesCalled | of.LineLost, token: int | None) -> LineHolder:
    return LineHolder(
        principal=event.principal,
        client=event.client,
        attachment=Long(event.attachment),
        token=None if token is None else Long(token),
    )
