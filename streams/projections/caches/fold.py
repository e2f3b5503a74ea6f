"""The fold behind the tables of caches."""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.caches.changing import apply
from streams.projections.caches.draft import Draft
from streams.projections.caches.standing import Shard, restored
from streams.projections.caches.tables import CACHE_HISTORY, CACHE_SHARDS
from streams.projections.caches.windows import CacheCounts
from streams.projections.causes import Cause
from streams.projections.sharded import ShardedFold
from streams.projections.table import Row, Table


class CachesFold(ShardedFold[Shard, CacheCounts]):
    """One partition of the read model `caches`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary) -> None:
        super().__init__(where, vocabulary, CACHE_SHARDS, CACHE_HISTORY, CacheCounts)

    def _restored(self, rows: Mapping[Table, Sequence[Row]]) -> dict[str, Shard]:
        return restored(rows)

    def _gauges(self, shard: Shard) -> Row:
        return shard.counts

    def _folded(self, key: str, events: Sequence[tuple[Any, Cause]]) -> tuple[Shard | None, bool]:
        shard = self._shards.get(key)
        draft = Draft(shard or Shard(), self._when)
        try:
            for event, cause in events:
                draft.event = cause.event
                apply(draft, event, cause)
        except LookupError:
            draft.take_back()
            raise
        return self._settled(key, draft, new=shard is None), draft.configured

    def _settled(self, key: str, draft: Draft, *, new: bool) -> Shard:
        shard, changes = draft.shard, self._changes
        head = shard.there
        shard.changed_offset, shard.changed_ms = self._when.offset, self._when.time_ms
        if new:
            changes.insert(CACHE_SHARDS, shard.row())
        draft.settle(changes)
        if shard.deleted:
            changes.delete(CACHE_SHARDS, head.key)
        if draft.noted is not None:
            draft.noted.add_to(self._counting(key))
        return shard
