"""The activity of every kind, as the catalogue lists it."""

from functools import partial
from typing import Any, Final

from streams.projections.activity.fold import ActivityFold, Counted
from streams.projections.activity.tables import ACTIVITY
from streams.projections.locks.lasting import LOCK_SINCE, LockTimes
from streams.projections.nodes.projections import HEARTBEATS
from streams.projections.projection import Projection
from streams.projections.table import Table

IDLE_MS: Final = 10_000
"""Windows of a partition in which nothing happens end so long after their time: broker and projector may differ."""


def activity_of(kind: str, name: str, counted: Counted, *more: Table) -> Projection:
    """Return the read model `name`: the windows of a kind. `more`: tables of what lasts."""
    return Projection(
        name=name, version=1, kind=kind, tables=(ACTIVITY, *more), fold=partial(ActivityFold, counted),
        hot=ACTIVITY, kept="table", idle_ms=IDLE_MS,
    )  # fmt: skip


def _messages(event: Any) -> int:
    """How many messages an event is about; 1 if it is about none."""
    messages = getattr(event, "messages", None)
    return len(messages) if isinstance(messages, tuple) else 1


ACTIVITIES: Final = (
    activity_of("locks", "lock_activity", Counted(lasting=LockTimes), LOCK_SINCE),
    activity_of("queues", "queue_activity", Counted(sharded=True, weight=_messages)),
    activity_of("caches", "cache_activity", Counted(sharded=True)),
    activity_of("nodes", "node_activity", Counted(without=HEARTBEATS)),
)
