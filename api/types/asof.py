"""Of when an answer is."""

import strawberry

from api.types.scalars import DateTime, Position


@strawberry.type(description="Of when an answer is: the last record of each log that it knows.")
class AsOf:
    """Of when an answer is. Comes as `reads.AsOf`."""

    positions: list[Position] = strawberry.field(
        description="The last record known of each partition; of an answer `at` a position, that one; of a time, none."
    )
    time_ms: DateTime | None = strawberry.field(
        name="time",
        description="All that was committed by this time is known; null where only a position tells it.",
    )
