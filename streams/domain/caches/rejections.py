"""Why a cache refuses. `code` is stable; the message says what happened, to what, and the cure.

    BAD_ARGUMENT          an argument is out of bounds; `field` says which
    CACHE_UNKNOWN         there is no such cache, or no such shard of it
    CACHE_EXISTS          it is there already, with other settings or another number of shards
    CACHE_REPLACED        another cache of that name has taken the place of the one that is meant
    CACHE_CLOSING         it was deleted, and some client may not know it yet
    CACHE_DELETED         the wait is over, and so are the client's lines: the cache was deleted
    CACHE_FULL            nothing can be evicted: all is Modified, or being changed
    VERSION_CONFLICT      the settings, or the value, are not of the version that was named
    VALUE_TOO_LARGE       the value is larger than the cache takes
    BATCH_TOO_LARGE       a command brings too much at once
    WRITE_THROUGH_ONLY    lines of this cache are not held Modified
    NOT_LISTENING         the attachment is not, or no longer, the client's
    LISTENING_ALREADY     the client has another attachment, of which it may hold lines
    TOO_MANY_LISTENERS    no more clients can keep lines
    ENTRY_BUSY            the entry is being changed or loaded, and the command does not wait
    TOO_MANY_WAITING      too many wait already
    TOO_MANY_FILLS        too many entries are being loaded
    TOO_MANY_INVALIDATIONS  too many invalidations by tag are under way
    LINE_LOST             the line is not held Modified (any more): what was written to it is lost
    LINE_HELD             the client itself holds the entry Modified
    FILL_LOST             the fill lease is over, or the entry was written, deleted or invalidated since
    WAIT_TIMED_OUT        what the command waited for did not happen in time; nothing was changed
    WAIT_WITHDRAWN        the client withdrew it; nothing was changed
    LISTENER_GONE         the Listen is over: its attachment has ended; `cause` says why
    SESSION_ENDED         the Listen is over: the client's session has ended

Standard library only.
"""

from typing import Final

from streams.domain.caches.events import ListenerEnd
from streams.domain.decider import Rejected


def value_too_large(size: int, limit: int) -> Rejected:
    """A value is larger than the cache takes."""
    message = (
        f"the value has {size} bytes, this cache takes {limit}; "
        "split it, or cache a reference to where it is (an object store, a table)"
    )
    return Rejected("VALUE_TOO_LARGE", message, (("bytes", str(size)), ("limit", str(limit))))


def batch_too_large(what: str, given: int, limit: int) -> Rejected:
    """A command brings too much at once."""
    message = f"the command has {given} {what}, 1 to {limit} are possible; send several commands"
    return Rejected("BATCH_TOO_LARGE", message, (("given", str(given)), ("limit", str(limit))))


def cache_unknown(cache: str, shard: int) -> Rejected:
    """Nobody made it, or it was deleted."""
    which = f"cache {cache!r}" if shard == 0 else f"shard {shard} of cache {cache!r}"
    return Rejected("CACHE_UNKNOWN", f"there is no {which}; create it (CreateCache)", (("cache", cache),))


def cache_exists(cache: str) -> Rejected:
    """It is there already, and otherwise."""
    message = (
        f"cache {cache!r} exists with other settings; use it as it is, change it (ConfigureCache; "
        "but the mode: delete it first), or choose another name"
    )
    return Rejected("CACHE_EXISTS", message, (("cache", cache),))


def cache_replaced(cache: str) -> Rejected:
    """It was deleted, and made anew."""
    message = (
        f"cache {cache!r} was deleted and created again since you looked; it may have other shards: count them, and "
        "ask again"
    )
    return Rejected("CACHE_REPLACED", message, (("cache", cache),))


def other_shards(cache: str, shard: int, known: int, given: int) -> Rejected:
    """It is spread otherwise; or this shard is left of a cache of the name that was."""
    counted = "1 shard" if known == 1 else f"{known} shards"
    if shard == 0:
        message = (
            f"cache {cache!r} has {counted}, not {given}; use it as it is, or delete it and create it again"
        )
    else:
        message = (
            f"shard {shard} of cache {cache!r} is left of one that had {counted}, not {given}; delete the cache (it "
            "is under way, or was broken off), and create it again"
        )
    return Rejected("CACHE_EXISTS", message, (("cache", cache), ("shards", str(known))))


def cache_closing(cache: str, retry_after_ms: int) -> Rejected:
    """It was deleted a moment ago."""
    message = (
        f"cache {cache!r} was deleted, and clients may still trust lines of it; try again when they have left"
    )
    return Rejected("CACHE_CLOSING", message, (("cache", cache),), max(1, retry_after_ms))


CACHE_DELETED: Final = Rejected(
    "CACHE_DELETED",
    "the cache was deleted; drop all lines of it (StopListening), and create it again to use it",
)


