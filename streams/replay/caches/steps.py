"""What happened to one entry of a cache, one thing after the other. Values only."""

from typing import Literal, TypeAlias

from streams.domain.value import value
from streams.replay.causes import Cause

What: TypeAlias = Literal[
    "WAITS", "WAIT_ENDED", "CHANGE", "CALLED", "INVALIDATED", "ACKNOWLEDGED", "GONE", "LINE_ENDED", "LINE_LOST",
    "READ", "WRITTEN", "WRITTEN_BACK", "DELETED", "REMOVED", "WARMED", "LOADS", "LOAD_ENDED", "TAG", "CLOSED",
]  # fmt: skip


@value
class Told:
    """One thing that an event did to the entry, in words."""

    what: What
    text: str
    attachment: int = 0
    """Whose line it is about; 0: nobody's."""
    ticket: int = 0
    """Of the wait that it begins or ends; 0: none."""
    who: str = ""
    """WAITS: what waits, and whose; of what is about a client: who."""


@value
class Step:
    """The same, and the decision that proves it."""

    cause: Cause
    told: Told
