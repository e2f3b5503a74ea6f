"""The words of an entry's story: who, for whom, why. Pure; no wall time, so no time zone."""

from collections.abc import Iterable
from typing import Any, Final

from streams.domain.caches import events as e
from streams.domain.caches.state import Cache, Entry, owner_of
from streams.replay.locks.phrases import NAMED

GONE: Final[dict[e.LossCause, str]] = {
    "LEFT": "it left",
    "REJOINED": "it joined anew, without its lines",
    "LEASE_OVER": "it was not heard for its read lease, or did not acknowledge a call within it",
    "SESSION_ENDED": "its node's session ended",
    "DROPPED": "it gave the line up without bringing the value back",
    "EXPIRED": "the entry's time was over",
}
PURPOSE: Final[dict[e.Purpose, str]] = {
    "WRITE": "it is to be written",
    "DELETE": "it is to be deleted",
    "EVICT": "the cache is full, and it was asked for least recently",
    "TAG": "a tag that it has was invalidated",
    "RECALL": "it is to be written back first",
}
WAIT_END: Final[dict[e.WaitEnd, str]] = {
    "TIMED_OUT": "its time was over",
    "WITHDRAWN": "it was withdrawn",
    "DELETED": "the cache was deleted",
    "MISSING": "there is no value",
    "CONFLICT": "the entry is of another version by now",
    "LINE_HELD": "the client itself holds the entry Modified",
}
REQUEST: Final[dict[e.Request, str]] = {"READ": "read", "WRITE": "write", "DELETE": "deletion"}


def name(one: Any) -> str:
    """Return who, of whatever says (principal, client)."""
    return f"{one.principal}/{one.client}"


def holder(cache: Cache, attachment: int) -> str:
    """Return whose attachment it is."""
    listener = cache.listeners.get(attachment)
    return f"a client that is gone (attachment {attachment})" if listener is None else name(listener)


def names(cache: Cache, attachments: Iterable[int]) -> str:
    """Return the first few by name and how many more there are."""
    listed = sorted(attachments)
    more = len(listed) - NAMED
    first = ", ".join(holder(cache, each) for each in listed[:NAMED])
    return first + (f" and {more:,} more" if more > 0 else "")


def behind(cache: Cache, entry: Entry, wait: e.WaitStarted) -> str:
    """Return what `wait`, about to begin, is to wait for."""
    change, owner = entry.change, owner_of(entry)
    if change is not None:
        waits = cache.waits.get(change.ticket)
        whose = "" if waits is None else f" by {name(waits)}"
        missing = f"; {names(cache, change.awaits)} had yet to acknowledge" if change.awaits else ""
        return f"a {change.purpose}{whose} was under way{missing}"
    if entry.fill is not None and wait.request == "READ":
        return f"{name(entry.fill)} was loading it"
    if owner and (wait.request == "READ" or wait.if_version >= 0):
        return f"{holder(cache, owner)} held it MODIFIED, and had to write it back"
    others = [
        each for each, line in entry.lines.items() if (each, line.token) != (wait.attachment, wait.line)
    ]
    if others and wait.request != "READ":
        return f"{names(cache, others)} had lines of it, which had to end first"
    return "others waited ahead"
