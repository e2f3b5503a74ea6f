"""The consistent-hash ring: 150 virtual nodes a member, bounded load (Mirrokni, Thorup, Zadimoghaddam 2016)."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from streams.wire.murmur2 import murmur2

VIRTUAL_NODES = 150


class Ring:
    """Maps keys to members so that few keys move when a member comes or goes."""

    def __init__(self, members: Iterable[str], virtual_nodes: int = VIRTUAL_NODES) -> None:
        points = sorted(
            (murmur2(f"{member}#{i}".encode()), member)
            for member in sorted(set(members))
            for i in range(virtual_nodes)
        )
        self._hashes = [point for point, _ in points]
        self._owners = [member for _, member in points]

    def walk(self, key: str) -> Iterable[str]:
        """Yield every member once, in the order in which `key` prefers them."""
        seen: dict[str, None] = {}
        start = bisect_right(self._hashes, murmur2(key.encode()))
        for i in range(len(self._owners)):
            member = self._owners[(start + i) % len(self._owners)]
            if member not in seen:
                seen[member] = None
                yield member

    def owner(self, key: str) -> str:
        """Return the member that `key` prefers most. Raises `LookupError` on an empty ring."""
        for member in self.walk(key):
            return member
        raise LookupError("The ring has no members.")


def place(keys: Mapping[str, int], members: Sequence[str], slack: float = 1.25) -> dict[str, str]:
    """Place weighted `keys` on `members`: each goes to the first member it prefers that has room.

    No member holds more than `slack` times its fair share of the total weight (rounded up), unless a single
    key is heavier than that. Pure: every member computes the same placement.
    """
    if not members:
        return {}
    ring = Ring(members)
    total = sum(max(1, weight) for weight in keys.values())
    room = ceil(total * slack / len(members))
    load = dict.fromkeys(members, 0)
    placed: dict[str, str] = {}
    for key in sorted(keys, key=lambda k: (-keys[k], k)):
        weight = max(1, keys[key])
        choice = next((m for m in ring.walk(key) if load[m] + weight <= room), None)
        placed[key] = choice if choice is not None else min(members, key=lambda m: (load[m], m))
        load[placed[key]] += weight
    return placed
