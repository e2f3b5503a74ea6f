"""How a cache behaves. Every shard keeps a copy. Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.value import value

CacheMode: TypeAlias = Literal["STRICT", "RELAXED"]
WritePolicy: TypeAlias = Literal["THROUGH", "BACK"]


@value
class CacheSettings:
    """What `CreateCache` and `ConfigureCache` set. Bounds are those of one shard."""

    mode: CacheMode
    """STRICT: a write answers when nobody can read the old value any more. RELAXED: at once. It never changes."""
    write_policy: WritePolicy
    """BACK: lines may be held Modified. THROUGH: never; every write goes to the directory."""
    max_entries: int
    """Beyond it entries are evicted, those first that the directory was asked for least recently."""
    max_bytes: int
    """Of values, likewise."""
    max_value_bytes: int
    """Up to 64 KiB."""
    ttl_ms: int
    """Of entries that are written without one; 0: none."""
    read_lease_ms: int
    """How long a client may trust its lines without being heard: the longest that a strict write waits for one."""
    fill_lease_ms: int
    """How long whoever loads a missing entry may take before the next one in line does."""
