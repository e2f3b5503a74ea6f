"""What a cache is asked. Standard library only.

All address one shard. `cache` is the cache's name, without `#`; the client finds the shard. `attachment` is the token
of the event that let the client join (`Listen`); 0: the client keeps no lines.
"""

from typing import Literal, TypeAlias

from streams.domain.caches.settings import CacheSettings
from streams.domain.value import value

LineState: TypeAlias = Literal["INVALID", "SHARED", "EXCLUSIVE", "MODIFIED"]


@value
class LineRef:
    """A line, by the token of the event that granted it."""

    entry: str
    token: int


@value
class NewEntry:
    """An entry to be put in by `WarmEntries`."""

    entry: str
    value: bytes
    tags: tuple[str, ...]
    ttl_ms: int
    """-1: the cache's; 0: none."""


@value
class CreateCache:
    """Make the shard. If it is there with the same settings and number of shards, that is fine.

    The first shard is asked first: how many shards the cache has is what that one was made with.
    """

    cache: str
    shard: int
    settings: CacheSettings
    shards: int = 1
    """Of the cache, 1 to 64."""


@value
class ConfigureCache:
    """Replace the settings but the mode. `version`: only if they are still of this one; 0: whatever they are."""

    cache: str
    shard: int
    settings: CacheSettings
    version: int


@value
class DeleteCache:
    """Remove the shard and all in it, lines held Modified among it."""

    cache: str
    shard: int


@value
class Listen:
    """Join, or go on: renew the read lease, acknowledge calls, and wait for the next ones.

    The answer comes at once if there are calls that were not acknowledged, else with the next call or the next Listen.
    """

    cache: str
    shard: int
    attachment: int
    """0: join."""
    after: int
    """All calls up to this number are done: their lines dropped, or written back and kept Shared."""
    dropped: tuple[LineRef, ...]
    """Lines that the client evicted. Up to 500."""
    gave_up: int
    """When joining: of attachments up to this one nothing is kept any more."""


@value
class StopListening:
    """Leave: the client has dropped all its lines. What it held Modified and did not write back is lost."""

    cache: str
    shard: int
    attachment: int


@value
class ReadEntry:
    """Get a value, with a line if an attachment is named; Exclusive if nobody else has one, else Shared."""

    cache: str
    shard: int
    entry: str
    attachment: int
    fill: bool
    """If there is none: load it, or wait for whoever does."""
    wait_ms: int
    """For a change under way, or for whoever loads it; up to 60 s; 0: do not wait."""
    incarnation: int = 0
    """Of the shard that is meant; 0: whichever is there."""


@value
class WriteEntry:
    """Put a value. All other lines of the entry end."""

    cache: str
    shard: int
    entry: str
    value: bytes
    tags: tuple[str, ...]
    ttl_ms: int
    """-1: the cache's; 0: none."""
    if_version: int
    """Only if the value is of this version; 0: only if there is none; -1: whatever there is."""
    attachment: int
    keep: LineState
    """The line to keep: INVALID, EXCLUSIVE (clean), or MODIFIED (further writes stay with the client)."""
    line: int
    """Token of the client's own line of the entry, which it has dropped (or, to upgrade it, stopped using); 0: none."""
    wait_ms: int
    """For earlier changes; up to 60 s. Once it has begun, it is carried out."""
    incarnation: int = 0
    """Of the shard that is meant; 0: whichever is there."""


@value
class DeleteEntry:
    """Remove a value. All other lines of the entry end. One that is not there is fine."""

    cache: str
    shard: int
    entry: str
    if_version: int
    """Only if the value is of this version; -1: whatever there is."""
    attachment: int
    line: int
    wait_ms: int
    incarnation: int = 0
    """Of the shard that is meant; 0: whichever is there."""


@value
class WriteBack:
    """Bring what was written to a line held Modified. Refused if the line is lost."""

    cache: str
    shard: int
    entry: str
    attachment: int
    line: int
    value: bytes | None
    """None: nothing was written since the directory got it."""
    keep: LineState
    """The line to keep; not more than Shared if somebody waits for it."""
    age_ms: int = 0
    """How long ago the client wrote the value: its time to live runs from then."""


@value
class FillEntry:
    """Bring the value that the client was to load."""

    cache: str
    shard: int
    entry: str
    fill: int
    """Token of the fill lease."""
    value: bytes
    tags: tuple[str, ...]
    ttl_ms: int
    attachment: int
    keep: LineState
    """INVALID, or EXCLUSIVE for the best line that there is."""


@value
class FailFill:
    """Give up loading: the next one in line does it."""

    cache: str
    shard: int
    entry: str
    fill: int
    reason: str
    """Kept in the log; up to 500 characters."""


@value
class InvalidateTag:
    """Remove all entries that have the tag now. Answered when it is done."""

    cache: str
    shard: int
    tag: str
    incarnation: int = 0
    """Of the shard that is meant; 0: whichever is there."""


@value
class WarmEntries:
    """Put in entries that are missing; others stay as they are. 1 to 500, 400 KiB in all."""

    cache: str
    shard: int
    entries: tuple[NewEntry, ...]
    incarnation: int = 0
    """Of the shard that is meant; 0: whichever is there."""


@value
class WithdrawWait:
    """End the requester's read or write `wait_sequence`, if it still waits. A write that has begun goes on."""

    cache: str
    shard: int
    wait_sequence: int


@value
class InspectEntry:
    """Look at an entry and who has lines of it."""

    cache: str
    shard: int
    entry: str
    incarnation: int = 0
    """Of the shard that is meant; 0: whichever is there."""


@value
class InspectCache:
    """Look at the shard in numbers."""

    cache: str
    shard: int


Command: TypeAlias = (
    CreateCache
    | ConfigureCache
    | DeleteCache
    | Listen
    | StopListening
    | ReadEntry
    | WriteEntry
    | DeleteEntry
    | WriteBack
    | FillEntry
    | FailFill
    | InvalidateTag
    | WarmEntries
    | WithdrawWait
    | InspectEntry
    | InspectCache
)
