"""Caches by name: settings, and counts of entries, lines and listeners."""

from collections.abc import Mapping, Sequence
from typing import Final

from api.hot.rows import Found, HotRows
from streams.projections.caches.projections import CACHES
from streams.projections.caches.reads import CacheRow
from streams.projections.caches.rows import SHARD, shard_of
from streams.projections.caches.tables import CACHE_SHARDS
from streams.projections.causes import key_of_place
from streams.projections.reads import AsOf
from streams.projections.table import Key
from streams.wire.murmur2 import partition_of
from streams.wire.shards import MAX_SHARDS

_SHARD: Final = [CACHE_SHARDS.columns.index(column) for column in SHARD]


class HotCaches:
    """Caches, as far as the hot copies tell. No row says how many shards there are: all that may be are looked for."""

    def __init__(self, rows: HotRows, partitions: int) -> None:
        self._rows, self._partitions = rows, partitions

    async def caches_by_name(self, tenant: str, names: Sequence[str]) -> Mapping[str, CacheRow | None]:
        """Return caches by name, None where there is none; of those that are missing the copies cannot tell."""
        wanted = {name: self._keys(tenant, name) for name in names}
        found = await self._rows.look(CACHES, [key for keys in wanted.values() for key in keys])
        return {name: _cache(name, found, keys) for name, keys in wanted.items() if found.tells_of(keys)}

    def _keys(self, tenant: str, name: str) -> list[Key]:
        placed = [key_of_place(tenant, name, number) for number in range(MAX_SHARDS)]
        return [
            (partition_of(key, self._partitions), tenant, name, number) for number, key in enumerate(placed)
        ]


def _cache(name: str, found: Found, keys: Sequence[Key]) -> CacheRow | None:
    rows = [found.rows[key] for key in keys if key in found.rows]
    shards = tuple([shard_of(tuple([row[column] for column in _SHARD])) for row in rows])
    if not shards or shards[0].shard:
        return None
    return CacheRow(name, shards, AsOf(found.stands_of(keys)))
