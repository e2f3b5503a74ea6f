"""Entries of caches: values, lines, what is under way, and their histories."""

from enum import Enum
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.payloads import SHOWN_BYTES, Payload, payload_of
from api.types.asof import AsOf
from api.types.pages import PageInfo
from api.types.scalars import DateTime, Long, Position
from streams.projections.caches.reads import EntryRow, LineRow, ValueRow


@strawberry.enum
class LineState(Enum):
    """How a client has an entry; who has none has it Invalid."""

    SHARED = "SHARED"
    EXCLUSIVE = "EXCLUSIVE"
    MODIFIED = "MODIFIED"


@strawberry.enum
class ValueCause(Enum):
    """What brought a value."""

    WRITTEN = "WRITTEN"
    FILLED = "FILLED"
    WARMED = "WARMED"
    WRITTEN_BACK = "WRITTEN_BACK"


@strawberry.enum
class ValueEnd(Enum):
    """What ended a value: the next one, or its removal; CLOSED: the cache was deleted."""

    WRITTEN = "WRITTEN"
    FILLED = "FILLED"
    WARMED = "WARMED"
    WRITTEN_BACK = "WRITTEN_BACK"
    DELETED = "DELETED"
    EVICTED = "EVICTED"
    TAG = "TAG"
    EXPIRED = "EXPIRED"
    CLOSED = "CLOSED"


@strawberry.enum
class LineEnd(Enum):
    """What ended a line in its state."""

    INVALIDATED = strawberry.enum_value("INVALIDATED", description="It was called.")
    OVERWRITTEN = strawberry.enum_value("OVERWRITTEN", description="Its own client wrote.")
    SHARED = strawberry.enum_value("SHARED", description="Somebody else reads the entry, too.")
    REPLACED = strawberry.enum_value("REPLACED", description="Its client was granted another.")
    WRITTEN_BACK = "WRITTEN_BACK"
    DROPPED = strawberry.enum_value("DROPPED", description="Its client evicted it.")
    LISTENER_GONE = strawberry.enum_value("LISTENER_GONE", description="Its client trusts nothing any more.")
    LOST = strawberry.enum_value("LOST", description="What was written to it and not written back is lost.")
    REMOVED = strawberry.enum_value("REMOVED", description="The entry was.")
    CLOSED = strawberry.enum_value("CLOSED", description="The cache was deleted.")


@strawberry.type(description="A line of one client, in one state, from when to when.")
class CacheLine:
    """A line. Comes as `reads.LineRow`."""

    state: LineState
    principal: str
    client: str
    session: str = strawberry.field(description="That ends with the client's node; empty: none.")
    attachment: Long = strawberry.field(description="Tells what its client had here from what it had before.")
    token: Long = strawberry.field(description="Of the grant; of one entry they only grow.")
    version: Long = strawberry.field(description="Of the value that it is of.")
    from_ms: DateTime = strawberry.field(name="from")
    from_position: Position = strawberry.field(description="The commit that began it.")
    to_ms: DateTime | None = strawberry.field(name="to", description="Null: it stood, as of then.")
    to_position: Position | None
    ended: LineEnd | None


async def _value_of(info: Info, row: ValueRow, max_bytes: int) -> Payload:
    context = info.context
    if context.services.values is None:
        raise BadArgument("This node cannot read logs. Ask one that does.", code="KIND_UNKNOWN")
    context.values.take()
    return payload_of(await context.services.values.read(row), max_bytes, context.payloads)


async def _value(root: Parent[ValueRow], info: Info, max_bytes: int = SHOWN_BYTES) -> Payload:
    return await _value_of(info, root, max_bytes)


VALUE = "From the log: up to `maxBytes` of it; 20 values in one answer, and 2 MiB of all."


@strawberry.type(description="A value of an entry, from when to when it was the entry's.")
class CacheValue:
    """A value. Comes as `reads.ValueRow`."""

    entry: str
    shard: int
    version: Long = strawberry.field(description="For `ifVersion`.")
    cause: ValueCause
    bytes: int
    digest: str = strawberry.field(description="SHA-256, hexadecimal.")
    tags: list[str]
    ttl_ms: Long = strawberry.field(description="0: none.")
    expires_lease_ms: Long | None = strawberry.field(description="By the partition's lease clock.")
    expires_ms: DateTime | None = strawberry.field(name="expires", description="About when that is.")
    principal: str = strawberry.field(description="Who brought it.")
    client: str
    from_ms: DateTime = strawberry.field(name="from")
    from_position: Position = strawberry.field(description="The commit that brought it.")
    to_ms: DateTime | None = strawberry.field(name="to", description="Null: it stood, as of then.")
    to_position: Position | None
    ended: ValueEnd | None
    value: Payload = strawberry.field(resolver=_value, description=VALUE)


