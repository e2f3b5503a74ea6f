"""Relay-style connections. All come as `api.paging.Page`."""

import strawberry

from api.types.asof import AsOf
from api.types.locks import Lock


@strawberry.type
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class LockEdge:
    """A lock and its cursor."""

    cursor: str
    node: Lock


@strawberry.type(description="Locks that are not free, by name.")
class LockConnection:
    """A page of locks."""

    edges: list[LockEdge]
    nodes: list[Lock]
    page_info: PageInfo
    as_of: AsOf
