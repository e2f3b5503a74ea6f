"""Shards: which part of a resource a routing key belongs to, the same for every client.

The owner on the ring of so many members: when one is added, little more moves than what the new one gets. All
resources share the rings; their shards lie on partitions by their own names.
"""

from functools import lru_cache

from streams.wire.ring import Ring

MAX_SHARDS = 64


@lru_cache(maxsize=MAX_SHARDS)
def _ring(shards: int) -> tuple[Ring, dict[str, int]]:
    numbers = {f"shard-{number}": number for number in range(shards)}
    return Ring(numbers), numbers


@lru_cache(maxsize=65_536)
def shard_of(routing_key: str, shards: int) -> int:
    """Return which of so many shards (1 to 64) `routing_key` belongs to."""
    if shards == 1:
        return 0
    ring, numbers = _ring(shards)
    return numbers[ring.owner(routing_key)]


def shards_of(routing_key: str, shards: int, previous: int) -> tuple[int, int]:
    """Return (the shard to ask first, home): of `previous` shards and of `shards`, that which the key belongs to."""
    home = shard_of(routing_key, shards)
    return (home if previous == shards else shard_of(routing_key, previous)), home
