"""Pages of caches, and of who keeps lines of one. They come as `api.paging.Page`."""

from enum import Enum

import strawberry

from api.types.asof import AsOf
from api.types.caches import Cache
from api.types.pages import PageInfo
from api.types.scalars import DateTime, Long


@strawberry.type
class CacheEdge:
    """A cache and its cursor."""

    cursor: str
    node: Cache


@strawberry.type(description="Caches, by name.")
class CacheConnection:
    """A page."""

    edges: list[CacheEdge]
    nodes: list[Cache]
    page_info: PageInfo
    as_of: AsOf


@strawberry.enum
class ListenerEnd(Enum):
    """Why a client trusts none of its lines any more."""

    LEFT = "LEFT"
    REJOINED = "REJOINED"
    LEASE_OVER = "LEASE_OVER"
    SESSION_ENDED = "SESSION_ENDED"


@strawberry.type(description="A client that keeps lines of a shard.")
class CacheListener:
    """A listener. Comes as `reads.ListenerRow`."""

    shard: int
    attachment: Long
    principal: str
    client: str
    session: str
    expires_lease_ms: Long = strawberry.field(
        description="End of its read lease, by the partition's lease clock."
    )
    expires_ms: DateTime = strawberry.field(name="expires", description="About when that is.")
    posted: Long = strawberry.field(description="Number of its latest call.")
    acked: Long = strawberry.field(description="Number of the latest call that it did.")
    reset: bool = strawberry.field(description="It is told to drop everything and join anew.")
    gone: ListenerEnd | None = strawberry.field(
        description="Why it trusts nothing any more, while its lines are cleared."
    )
    lines: int = strawberry.field(description="How many it keeps; counted up to 1,000.")
    joined_ms: DateTime = strawberry.field(name="joined")


@strawberry.type
class CacheListenerEdge:
    """One of a page and its cursor."""

    cursor: str
    node: CacheListener


@strawberry.type(description="Clients that keep lines, by shard and attachment.")
class CacheListenerConnection:
    """A page."""

    edges: list[CacheListenerEdge]
    nodes: list[CacheListener]
    page_info: PageInfo
    as_of: AsOf
