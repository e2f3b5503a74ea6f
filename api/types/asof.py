"""Of when an answer is."""

import strawberry

from api.types.scalars import DateTime, Position


@strawberry.type(description="Of when an answer is: the last record of each log that it knows.")
class AsOf:
    """Of when an answer is. Comes as `reads.AsOf`."""

    positions: list[Position] = strawberry.field(
        description="The last record known, partition by partition; one that has no record yet is at offset -1."
    )
    time_ms: DateTime | None = strawberry.field(
        name="time", description="Everything up to this event time is known; null before the first record."
    )
