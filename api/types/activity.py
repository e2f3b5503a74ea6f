"""Windows of activity: what is going on now."""

from collections.abc import Sequence
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.types.asof import AsOf
from api.types.scalars import DateTime, Long
from streams.domain.value import value
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.projections.activity.reads import ActivityWindow as Row
from streams.projections.reads import AsOf as ReadAsOf
from streams.projections.reads import behind


@strawberry.type(description="How many of a type.")
class EventCount:
    """An event's type and how often it came."""

    type: str
    count: Long


@strawberry.type(description="One of the most frequent: it came `count - error` to `count` times.")
class Ranked:
    """A name, or a refusal's code."""

    name: str
    count: Long
    error: Long = strawberry.field(description="0 as long as there are not more than 80 different ones.")


@strawberry.type(
    description="How many came to their end, and how long they had lasted, within 1 %; of none: null."
)
class Lasted:
    """Durations. Comes as `reads.Lasted`."""

    count: Long
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def _events(root: Parent[Row]) -> list[EventCount]:
    return [EventCount(type=name, count=Long(count)) for name, count in root.events]


def _busiest(root: Parent[Row]) -> list[Ranked]:
    return _ranked(root.busiest)


def _contended(root: Parent[Row]) -> list[Ranked]:
    return _ranked(root.contended)


def _refusals(root: Parent[Row]) -> list[Ranked]:
    return _ranked(root.refusals)


def _ranked(found: Sequence[tuple[str, int, int]]) -> list[Ranked]:
    return [Ranked(name=name, count=Long(count), error=Long(error)) for name, count, error in found]


@strawberry.type(description="What happened in one minute, by the time at which it was committed.")
class ActivityWindow:
    """A window. Comes as `reads.ActivityWindow`."""

    start_ms: DateTime = strawberry.field(name="start")
    end_ms: DateTime = strawberry.field(name="end", description="The first moment behind it.")
    open: bool = strawberry.field(
        description="It was not over at `asOf`: an early result. Whether the minute is over by now, and its read model "
        "behind, tells `lag`. Else it is whole, but for partitions that are further behind."
    )
    commands: Long = strawberry.field(
        description="Of clients, refused ones too. Of nodes without heartbeats."
    )
    per_second: float = strawberry.field(description="Commands, over what is known of the minute.")
    rejected: Long
    events: list[EventCount] = strawberry.field(
        resolver=_events, description="By type, the most frequent first; of queues, messages."
    )
    waits: Lasted = strawberry.field(description="Of locks: waits that ended, granted or not.")
    holds: Lasted = strawberry.field(description="Of locks: holds that were given back or expired.")
    clients: Long | None = strawberry.field(
        description="Different ones, within some 2 %; null of a window of one name."
    )
    busiest: list[Ranked] = strawberry.field(
        resolver=_busiest, description="Names with the most commands; empty of a window of one name."
    )
    contended: list[Ranked] = strawberry.field(
        resolver=_contended, description="Locks that somebody had to wait for most often; likewise."
    )
    refusals: list[Ranked] = strawberry.field(resolver=_refusals, description="By code; likewise.")


@value
class Shown:
    """What `windows` answers."""

    kind: str
    name: str | None
    found: Sequence[Row]
    overflowed: int
    as_of: ReadAsOf


async def _lag(root: Parent[Shown], info: Info) -> Long | None:
    services = info.context.services
    logs = [PartitionId(root.kind, number) for number in range(services.partitions[root.kind])]
    try:
        ends = await services.log_ends.ends(logs)
    except LogUnavailable:
        return None
    return Long(behind(root.as_of, ends).lag)


def _windows(root: Parent[Shown]) -> list[ActivityWindow]:
    return cast("list[ActivityWindow]", root.found)


@strawberry.type(description="What is going on with one resource, or with all of a kind, now.")
class Activity:
    """Comes as `Shown`."""

    kind: str
    name: str | None
    windows: list[ActivityWindow] = strawberry.field(
        resolver=_windows,
        description="The minute that is open, and the one before it, newest first; none where nothing happened.",
    )
    overflowed: Long = strawberry.field(
        description="Commands of the tenant, in this minute and the one before, of names that have no windows, for "
        "there are too many. 0: who has no windows did nothing. Windows of a whole tenant count them too."
    )
    as_of: AsOf
    lag: Long | None = strawberry.field(
        resolver=_lag,
        description="Records of the logs beyond `asOf`, those of this moment among them: with 0 an open window is not "
        "over; with more it may be. Null where the log cannot be asked.",
    )
