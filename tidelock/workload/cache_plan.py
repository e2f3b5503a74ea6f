"""How the cache workload runs, what it measures, and the cache that it needs."""

from collections import Counter
from dataclasses import dataclass, field, fields

from streams.domain.caches.settings import CacheMode
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.terms import Keep
from tidelock.client.errors import BadArgument, CacheUnknown
from tidelock.workload.figures import Durations

PAGE_BLOCKS = 8
"""4 KiB: an I/O is of the page in which it begins."""


@dataclass(frozen=True, slots=True)
class CachePlan:
    """How a trace is read and written."""

    cache: str = "workload/trace"
    nodes: int = 4
    in_flight: int = 32
    """Requests that one node has under way."""
    mode: CacheMode = "STRICT"
    keep: Keep = "EXCLUSIVE"
    """The line that a node keeps of what it writes."""
    lines: int = 10_000
    """Entries that one node keeps."""
    shards: int = 4
    """Of a cache that is not there yet."""


@dataclass(slots=True)
class CacheOutcome:
    """What a run measured."""

    tenant: str = ""
    shards: int = 0
    reads: int = 0
    writes: int = 0
    loads: int = 0
    """Values that came from where nothing was cached."""
    seconds: float = 0.0
    hitting: Durations = field(default_factory=Durations)
    """Reads that a line answered."""
    missing: Durations = field(default_factory=Durations)
    """Reads that the directory answered, loads among them."""
    writing: Durations = field(default_factory=Durations)
    """Writes that the directory did."""
    hits: Hits = field(default_factory=Hits)
    """Of all nodes."""
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def served(self) -> int:
        """Requests that had an answer."""
        return self.reads + self.writes

    def add(self, node: Hits) -> None:
        """Count what one node's lines did."""
        for each in fields(Hits):
            setattr(self.hits, each.name, getattr(self.hits, each.name) + getattr(node, each.name))


async def ready(cache: Cache[bytes], plan: CachePlan) -> int:
    """Make the cache if it is not there; return its shards. Raises `BadArgument` if another one is in the way."""
    try:
        stats = await cache.stats()
    except CacheUnknown:
        await cache.create(shards=plan.shards, mode=plan.mode)
        return plan.shards
    if stats.settings.mode != plan.mode:
        raise BadArgument(
            f"Cache {plan.cache!r} is {stats.settings.mode}, not {plan.mode}, and stays so. Name another cache."
        )
    if plan.keep == "MODIFIED" and stats.settings.write_policy != "BACK":
        raise BadArgument(
            f"Cache {plan.cache!r} is write-through: nobody keeps MODIFIED. Name another cache."
        )
    return len(stats.shards)
