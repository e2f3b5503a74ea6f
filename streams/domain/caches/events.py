"""What happens to a cache. Standard library only.

All policy is in the events: which line, whose, until when, why. The fold decides nothing. Times are of the partition's
lease clock. An event that ends a wait, or a standing Listen, names its client and sequence (0: it ends none).
"""

from typing import TypeAlias

from streams.domain.caches.entry_events import (
    ChangeStarted,
    EntriesRemoved,
    EntriesWarmed,
    EntryDeleted,
    EntryWritten,
    EntryWrittenBack,
    FillEnd,
    FillEnded,
    FillStarted,
    Purpose,
    Removal,
    Request,
    TagCleared,
    TagInvalidated,
    WaitEnd,
    WaitEnded,
    WaitStarted,
    WarmEntry,
    WriteCause,
)
from streams.domain.caches.line_events import (
    CallKind,
    HeldLine,
    LineCall,
    LineGranted,
    LineLost,
    LinesCalled,
    LinesDropped,
    ListenEnded,
    ListenerEnd,
    ListenerGone,
    ListenerHeard,
    ListenerJoined,
    LossCause,
)
from streams.domain.caches.settings import CacheSettings
from streams.domain.value import value

__all__ = [
    "CacheClosing",
    "CacheConfigured",
    "CacheCreated",
    "CacheDeleted",
    "CallKind",
    "ChangeStarted",
    "EntriesRemoved",
    "EntriesWarmed",
    "EntryDeleted",
    "EntryWritten",
    "EntryWrittenBack",
    "Event",
    "FillEnd",
    "FillEnded",
    "FillStarted",
    "HeldLine",
    "LineCall",
    "LineGranted",
    "LineLost",
    "LinesCalled",
    "LinesDropped",
    "ListenEnded",
    "ListenerEnd",
    "ListenerGone",
    "ListenerHeard",
    "ListenerJoined",
    "LossCause",
    "Purpose",
    "Removal",
    "Request",
    "TagCleared",
    "TagInvalidated",
    "WaitEnd",
    "WaitEnded",
    "WaitStarted",
    "WarmEntry",
    "WriteCause",
]


@value
class CacheCreated:
    """The shard is there. The event's token is its incarnation."""

    incarnation: int
    settings: CacheSettings
    shards: int = 1
    """Of the cache; of the first shard it holds for all."""


@value
class CacheConfigured:
    """The settings changed."""

    version: int
    settings: CacheSettings


@value
class CacheClosing:
    """All entries and lines are gone; clients that may not know it yet are told, or their leases run out."""

    entries: int


@value
class CacheDeleted:
    """Nobody trusts a line of the shard any more. It is gone."""


Event: TypeAlias = (
    CacheCreated
    | CacheConfigured
    | CacheClosing
    | CacheDeleted
    | ListenerJoined
    | ListenerHeard
    | LinesCalled
    | ListenEnded
    | ListenerGone
    | LinesDropped
    | LineLost
    | LineGranted
    | WaitStarted
    | WaitEnded
    | ChangeStarted
    | EntryWritten
    | EntryWrittenBack
    | EntryDeleted
    | EntriesRemoved
    | EntriesWarmed
    | FillStarted
    | FillEnded
    | TagInvalidated
    | TagCleared
)
