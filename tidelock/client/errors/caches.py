"""Errors about one cache, and about where its values live."""

from tidelock.client.errors.base import TidelockError


class CacheError(TidelockError):
    """Something about one cache; `cache` says which."""

    code = "CACHE_ERROR"
    cache: str = ""


class CacheUnknown(CacheError):
    """There is no such cache (any more): create it."""

    code = "CACHE_UNKNOWN"


class CacheIncomplete(CacheError):
    """Some shards of the cache are missing: a create or delete was broken off. Do it again."""

    code = "CACHE_INCOMPLETE"


class CacheExists(CacheError):
    """The cache is there already, with other settings or shards: use it as it is, or configure it."""

    code = "CACHE_EXISTS"


class CacheClosing(CacheError):
    """The cache was deleted, and clients may still trust lines of it: try again after `retry_after_s`."""

    code = "CACHE_CLOSING"


class CacheFull(CacheError):
    """Nothing can be evicted: all is held Modified or being changed. Flush, or raise the bounds."""

    code = "CACHE_FULL"


class EntryConflict(CacheError):
    """The entry, or the cache's settings, are of another version by now: read again, write what follows from that."""

    code = "VERSION_CONFLICT"

    @property
    def version(self) -> int:
        """Of which version it is; 0: it is not there."""
        return int(self.detail("version") or 0)


class ValueTooLarge(CacheError, ValueError):
    """The value is larger than the cache takes. Split it, or cache a reference."""

    code = "VALUE_TOO_LARGE"

    @property
    def limit(self) -> int | None:
        """Bytes that the cache takes."""
        limit = self.detail("limit")
        return None if limit is None else int(limit)


class ValueUnreadable(CacheError):
    """The value does not fit the codec: it was put by somebody who uses another one, or cannot be written by it."""

    code = "VALUE_UNREADABLE"


class EntryBusy(CacheError):
    """The entry is being changed or loaded and the call does not wait, or too much is under way: ask again."""

    code = "ENTRY_BUSY"


class EntryWaitTimedOut(CacheError, TimeoutError):
    """The entry was being changed or loaded for all the time that was waited; nothing was done."""

    code = "WAIT_TIMED_OUT"


class LineLost(CacheError):
    """What was written to lines held Modified could not be written back: the directory has older values, or newer.

    `lines` has the entries, what was lost, and why. Read them again; write again what should stand.
    """

    code = "LINE_LOST"
    lines: tuple[object, ...] = ()


class LoadFailed(CacheError):
    """The loader failed (see `__cause__`), or writes overtook it again and again. Nothing was stored."""

    code = "LOAD_FAILED"


class LoadTimedOut(LoadFailed, TimeoutError):
    """The loader took longer than the fill lease of the cache, and was cancelled; somebody else may load now."""

    code = "LOAD_TIMED_OUT"


class WriterFailed(CacheError):
    """The writer failed (see `__cause__`). The message says whether the cache has the value."""

    code = "WRITER_FAILED"


class WriterTimedOut(WriterFailed, TimeoutError):
    """The writer took longer than `writer_timeout`, and was cancelled. It may have written: write again."""

    code = "WRITER_TIMED_OUT"


class SourceError(TidelockError):
    """Something about where a cache's values live (PostgreSQL, Redis). Its `__cause__` is the source's own error."""

    code = "SOURCE_ERROR"


class SourceUnavailable(SourceError):
    """The source cannot be reached, or not now: try again."""

    code = "SOURCE_UNAVAILABLE"


class SourceTimedOut(SourceError, TimeoutError):
    """The source took too long, and was not waited for any longer. A write may have been done: write again."""

    code = "SOURCE_TIMED_OUT"


class SourceRefused(SourceError):
    """The source refuses the statement, the key or the value: mend it."""

    code = "SOURCE_REFUSED"
