"""Queues by name: settings, route and depths. Subscriptions and ages of messages are in no copy."""

from collections.abc import Mapping, Sequence
from typing import Final

from api.hot.rows import Found, HotRows
from streams.projections.causes import key_of_place
from streams.projections.queues.projections import QUEUES
from streams.projections.queues.reads import QueueRow, ShardRow
from streams.projections.queues.rows import shard_of
from streams.projections.queues.tables import QUEUE_SHARDS
from streams.projections.reads import AsOf
from streams.projections.table import Key, Row
from streams.wire.murmur2 import partition_of

_SHARD: Final = [
    QUEUE_SHARDS.columns.index(column)
    for column in (
        "partition", "queue", "shard", "incarnation", "version", "settings", "epoch", "shards", "previous",
        "messages", "bytes", "ready", "delayed", "leased", "dead", "moving", "waiting", "changed_offset",
        "changed_ms", "next_message", "created_ms",
    )
]  # fmt: skip


class HotQueues:
    """Queues, as far as the hot copies tell: with the shards of their route, so without what a resize left behind."""

    def __init__(self, rows: HotRows, partitions: int) -> None:
        self._rows, self._partitions = rows, partitions

    async def queues_by_name(self, tenant: str, names: Sequence[str]) -> Mapping[str, QueueRow | None]:
        """Return queues by name, None where there is none; of those that are missing the copies cannot tell."""
        homes = {name: self._key(tenant, name, 0) for name in names}
        found = await self._rows.look(QUEUES, homes.values())
        told: dict[str, QueueRow | None] = {}
        spread: dict[str, list[Key]] = {}
        for name, key in homes.items():
            if not found.tells_of([key]):
                continue
            shards = _shards_of(found, key)
            if shards > 1:
                spread[name] = [self._key(tenant, name, number) for number in range(shards)]
            else:
                told[name] = _queue(name, found, [key])
        return {**told, **await self._spread(spread)}

    async def _spread(self, queues: Mapping[str, list[Key]]) -> Mapping[str, QueueRow | None]:
        """Look at all shards at once, the homes again: each copy is of one moment."""
        if not queues:
            return {}
        found = await self._rows.look(QUEUES, [key for keys in queues.values() for key in keys])
        return {
            name: _queue(name, found, keys)
            for name, keys in queues.items()
            if found.tells_of(keys) and _shards_of(found, keys[0]) == len(keys)
        }

    def _key(self, tenant: str, name: str, shard: int) -> Key:
        partition = partition_of(key_of_place(tenant, name, shard), self._partitions)
        return (partition, tenant, name, shard)


def _shards_of(found: Found, home: Key) -> int:
    row = found.rows.get(home)
    return 0 if row is None else max(_shard(row).route.shards, _shard(row).route.previous)


def _queue(name: str, found: Found, keys: Sequence[Key]) -> QueueRow | None:
    shards = tuple([_shard(found.rows[key]) for key in keys if key in found.rows])
    if not shards or shards[0].shard:
        return None
    return QueueRow(name, shards, AsOf(found.stands_of(keys)))


def _shard(row: Row) -> ShardRow:
    return shard_of(tuple([row[column] for column in _SHARD]))