def cache_full(cache: str) -> Rejected:
    """Nothing can be evicted."""
    message = (
        f"cache {cache!r} is full, and what was asked for least recently is held Modified or being changed; write "
        "lines back (WriteBack), raise max_entries or max_bytes (ConfigureCache), or spread it over more shards"
    )
    return Rejected("CACHE_FULL", message, (("cache", cache),))


def settings_conflict(cache: str, given: int, known: int) -> Rejected:
    """Somebody else has configured it since."""
    message = (
        f"the settings of cache {cache!r} are of version {known}, not {given}: "
        "read them again (InspectCache), and change those"
    )
    return Rejected("VERSION_CONFLICT", message, (("cache", cache), ("version", str(known))))


def version_conflict(entry: str, version: int) -> Rejected:
    """The value is another by now."""
    now = f"is of version {version}" if version else "is not there"
    message = f"entry {entry!r} {now}; read it again, and write what follows from that"
    return Rejected("VERSION_CONFLICT", message, (("entry", entry), ("version", str(version))))


def write_through_only(cache: str) -> Rejected:
    """Its policy is write-through."""
    message = f"cache {cache!r} writes through: keep EXCLUSIVE instead, or set write_policy to BACK (ConfigureCache)"
    return Rejected("WRITE_THROUGH_ONLY", message, (("cache", cache),))


def not_listening(attachment: int) -> Rejected:
    """The attachment is not the client's."""
    message = (
        f"attachment {attachment} is not, or no longer, yours (its lease was over, its session ended, or you joined "
        "anew): drop its lines and join again (Listen with attachment 0)"
    )
    return Rejected("NOT_LISTENING", message, (("attachment", str(attachment)),))


def listening_already(attachment: int) -> Rejected:
    """The client has another attachment."""
    message = f"you have attachment {attachment}: go on with it, or drop its lines and join with gave_up {attachment}"
    return Rejected("LISTENING_ALREADY", message, (("attachment", str(attachment)),))


def too_many_listeners(limit: int) -> Rejected:
    """No more clients can keep lines."""
    message = f"{limit} clients keep lines of this shard, which are the most; read without keeping, or use more shards"
    return Rejected("TOO_MANY_LISTENERS", message)


def entry_busy(entry: str) -> Rejected:
    """Something is under way, and the command does not wait."""
    message = f"entry {entry!r} is being changed or loaded; wait for it (wait_ms), or ask again"
    return Rejected("ENTRY_BUSY", message, (("entry", entry),), 10)


def too_many_waiting(entry: str) -> Rejected:
    """Too many wait."""
    message = f"too many wait for entry {entry!r}, or in this shard; ask again, or spread the cache over more shards"
    return Rejected("TOO_MANY_WAITING", message, (("entry", entry),), 100)


def too_many_fills(limit: int) -> Rejected:
    """Too many entries are being loaded."""
    message = (
        f"{limit} entries of this shard are being loaded, which are the most; ask again, or use more shards"
    )
    return Rejected("TOO_MANY_FILLS", message, (), 100)


def too_many_invalidations(limit: int) -> Rejected:
    """Too many invalidations by tag are under way."""
    message = f"{limit} invalidations by tag are under way, which are the most; ask again"
    return Rejected("TOO_MANY_INVALIDATIONS", message, (), 100)


def line_lost(entry: str, version: int) -> Rejected:
    """A late write-back."""
    message = (
        f"the line of entry {entry!r} is not held Modified by you any more: it was overwritten or removed, or your "
        "lease was over. What you wrote to it since is lost; read the entry, and write again what should stand"
    )
    return Rejected("LINE_LOST", message, (("entry", entry), ("version", str(version))))


def line_held(entry: str, token: int) -> Rejected:
    """The client itself holds it Modified."""
    message = (
        f"you hold entry {entry!r} Modified, and only you know its value: read it locally, write it back, "
        "or tell that it is lost (Listen, dropped)"
    )
    return Rejected("LINE_HELD", message, (("entry", entry), ("token", str(token))))


def fill_lost(entry: str) -> Rejected:
    """What was loaded may be older than what is there."""
    message = (
        f"you are not, or no longer, the one who loads entry {entry!r}: it took too long, or the entry or a tag of it "
        "was changed since. Nothing was stored; read the entry again"
    )
    return Rejected("FILL_LOST", message, (("entry", entry),))


WAIT_TIMED_OUT: Final = Rejected(
    "WAIT_TIMED_OUT",
    "the entry was being changed or loaded for all the time that was waited; nothing was done. Ask again",
)
WAIT_WITHDRAWN: Final = Rejected("WAIT_WITHDRAWN", "the client withdrew this command; nothing was done")


def listener_gone(cause: ListenerEnd, attachment: int) -> Rejected:
    """The Listen is over."""
    message = f"attachment {attachment} has ended ({cause}): drop its lines and join again (Listen with attachment 0)"
    return Rejected("LISTENER_GONE", message, (("attachment", str(attachment)), ("cause", cause)))
