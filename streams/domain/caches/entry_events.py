"""What happens to entries, and to those who wait for them. Part of `events`. Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.caches.commands import LineState
from streams.domain.value import value

Request: TypeAlias = Literal["READ", "WRITE", "DELETE"]
Purpose: TypeAlias = Literal["WRITE", "DELETE", "EVICT", "TAG", "RECALL"]
WriteCause: TypeAlias = Literal["WRITTEN", "FILLED"]
Removal: TypeAlias = Literal["DELETED", "EVICTED", "TAG", "EXPIRED"]
FillEnd: TypeAlias = Literal["FAILED", "TIMED_OUT", "REMOVED"]
WaitEnd: TypeAlias = Literal["TIMED_OUT", "WITHDRAWN", "DELETED", "MISSING", "CONFLICT", "LINE_HELD"]


@value
class WaitStarted:
    """A read, write or deletion waits, for a change of the entry under way or for whoever loads it."""

    principal: str
    client: str
    sequence: int
    ticket: int
    entry: str
    request: Request
    attachment: int
    keep: LineState
    line: int
    value: bytes | None
    """What is to be written."""
    tags: tuple[str, ...]
    ttl_ms: int
    if_version: int
    fill: bool
    wait_until: int


@value
class WaitEnded:
    """A wait is over, and brought nothing."""

    principal: str
    client: str
    sequence: int
    ticket: int
    entry: str
    cause: WaitEnd
    version: int
    """Of the entry as it is."""


@value
class ChangeStarted:
    """An entry is being changed: its lines are called, reads and other writes wait. RECALL: it is written back."""

    entry: str
    purpose: Purpose
    ticket: int
    """Of the write or deletion; 0: nobody's."""
    own: int
    """The attachment that gave up its line itself; 0: none."""


@value
class EntryWritten:
    """An entry has a new value, and no lines but the writer's. The event's token is its version."""

    principal: str
    client: str
    sequence: int
    ticket: int
    entry: str
    token: int
    cause: WriteCause
    attachment: int
    state: LineState
    """The writer's line."""
    value: bytes | None
    """None: it is in the wait."""
    tags: tuple[str, ...]
    ttl_ms: int
    expires_at: int
    calls: int


@value
class EntryWrittenBack:
    """The owner of a Modified line brought its value, and keeps `state` of it. The event's token is the version."""

    attachment: int
    entry: str
    token: int
    state: LineState
    value: bytes | None
    """None: unchanged."""
    expires_at: int


@value
class EntryDeleted:
    """A deletion was carried out; there was a value or not."""

    principal: str
    client: str
    sequence: int
    ticket: int
    entry: str
    version: int
    """Of what was there; 0: nothing."""


@value
class EntriesRemoved:
    """Values are gone, and lines of them that were left."""

    entries: tuple[str, ...]
    cause: Removal


@value
class WarmEntry:
    """An entry that was put in."""

    entry: str
    value: bytes
    tags: tuple[str, ...]
    ttl_ms: int
    expires_at: int


@value
class EntriesWarmed:
    """Entries that were missing were put in. The event's token is their version."""

    token: int
    entries: tuple[WarmEntry, ...]


@value
class FillStarted:
    """A client is to load a missing entry. The event's token is that of the fill lease."""

    principal: str
    client: str
    sequence: int
    ticket: int
    attachment: int
    entry: str
    token: int
    expires_at: int


@value
class FillEnded:
    """Loading came to nothing."""

    entry: str
    token: int
    cause: FillEnd
    reason: str


@value
class TagInvalidated:
    """All entries that have the tag now are to go. The event's token is the ticket."""

    principal: str
    client: str
    sequence: int
    ticket: int
    tag: str


@value
class TagCleared:
    """All entries that had the tag are gone, or were written anew."""

    principal: str
    client: str
    sequence: int
    ticket: int
    tag: str
    entries: int
