"""What happens to listeners and their lines. Part of `events`. Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.caches.commands import LineState
from streams.domain.value import value

CallKind: TypeAlias = Literal["INVALIDATE", "WRITE_BACK", "SHARE", "RESET"]
ListenerEnd: TypeAlias = Literal["LEFT", "REJOINED", "LEASE_OVER", "SESSION_ENDED"]
LossCause: TypeAlias = Literal["LEFT", "REJOINED", "LEASE_OVER", "SESSION_ENDED", "DROPPED", "EXPIRED"]


@value
class ListenerJoined:
    """A client keeps lines from now on. The event's token is its attachment."""

    principal: str
    client: str
    sequence: int
    attachment: int
    session: str
    expires_at: int


@value
class ListenerHeard:
    """A client acknowledged calls up to `after`, and its lease goes on."""

    principal: str
    client: str
    attachment: int
    after: int
    expires_at: int
    sequence: int
    """The Listen that stands now; 0: none, as there were calls to be told at once."""
    replaced: int
    """The Listen that stood before and ends."""
    dropped: tuple[int, ...]
    """Tokens of clean lines that the client evicted."""


@value
class LineCall:
    """What a listener is to do with its line: drop it, write it back, take it for Shared; RESET: drop all, rejoin."""

    number: int
    kind: CallKind
    entry: str
    token: int
    """Lines of greater tokens are not meant."""


@value
class LinesCalled:
    """A listener is called; lines to be invalidated are Invalid from now on."""

    principal: str
    client: str
    sequence: int
    """The standing Listen that this settles; 0: it is told with the next."""
    attachment: int
    after: int
    """What it has acknowledged."""
    at: int
    calls: tuple[LineCall, ...]


@value
class ListenEnded:
    """A standing Listen ends as the cache was deleted."""

    principal: str
    client: str
    sequence: int
    attachment: int


@value
class ListenerGone:
    """A client trusts none of its lines any more."""

    principal: str
    client: str
    sequence: int
    attachment: int
    session: str
    cause: ListenerEnd
    why: str
    """Of an ended session: what ended it."""


@value
class HeldLine:
    """A line, by who holds it and the token of the event that granted it."""

    attachment: int
    token: int


@value
class LinesDropped:
    """Clean lines of listeners that are gone."""

    lines: tuple[HeldLine, ...]


@value
class LineLost:
    """A line held Modified ended; what was written to it and not written back is lost."""

    principal: str
    client: str
    session: str
    attachment: int
    entry: str
    token: int
    cause: LossCause


@value
class LineGranted:
    """A read was answered with a line; INVALID: with the value alone."""

    principal: str
    client: str
    sequence: int
    ticket: int
    """Of its wait; 0: it was answered at once."""
    attachment: int
    entry: str
    token: int
    state: LineState
    version: int
    expires_at: int
    """End of the entry; 0: none."""
    calls: int
    """Number of the latest call of the attachment."""
