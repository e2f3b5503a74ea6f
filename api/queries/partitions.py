"""`partitions`: how far every projection is, and how far behind its log."""

from typing import cast

from api.context import Info
from api.types.records import PartitionProgress
from api.types.scalars import DateTime, Long, Position
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId


async def partitions(info: Info) -> list[PartitionProgress]:
    """Return how far each projection of each partition is; without lags where the log cannot be asked."""
    services = info.context.services
    rows = [(row, "rows") for row in await services.standings.projected()]
    if services.tables is not None:
        rows += [(row, "table") for row in await services.tables.projected()]
    ends: dict[PartitionId, int] = {}
    try:
        ends = await services.log_ends.ends(
            [
                PartitionId(kind, number)
                for kind, count in services.partitions.items()
                for number in range(count)
            ]
        )
    except LogUnavailable:
        ends = {}
    found = []
    for row, kept in rows:
        stand = row.stand
        end = ends.get(stand.where)
        found.append(
            PartitionProgress(
                kind=stand.kind,
                partition=stand.partition,
                projection=row.projection,
                kept=kept,
                position=cast("Position", stand.position),
                head=stand.head.hex(),
                time_ms=DateTime(stand.time_ms),
                end=None if end is None else Long(end),
                lag=None if end is None else Long(max(0, end - stand.next_offset)),
            )
        )
    return found
