"""What ends or replaces values of a cache, or lines of its clients, and why in words. Pure."""

from typing import Any, Final, Literal, TypeAlias

from streams.domain.caches import events as of
from streams.domain.value import value

EndingKind: TypeAlias = Literal[
    "WRITTEN", "FILLED", "WARMED", "WRITTEN_BACK", "DELETED", "EVICTED", "EXPIRED", "TAG", "CALLED", "RECALLED",
    "RESET", "LOST", "CLOSED",
]  # fmt: skip
WHY: Final[dict[EndingKind, str]] = {
    "WRITTEN": "It was written; all other lines of it had ended.",
    "FILLED": "It was missing, and a client loaded it.",
    "WARMED": "They were missing, and put in.",
    "WRITTEN_BACK": "The client that held it Modified wrote it back.",
    "DELETED": "It was deleted.",
    "EVICTED": "The cache was full, and they were asked for least recently.",
    "EXPIRED": "Their time was over.",
    "TAG": "A tag that they had was invalidated.",
    "CALLED": "The entry changes, or is removed: its lines end.",
    "RECALLED": "Somebody else wants to read the entry, or to judge its version.",
    "RESET": "The client has not acknowledged too many calls: it is to drop everything and join anew.",
    "LOST": "The line ended before it was written back: the directory's value is the entry's.",
    "CLOSED": "The cache was deleted.",
}
_CALLS: Final[dict[of.CallKind, EndingKind]] = {
    "INVALIDATE": "CALLED",
    "WRITE_BACK": "RECALLED",
    "RESET": "RESET",
}


@value
class Holder:
    """Whose line it is; lines of greater tokens are not meant."""

    principal: str
    client: str
    attachment: int
    token: int | None
    """None: all of the client's lines are meant."""


@value
class Ended:
    """One event that ends or replaces something."""

    kind: EndingKind
    entries: tuple[str, ...]
    """CLOSED, RESET: none are named, all are meant."""
    version: int | None
    """Of the values that the entries have now; None: they have none any more, or keep theirs."""
    holder: Holder | None

    def concerns(self, entry: str) -> bool:
        """Say whether the entry is, or may be, meant."""
        return not self.entries or entry in self.entries


def ended(event: Any) -> Ended | None:
    """Return what an event ends or replaces; None: nothing."""
    match event:
        case of.EntryWritten():
            return Ended(event.cause, (event.entry,), event.token, None)
        case of.EntryWrittenBack():
            return Ended("WRITTEN_BACK", (event.entry,), event.token, None)
        case of.EntriesWarmed():
            return Ended("WARMED", tuple([each.entry for each in event.entries]), event.token, None)
        case of.EntryDeleted():
            return Ended("DELETED", (event.entry,), None, None)
        case of.EntriesRemoved():
            return Ended(event.cause, event.entries, None, None)
        case of.LineLost():
            return Ended("LOST", (event.entry,), None, _holder(event, event.token))
        case of.LinesCalled():
            return _called(event)
        case of.CacheClosing():
            return Ended("CLOSED", (), None, None)
        case _:
            return None


def _called(event: of.LinesCalled) -> Ended | None:
    """All calls of one event are of one kind."""
    first = event.calls[0]
    kind = _CALLS.get(first.kind)
    if kind is None:
        return None
    if kind == "RESET":
        return Ended(kind, (), None, _holder(event, None))
    return Ended(kind, tuple([call.entry for call in event.calls]), None, _holder(event, first.token))


def _holder(event: of.LinesCalled | of.LineLost, token: int | None) -> Holder:
    return Holder(event.principal, event.client, event.attachment, token)