@strawberry.type
class CacheValueEdge:
    """One of a page and its cursor."""

    cursor: str
    node: CacheValue


@strawberry.type(
    description="Values: those that entries have, by name; or those that one has had, newest first."
)
class CacheValueConnection:
    """A page."""

    edges: list[CacheValueEdge]
    nodes: list[CacheValue]
    page_info: PageInfo
    as_of: AsOf


@strawberry.type
class CacheLineEdge:
    """One of a page and its cursor."""

    cursor: str
    node: CacheLine


@strawberry.type(description="Lines that clients have had of one entry, newest first.")
class CacheLineConnection:
    """A page."""

    edges: list[CacheLineEdge]
    nodes: list[CacheLine]
    page_info: PageInfo
    as_of: AsOf


@strawberry.enum
class PendingKind(Enum):
    """What waits, or is under way."""

    READ = "READ"
    WRITE = "WRITE"
    DELETE = "DELETE"
    FILL = strawberry.enum_value("FILL", description="Somebody loads the entry.")
    CHANGE = strawberry.enum_value("CHANGE", description="Lines are being called; `purpose` says what for.")


@strawberry.enum
class ChangePurpose(Enum):
    """What lines are called for."""

    WRITE = "WRITE"
    DELETE = "DELETE"
    EVICT = "EVICT"
    TAG = "TAG"
    RECALL = strawberry.enum_value("RECALL", description="A Modified line is to be written back.")


@strawberry.type(description="Something that waits, or is under way, at an entry.")
class CachePending:
    """Something. Comes as `reads.PendingRow`."""

    what: PendingKind
    purpose: ChangePurpose | None
    principal: str = strawberry.field(description="Whose it is, or who set it off; empty: time did.")
    client: str
    bytes: int | None = strawberry.field(description="WRITE: of the value.")
    until_lease_ms: Long | None = strawberry.field(
        description="When it is over, by the partition's lease clock."
    )
    until_ms: DateTime | None = strawberry.field(name="until", description="About when that is.")
    from_ms: DateTime = strawberry.field(name="from")


async def _history(
    root: Parent[EntryRow], info: Info, first: int, after: str | None = None
) -> CacheValueConnection:
    context, size = info.context, size_of(first)
    seal = context.seal(f"values/{root.cache}/{root.name}", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    found, as_of = await context.caches.values(context.tenant, root.cache, root.name, size, key)
    page = Page(found, size, as_of, lambda row: (row.from_ms, row.from_event), seal, after)
    return cast("CacheValueConnection", page)


async def _line_history(
    root: Parent[EntryRow], info: Info, first: int, after: str | None = None
) -> CacheLineConnection:
    context, size = info.context, size_of(first)
    seal = context.seal(f"lines/{root.cache}/{root.name}", int, int, int)
    key = None if after is None else cast("tuple[int, int, int]", seal.open(after))
    found, as_of = await context.caches.lines(context.tenant, root.cache, root.name, size, key)
    page = Page(found, size, as_of, _line_key, seal, after)
    return cast("CacheLineConnection", page)


def _line_key(row: LineRow) -> tuple[int, int, int]:
    return row.from_ms, row.from_event, row.attachment


async def _entry_value(root: Parent[EntryRow], info: Info, max_bytes: int = SHOWN_BYTES) -> Payload | None:
    return None if root.found is None else await _value_of(info, root.found, max_bytes)


def _stored(root: Parent[EntryRow]) -> CacheValue | None:
    return cast("CacheValue | None", root.found)


@strawberry.type(
    description="An entry as the directory had it. Never stale is only the directory itself: `readEntry`."
)
class CacheEntry:
    """An entry. Comes as `reads.EntryRow`."""

    cache: str
    name: str
    stored: CacheValue | None = strawberry.field(
        resolver=_stored,
        description="The value that it has; null: none, it is missing, or on its way in or out.",
    )
    value: Payload | None = strawberry.field(resolver=_entry_value, description=VALUE)
    owner: CacheLine | None = strawberry.field(description="Of the client that has it Exclusive or Modified.")
    lines: list[CacheLine] = strawberry.field(description="Who has it how: the first 100, oldest first.")
    sharers: int = strawberry.field(description="How many have a line.")
    pending: list[CachePending] = strawberry.field(
        description="The first 100, oldest first; none if `at` was given."
    )
    as_of: AsOf
    history: CacheValueConnection = strawberry.field(
        resolver=_history, description="The values that it has had, newest first."
    )
    line_history: CacheLineConnection = strawberry.field(
        resolver=_line_history, description="The lines that clients have had of it, newest first."
    )
