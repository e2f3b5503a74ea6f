"""Looking up by key: each once, in hot copies first, and in the read model what those cannot tell."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

K = TypeVar("K")
R = TypeVar("R")
Stored: TypeAlias = Callable[[Sequence[K]], Awaitable[Sequence[R]]]
"""Returns what there is of each key, in their order."""
Copied: TypeAlias = Callable[[Sequence[K]], Awaitable[Mapping[K, R]]]
"""Returns what the copies can tell."""


async def looked_up(
    keys: Sequence[K], stored: Stored[K, R], copied: Copied[K, R] | None = None
) -> Sequence[R]:
    """Return what there is of each key, in their order."""
    asked = list(dict.fromkeys(keys))
    found = {} if copied is None else dict(await copied(asked))
    missing = [key for key in asked if key not in found]
    if missing:
        found |= zip(missing, await stored(missing), strict=True)
    return [found[key] for key in keys]
