"""The read models of the kind `caches`, as the catalogue lists them."""

from typing import Final

from streams.projections.audit import audit_of
from streams.projections.caches import tables
from streams.projections.caches.fold import CachesFold
from streams.projections.caches.windows import CacheCounts
from streams.projections.projection import Projection, points_of

CACHES: Final = Projection(
    name="caches",
    version=2,
    kind="caches",
    tables=(
        tables.CACHE_SHARDS,
        tables.CACHE_ENTRIES,
        tables.CACHE_LINES,
        tables.CACHE_LISTENERS,
        tables.CACHE_PENDING,
        tables.CACHE_HISTORY,
        tables.CACHE_WINDOWS,
    ),
    fold=CachesFold,
    hot=tables.CACHE_SHARDS,
    points=points_of(CacheCounts),
)

AUDIT: Final = audit_of("caches", "cache_audit")
"""Who asked for what. Reads that the directory answers without an event are in it too: they are decisions."""
