"""From what the log holds of a cache to what subscribers are sent."""

from api.subscriptions.cache_types import CacheInvalidation, InvalidationKind, LineHolder
from api.subscriptions.change import Change
from api.subscriptions.shard_events import common_of
from api.types.scalars import Long
from streams.replay.caches.endings import WHY, Holder, ended


def invalidation(change: Change, place: int, cursor: str) -> CacheInvalidation | None:
    """Return event number `place` of `change` as it is sent; None: it ends nothing."""
    told = ended(change.events[place])
    if told is None:
        return None
    cache, common = common_of(change, place, cursor)
    return CacheInvalidation(
        kind=InvalidationKind(told.kind),
        cache=cache,
        entries=list(told.entries),
        version=None if told.version is None else Long(told.version),
        holder=None if told.holder is None else _holder(told.holder),
        why=WHY[told.kind],
        **common,
    )


def _holder(holder: Holder) -> LineHolder:
    return LineHolder(
        principal=holder.principal,
        client=holder.client,
        attachment=Long(holder.attachment),
        token=None if holder.token is None else Long(holder.token),
    )
