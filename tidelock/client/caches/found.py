"""What a read found, and how."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidelock.client.caches.lines import Line

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Found(Generic[_T]):
    """A value as it was read."""

    value: _T
    version: int
    """Of the value in the directory; 0: it is not there (loaded, but there was no room)."""
    local: int = 0
    """How often it was written here, to a line held Modified, since it had that version."""
    granted: int = 0
    """Token of the line with which the directory answered; 0: it was not asked, or gave none."""
    hit: bool = False
    """It was here: no round trip."""


def found_here(line: Line) -> Found[Any]:
    """Return what a line of this client has."""
    return Found(line.value, line.version, line.local, hit=True)
