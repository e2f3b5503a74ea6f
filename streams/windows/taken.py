"""What an operator gives: results, events put aside, and the states that changed."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from streams.domain.value import value

Key: TypeAlias = tuple[str, ...]
"""What a window is of: the values of a row's key columns, such as tenant and queue."""
Slot: TypeAlias = tuple[Key, int]
"""Under what a state is stored: key, and the start of its window (or slice)."""
OTHER: Final = "__other__"
"""Every part of the key under which windows beyond the bound are counted."""


class Kind(StrEnum):
    """Which result of its window it is."""

    EARLY = "EARLY"
    """The window is open still."""
    FINAL = "FINAL"
    """The first result at or behind its end: exactly one a window, unless that is retracted."""
    LATE = "LATE"
    """A later one, with events that came within the allowed lateness; the last counts."""
    RETRACTED = "RETRACTED"
    """A session that was told is no more: another one has taken it up."""


class Reason(StrEnum):
    """Why an event was put aside."""

    LATE = "LATE"
    """All windows that it belongs to are closed."""
    FUTURE = "FUTURE"
    """Its time is too far ahead of the log's clock."""
    FAILED = "FAILED"
    """An aggregate raised, or cannot take its value."""
    REFUSED = "REFUSED"
    """Too many windows are open, those of `OTHER` too."""


@value
class Emission:
    """One result of one window; (key, start) is its identity."""

    kind: Kind
    key: Key
    start: int
    """Milliseconds; of a global window, how many events of the key came before it."""
    end: int
    """The first millisecond behind it; of a global window, how many events had come with its last."""
    results: Mapping[str, Any]
    errors: Mapping[str, str]
    """In place of results that could not be told."""
    partial: str
    """The states as JSON: `combine` puts those of several partitions together."""


@value
class Aside:
    """An event that was not counted."""

    reason: Reason
    key: Key
    time_ms: int
    value: Any
    error: str


@value
class Taken:
    """Everything since the last take. Store `states` and `clock` together with the position, or none of them."""

    emissions: tuple[Emission, ...]
    asides: tuple[Aside, ...]
    states: Mapping[Slot, str | None]
    """What to store; None: to delete."""
    clock: str | None
    """What to store of watermark and counters; None: as it was."""


@value
class Progress:
    """Where the operator stands."""

    watermark_ms: int | None
    """No window that ends here or earlier is open. None: nothing was seen."""
    open: int
    """States that are kept."""
    counters: Counter[str]
    """events, overflowed, broken, and of each `Reason` (in lower case) how many were put aside."""
