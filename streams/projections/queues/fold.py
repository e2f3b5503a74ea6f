"""The fold behind the tables of queues.

A decision's events go into a draft of its shard first; only when all of them fit is it settled. So a decision is
folded wholly or not at all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.causes import Cause
from streams.projections.queues.changing import apply
from streams.projections.queues.draft import Draft
from streams.projections.queues.standing import Shard, restored
from streams.projections.queues.tables import (
    QUEUE_HISTORY,
    QUEUE_SHARDS,
    QUEUE_SUBSCRIPTIONS,
)
from streams.projections.queues.windows import QueueCounts
from streams.projections.sharded import ShardedFold
from streams.projections.table import Changes, Row, Table


class QueuesFold(ShardedFold[Shard, QueueCounts]):
    """One partition of the read model `queues`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary) -> None:
        super().__init__(where, vocabulary, QUEUE_SHARDS, QUEUE_HISTORY, QueueCounts)

    def _restored(self, rows: Mapping[Table, Sequence[Row]]) -> dict[str, Shard]:
        return restored(rows)

    def _gauges(self, shard: Shard) -> Row:
        return (*shard.counts, shard.bytes, shard.waiting, shard.oldest_ms)

    def _put_more(self, changes: Changes, shard: Shard) -> None:
        for name in sorted(shard.touched):
            changes.upsert(QUEUE_SUBSCRIPTIONS, shard.subscriptions[name].row(shard.head))
        shard.touched.clear()

    def _folded(self, key: str, events: Sequence[tuple[Any, Cause]]) -> tuple[Shard | None, bool]:
        draft = Draft(self._shards.get(key))
        for event, cause in events:
            apply(draft, event, cause)
        if draft.shard is None and draft.head is None:
            return None, False
        shard = draft.settle(self._changes, self._when.offset, self._when.time_ms)
        if draft.noted is not None:
            draft.noted.add_to(self._counting(key))
        return shard, draft.configured
