"""What a user, or an adapter, plugs into a cache: where values come from, where they go, who else keeps copies.

The cache owns these protocols; adapters (PostgreSQL, Redis) implement them. Methods run on the client's event loop and
must not block it. What they raise is told as `LoadFailed` or `WriterFailed`, with the error as its cause; a second
tier that raises is left out.
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_V = TypeVar("_V")
_V_co = TypeVar("_V_co", covariant=True)
_V_contra = TypeVar("_V_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[_V_co]):
    """A value from where it really lives."""

    value: _V_co
    ttl: float | None = None
    """For how many seconds it may be kept; None: the cache's; 0: without end."""
    tags: tuple[str, ...] = ()
    """Up to 16, by which groups of entries are invalidated."""


class Loader(Protocol[_V_co]):
    """Loads what a cache misses. One client loads an entry at a time; the others wait for its value."""

    async def load(self, entry: str) -> Loaded[_V_co] | None:
        """Return the value of `entry`; None: there is none. Cancelled when the fill lease of the cache ends."""


class Writer(Protocol[_V_contra]):
    """Writes to where values really live what is put into a cache or deleted from it."""

    async def write(self, entry: str, value: _V_contra | None) -> None:
        """Make `value` the value of `entry`; None: it has none. May be called again with the same: be idempotent."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a second tier has of an entry: the coded value, and the version that the directory gave it."""

    version: int
    value: bytes


class SecondTier(Protocol):
    """Copies that clients share, behind the client's own and beside the directory: at best as old as its latest drop.

    Versions and the `version` of a drop are tokens of the directory: of one entry they only grow. Whatever comes late
    is refused by them: an `offer` of a version that is not above every drop and offer of the entry so far changes
    nothing. `cache` is the name with the tenant's, as the tier is shared among tenants.
    """

    async def get(self, cache: str, entry: str) -> Held | None:
        """Return the copy of `entry`, if there is one."""

    async def offer(self, cache: str, entry: str, version: int, value: bytes, expires: float | None) -> None:
        """Keep a copy for `expires` seconds from now (None: as long as the tier likes), unless it comes late."""

    async def drop(self, cache: str, entry: str, version: int) -> None:
        """Keep no copy of a version up to `version`, and take none any more (remembered for a while)."""
