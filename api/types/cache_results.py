"""What mutations of caches came to. Expected refusals are data (`Refusal`).

`positions`, given as `notBefore`, let the caller read its own writes.
"""

from typing import Annotated, TypeAlias, cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.payloads import SHOWN_BYTES, Payload, payload_of
from api.types.caches import CacheSettings
from api.types.entries import LineState
from api.types.queue_results import POSITIONS
from api.types.results import Refusal
from api.types.scalars import Long, Position
from streams.domain.caches.replies import EntryView


@strawberry.type(description="The cache is as asked for, in all shards.")
class ChangedCache:
    """A cache after a change."""

    name: str
    version: Long
    shards: int
    settings: CacheSettings
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(
    description="The cache is gone, or there was none. Its name is free when no client trusts it any more."
)
class DeletedCache:
    """The end of a cache."""

    name: str
    entries: int = strawberry.field(description="How many values went with it.")


@strawberry.type(description="The value is in. STRICT: nobody can read the old one any more.")
class StoredEntry:
    """A value."""

    cache: str
    name: str
    version: Long = strawberry.field(description="For `ifVersion`.")
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="The entry has no value any more. STRICT: nobody can read it any more.")
class DeletedEntry:
    """The end of a value."""

    cache: str
    name: str
    version: Long | None = strawberry.field(description="Of what was there; null: nothing.")
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="All entries that had the tag are gone, or were written anew.")
class InvalidatedTag:
    """An invalidation."""

    cache: str
    tag: str
    entries: int
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="Entries that were missing are in; others stay as they are.")
class WarmedEntries:
    """A warm-up."""

    cache: str
    warmed: int
    skipped: int = strawberry.field(description="They were there already, or under way.")
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="A line as the directory has it now.")
class StandingLine:
    """A line. Comes as `domain.caches.replies.ShownLine`."""

    state: LineState
    principal: str
    client: str
    session: str
    attachment: Long
    token: Long


def _value(root: Parent["FoundEntry"], info: Info, max_bytes: int = SHOWN_BYTES) -> Payload | None:
    return None if root.data is None else payload_of(root.data, max_bytes, info.context.payloads)


def _lines(root: Parent["FoundEntry"]) -> list[StandingLine]:
    return cast("list[StandingLine]", root.view.lines)


@strawberry.type(
    description="What the directory answered: never stale. Value and lines are of two questions, one after the other."
)
class FoundEntry:
    """An entry."""

    view: strawberry.Private[EntryView]
    data: strawberry.Private[bytes | None]
    cache: str
    name: str
    version: Long | None = strawberry.field(description="Null: there is no value.")
    tags: list[str]
    value: Payload | None = strawberry.field(resolver=_value, description="Up to `maxBytes` of it.")
    lines: list[StandingLine] = strawberry.field(
        resolver=_lines, description="Who has it how: the first 100."
    )
    sharers: int = strawberry.field(description="How many have a line.")
    waiting: int = strawberry.field(description="Reads and writes that wait.")
    positions: list[Position] = strawberry.field(description=POSITIONS)


ChangeCacheResult: TypeAlias = Annotated[ChangedCache | Refusal, strawberry.union("ChangeCacheResult")]
DeleteCacheResult: TypeAlias = Annotated[DeletedCache | Refusal, strawberry.union("DeleteCacheResult")]
PutEntryResult: TypeAlias = Annotated[StoredEntry | Refusal, strawberry.union("PutEntryResult")]
DeleteEntryResult: TypeAlias = Annotated[DeletedEntry | Refusal, strawberry.union("DeleteEntryResult")]
InvalidateTagResult: TypeAlias = Annotated[InvalidatedTag | Refusal, strawberry.union("InvalidateTagResult")]
WarmEntriesResult: TypeAlias = Annotated[WarmedEntries | Refusal, strawberry.union("WarmEntriesResult")]
ReadEntryResult: TypeAlias = Annotated[FoundEntry | Refusal, strawberry.union("ReadEntryResult")]
