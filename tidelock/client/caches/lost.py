"""What is told of a line held Modified that was lost."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LostLine:
    """What was written to a line held Modified, and did not come to the directory."""

    entry: str
    value: Any
    why: str
