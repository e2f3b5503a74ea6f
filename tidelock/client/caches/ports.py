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
class Shard:
    """One shard of a cache, as a second tier names it: tiers are shared among caches and tenants."""

    key: str
    """The tenant and the shard: `tenant/cache` or `tenant/cache#n`, as keys of the log are."""
    partition: int
    """Of the kind `caches`: in whose log the shard is."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a second tier has of an entry: the coded value, and the version that the directory gave it."""

    version: int
    value: bytes


class SecondTier(Protocol):
    """Copies that clients share, behind the client's own and beside the directory, of RELAXED caches only.

    A copy is at most `streams.wire.tier.STALE_MS` behind the directory, whatever the clients do: what follows the log
    takes away what has changed (ADR 25). Versions are tokens of the directory: of one entry they only grow. No method
    raises because the tier is away: then there is no copy.
    """

    async def get(self, shard: Shard, entry: str) -> Held | None:
        """Return the copy of `entry`, if there is one that this client may see."""

    async def offer(
        self, shard: Shard, entry: str, held: Held, granted: int, expires: float | None = None
    ) -> None:
        """Offer a copy to all, for `expires` seconds from now (None: as long as the tier likes).

        `granted`: token of the line with which the directory answered the read (of a write, of its version): the
        value was the entry's then. 0: not known, and nothing is kept. Never of a line held Modified.
        """

    def drop(self, shard: Shard, entry: str, version: int) -> None:
        """Show this client no copy of a version up to `version`: it knows of a later one. No call to the tier."""
