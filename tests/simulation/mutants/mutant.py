"""What a planted bug is: a name, what it breaks, and how to plant it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True)
class Mutant:
    """A named bug. `patches` are (owner of the attribute, attribute, what stands there instead)."""

    name: str
    breaks: str
    patches: Callable[[], list[tuple[Any, str, Any]]]
    first_history: int = 0
    """Where to begin to look for a rare one; all histories before it are looked at when it is not found from there."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant the bug for a while."""
        with ExitStack() as stack:
            for target, name, value in self.patches():
                stack.enter_context(patch.object(target, name, value))
            yield
