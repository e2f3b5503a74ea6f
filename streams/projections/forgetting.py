"""How rows of a history are forgotten: which can be no answer any more to a question about a moment from a time on.

A table says which way it goes; whoever keeps rows knows these ways and no table. A row is looked at once its time is
over (`over_ms`), oldest first. What is forgotten can be had from the log alone.
"""

from typing import Final, TypeAlias

from streams.domain.value import value

TO_MS: Final = "to_ms"


@value
class Ended:
    """Rows that are from an event to another one, each for itself. One that ended may go."""

    over_ms: str = TO_MS


@value
class Happened:
    """Events, each for itself, that no moment and no other row needs. One from before may go."""

    over_ms: str
    offset: str


@value
class Keyframed:
    """Spells with keyframes (docs/adr/0014), of what has the same `of`.

    One that ended may go, unless some of the same stands, or more of the same stretch follow: then the row from which
    the walk back knows all that is open stays, and the one that ended last, which tells when it changed.
    """

    of: tuple[str, ...]
    lingers: str
    """A column: above 0 in a row behind whose end the stretch may go on though none stands."""
    over_ms: str = TO_MS


@value
class Followed:
    """Rows of which the latest up to a moment tells how it was. One that is followed by another may go."""

    of: tuple[str, ...]
    """What they are rows of."""
    over_ms: str
    offset: str
    within: tuple[str, ...] = ()
    """The order of rows of one commit."""
    carried: str | None = None
    """A column that is told where it changes: such a row stays until it is told again."""
    ended: tuple[str, str | bool] | None = None
    """A column, and what it holds in rows of what is there no more: such a one may go once it is the first."""

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which rows of the same follow each other."""
        return (self.over_ms, self.offset, *self.within)


@value
class Rostered:
    """Rows of members that come and go, with keyframes, of what has the same `of`: of each member the latest counts.

    One may go that is before the latest row from which the walk back begins, and not in its keyframe; and all of what
    has no member any more.
    """

    of: tuple[str, ...]
    member: str
    over_ms: str
    offset: str
    left: tuple[str, str]
    """A column, and what it holds in rows of a member that is there no more."""


@value
class Blocked:
    """Rows about what is numbered: each tells of some numbers of one block, or (block `every`) of the end of a range.

    A block goes as a whole, once nothing that it numbers is there any more, so that of nothing a part is left. What
    tells of the end of a range goes once no block of it is left.
    """

    size: int
    """Numbers of a block."""
    every: int
    there: str
    """The table that has a row of each that is there still, by partition, incarnation and number."""
    over_ms: str
    offset: str


Forgets: TypeAlias = Ended | Happened | Keyframed | Followed | Rostered | Blocked


def last_ms(way: Forgets, before_ms: int) -> int:
    """Return the latest time of rows that may go: an event at `before_ms` is told of, what is over by then is not."""
    return before_ms - 1 if isinstance(way, Happened) else before_ms
