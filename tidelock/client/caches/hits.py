"""What one client's copy of a cache has done so far, in numbers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Hits:
    """Counters since the cache was first used here. Plain numbers: read them any time."""

    hits: int = 0
    """Reads that a line of this client answered: no round trip."""
    misses: int = 0
    """Reads that the directory had to answer."""
    tier_hits: int = 0
    """Misses that the second tier answered instead."""
    loads: int = 0
    """Values that this client's loader brought."""
    local_writes: int = 0
    """Writes to lines held Modified: no round trip."""
    writes: int = 0
    """Writes and deletions that the directory did."""
    write_backs: int = 0
    """Modified lines that were written back."""
    lost: int = 0
    """Modified lines that were lost: what was written to them and not written back is gone."""
    invalidations: int = 0
    """Lines that the directory called away."""
    evictions: int = 0
    """Lines that made room for others."""
    expiries: int = 0
    """Lines that were asked for when their lease, their session or their time was over."""
    rejoins: int = 0
    """How often all lines were given up, to join the directory anew."""

    @property
    def round_trips_saved(self) -> int:
        """Reads and writes that needed no worker."""
        return self.hits + self.local_writes

    @property
    def hit_rate(self) -> float:
        """The part of reads that lines answered; 0 if there were none."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else 0.0
