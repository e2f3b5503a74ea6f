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


Forgets: TypeAlias = Ended | Keyframed | Followed
