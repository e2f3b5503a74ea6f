"""What a cache answers. Refusals are `Rejected` (see `rejections`). Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.caches.commands import LineState
from streams.domain.caches.events import LineCall
from streams.domain.caches.settings import CacheSettings
from streams.domain.value import value

Doing: TypeAlias = Literal["NOTHING", "WRITE", "DELETE", "EVICT", "TAG", "RECALL", "FILL"]


@value
class CacheOpened:
    """The shard is there; `existed`: it was before."""

    incarnation: int
    version: int
    existed: bool


@value
class CacheChanged:
    """The settings are as asked for."""

    version: int


@value
class CacheRemoved:
    """The shard is gone, with so many values."""

    entries: int


@value
class Listening:
    """The Listen waits for calls. Lines of the attachment may be trusted until the lease ends, by the client's rule."""

    attachment: int
    expires_at: int
    after: int
    settings: CacheSettings


@value
class Calls:
    """The calls `first` to `last`, attached in order (`LineCall`); none if `last` is before `first`."""

    attachment: int
    first: int
    last: int
    expires_at: int
    """End of the read lease; 0: this was pushed, and says nothing of it."""


@value
class Stopped:
    """The listener is gone."""


@value
class CacheWaiting:
    """The read, write or invalidation waits; its outcome is pushed."""

    ticket: int


@value
class EntryRead:
    """What was read. If found, the value is attached (`EntryValue`)."""

    entry: str
    found: bool
    version: int
    attachment: int
    token: int
    """Of the line."""
    state: LineState
    """INVALID: the value may be used once, not kept."""
    expires_at: int
    """End of the entry, after which a line of it is not to be trusted; 0: none."""
    calls: int
    """Number of the attachment's latest call when this was granted."""


@value
class EntryValue:
    """An entry's value: attached, and logged once, where it was written. `gone`: it is another by now; ask again."""

    value: bytes
    tags: tuple[str, ...]
    gone: bool


@value
class FillGranted:
    """There is no value: load it, and bring it (`FillEntry`) before the lease ends, or say that it failed."""

    entry: str
    fill: int
    expires_at: int


@value
class EntryStored:
    """The value is in; `token` and `state` are of the line that is kept."""

    entry: str
    version: int
    attachment: int
    token: int
    state: LineState
    expires_at: int
    calls: int


@value
class EntryGone:
    """The value is gone; `version`: of what was there; 0: nothing."""

    entry: str
    version: int


@value
class FillDropped:
    """The fill lease is given back."""


@value
class TagGone:
    """So many entries had the tag."""

    tag: str
    entries: int


@value
class EntriesTaken:
    """How many entries were put in, and how many were left as they are (there already, or under way)."""

    warmed: int
    skipped: int


@value
class WaitWithdrawn:
    """`ended`: it waited, and does no more. Else it is done, or was never here, or goes on as it has begun."""

    ended: bool


@value
class ShownLine:
    """A line of an entry."""

    principal: str
    client: str
    session: str
    attachment: int
    state: LineState
    token: int
    expires_at: int
    """End of the client's read lease."""


@value
class EntryView:
    """An entry as the directory has it."""

    entry: str
    found: bool
    version: int
    bytes: int
    tags: tuple[str, ...]
    expires_at: int
    lines: tuple[ShownLine, ...]
    """The first 100."""
    sharers: int
    doing: Doing
    pending: int
    """Clients that have yet to acknowledge."""
    waiting: int


@value
class CacheStats:
    """The shard at a point in its log."""

    incarnation: int
    version: int
    settings: CacheSettings
    closing: bool
    entries: int
    bytes: int
    modified: int
    exclusive: int
    shared: int
    listeners: int
    waiting: int
    filling: int
    changing: int
    shards: int = 1
    """Of the cache, as this shard was made; what the first one says holds."""


@value
class CacheSwept:
    """The answer of a timer, or of the end of a session, which nobody reads."""


Reply: TypeAlias = (
    CacheOpened
    | CacheChanged
    | CacheRemoved
    | Listening
    | Calls
    | Stopped
    | CacheWaiting
    | EntryRead
    | FillGranted
    | EntryStored
    | EntryGone
    | FillDropped
    | TagGone
    | EntriesTaken
    | WaitWithdrawn
    | EntryView
    | CacheStats
    | CacheSwept
)
Attached: TypeAlias = LineCall | EntryValue
