"""InspectEntry and InspectCache, and the values that answers name: the shard as the log has it. Standard library only.

What is over is shown until its end is logged: a read foretells nothing.
"""

from typing import Final

from streams.domain.arguments import refuse_text
from streams.domain.caches.commands import InspectEntry
from streams.domain.caches.events import Event
from streams.domain.caches.replies import (
    Attached,
    CacheStats,
    Calls,
    Doing,
    EntryRead,
    EntryValue,
    EntryView,
    Reply,
    ShownLine,
)
from streams.domain.caches.state import BLANK, Cache, Entry
from streams.domain.decider import Decision

MAX_SHOWN: Final = 100
GONE: Final = EntryValue(b"", (), gone=True)


def inspect_entry(command: InspectEntry, cache: Cache) -> Decision[Event, Reply]:
    """Return an entry, and who has lines of it."""
    refused = refuse_text("entry", command.entry)
    if refused is not None:
        return Decision((), refused)
    return Decision((), view(cache, command.entry))


def view(cache: Cache, name: str) -> EntryView:
    """Return an entry as the directory has it."""
    entry = cache.entries.get(name, BLANK)
    change = entry.change
    return EntryView(
        name,
        entry.value is not None,
        entry.version,
        len(entry.value or b""),
        entry.tags,
        entry.expires_at,
        tuple([_line(cache, entry, each) for each in sorted(entry.lines)[:MAX_SHOWN]]),
        len(entry.lines),
        _doing(entry),
        0 if change is None else len(change.awaits),
        len(entry.reads) + len(entry.writes),
    )


def _doing(entry: Entry) -> Doing:
    if entry.change is not None:
        return entry.change.purpose
    return "NOTHING" if entry.fill is None else "FILL"


def _line(cache: Cache, entry: Entry, attachment: int) -> ShownLine:
    line, who = entry.lines[attachment], cache.listeners[attachment]
    return ShownLine(
        who.principal, who.client, who.session, attachment, line.state, line.token, who.expires_at
    )


def shown(cache: Cache) -> CacheStats | None:
    """Return the shard in numbers, or None if it is not there."""
    if cache.settings is None:
        return None
    return CacheStats(
        cache.incarnation,
        cache.version,
        cache.settings,
        cache.closing,
        cache.stored,
        cache.bytes,
        cache.modified,
        cache.exclusive,
        cache.shared,
        len(cache.listeners),
        len(cache.waits),
        len(cache.fills),
        len(cache.changing),
        cache.shards,
    )


def attached(cache: Cache, reply: object) -> tuple[Attached, ...]:
    """Return what `reply` only names: the value that was read, or `GONE`; the calls that are not acknowledged."""
    if isinstance(reply, EntryRead) and reply.found:
        entry = cache.entries.get(reply.entry, BLANK)
        if entry.value is None or entry.version != reply.version:
            return (GONE,)
        return (EntryValue(entry.value, entry.tags, gone=False),)
    if isinstance(reply, Calls):
        listener = cache.listeners.get(reply.attachment)
        if listener is not None:
            return tuple([call for call, _ in listener.calls if call.number <= reply.last])
    return ()


def sessions_of(cache: Cache) -> tuple[str, ...]:
    """Return the sessions that something of the shard belongs to."""
    return tuple(sorted(cache.sessions))
