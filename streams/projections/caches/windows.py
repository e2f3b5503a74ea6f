"""What a window of caches measures, a cache each."""

from typing import ClassVar, Final

from streams.projections.measures import Counts, Measures

COUNTERS: Final = (
    "reads",              # misses of clients' own copies that the directory had a value for
    "granted_exclusive", "granted_shared", "granted_modified",  # lines
    "uncached",           # values answered without a line, to clients that keep lines
    "writes", "deletes",
    "write_backs",
    "fills", "fills_failed",  # misses of the directory too: loads that began; that came to nothing
    "warmed",
    "invalidations", "recalls", "resets",  # calls: to drop a line, to write it back, to drop everything
    "evicted", "expired", "tagged",  # entries removed: for room, by their time, by a tag
    "lost",               # lines held Modified that ended unwritten
)  # fmt: skip
"""What is counted of a cache, beside clients' commands."""


class CacheCounts(Counts):
    """What happened in one cache, or its shards of one partition, in one window."""

    __slots__ = ()
    measures: ClassVar = Measures(
        kind="cache",
        tags=("tenant", "cache"),
        counters=(
            "commands", "rejected",  # of clients, as of a cache that is there
            *COUNTERS,
        ),
        gauges=("entries", "bytes", "modified", "exclusive", "shared", "listeners", "waiting", "filling", "changing"),
        sketches=("waits",),
    )  # fmt: skip
