"""What windows of activity count: one fact a decision."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from streams.projections.table import Changes, Row, Table


class Ended(NamedTuple):
    """What a decision brought to its end, and began, of what lasts."""

    waits: Sequence[int] = ()
    """How long they lasted, in ms."""
    holds: Sequence[int] = ()
    contended: int = 0
    """How many began to wait."""


NOTHING = Ended()


class Fact(NamedTuple):
    """One decision. (A tuple: one is made for each.)"""

    name: str
    """Of the resource that it is about."""
    client: str | None
    """Who asked; None: no client did."""
    refusal: str | None
    """The code with which it was refused; None: it was not."""
    events: Mapping[str, int] | None
    """What it caused: by type of event how many; of queues how many messages."""
    ended: Ended


class Lasting(Protocol):
    """Knows since when what is there now is there: who tells how long it lasted needs it."""

    table: Table

    def restore(self, rows: Sequence[Row]) -> None:
        """Take back what its rows say."""

    def ended(self, events: Sequence[Any], time_ms: int) -> Ended:
        """Return what the events of a decision brought to its end."""

    def take(self, changes: Changes) -> None:
        """Put the rows that changed into `changes`."""
