"""The types of live items of caches. As those of locks (`types`), plain down to their leaves."""

from dataclasses import field
from enum import Enum
from typing import Any

import strawberry

from api.subscriptions.types import Party
from api.types.scalars import DateTime, Long, Position


@strawberry.enum
class InvalidationKind(Enum):
    """What happened to values or lines."""

    WRITTEN = "WRITTEN"
    FILLED = "FILLED"
    WARMED = "WARMED"
    WRITTEN_BACK = "WRITTEN_BACK"
    DELETED = "DELETED"
    EVICTED = "EVICTED"
    EXPIRED = "EXPIRED"
    TAG = strawberry.enum_value("TAG", description="Removed by a tag.")
    CALLED = strawberry.enum_value("CALLED", description="A client is to drop its line.")
    RECALLED = strawberry.enum_value("RECALLED", description="A client is to write its line back.")
    RESET = strawberry.enum_value("RESET", description="A client is to drop all its lines.")
    LOST = strawberry.enum_value("LOST", description="What a client wrote to a Modified line is lost.")
    CLOSED = strawberry.enum_value("CLOSED", description="The cache was deleted, and all in it.")


@strawberry.type(description="The client whose line it is about.")
class LineHolder:
    """A client."""

    principal: str
    client: str
    attachment: Long
    token: Long | None = strawberry.field(description="Lines of greater tokens are not meant; RESET: null.")


@strawberry.type(description="Something that ends or replaces values of a cache, or lines of its clients.")
class CacheInvalidation:
    """One item of `invalidations`."""

    cursor: str = strawberry.field(description="Goes on behind this event: give it as `after`.")
    kind: InvalidationKind
    cache: str
    shard: int
    entries: list[str] = strawberry.field(description="Which; CLOSED, RESET: none are named, all are meant.")
    version: Long | None = strawberry.field(
        description="Of the values that the entries have now; null: they have none any more, or keep theirs."
    )
    holder: LineHolder | None = strawberry.field(description="CALLED, RECALLED, RESET, LOST: whose line.")
    why: str = strawberry.field(description="In words.")
    position: Position = strawberry.field(description="The commit that it is in.")
    index: int = strawberry.field(description="Its place among the events of its commit, from 0.")
    number: Long = strawberry.field(description="Its number among the events of its partition.")
    time_ms: DateTime = strawberry.field(name="time")
    lease_ms: Long = strawberry.field(description="The partition's lease clock.")
    command: str = strawberry.field(description="What was asked: WriteEntry; Tick when time alone did it.")
    by: Party | None = strawberry.field(description="Who asked; null when time alone did it.")
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)
