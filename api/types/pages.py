"""Relay-style connections. All come as `api.paging.Page`."""

import strawberry

from api.types.asof import AsOf
from api.types.locks import Lock
from api.types.records import AuditEntry, Deadlock, LockSpell, Wait


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


@strawberry.type
class LockSpellEdge:
    """One of a page and its cursor."""

    cursor: str
    node: LockSpell


@strawberry.type(description="The history of one lock, newest first.")
class LockSpellConnection:
    """A page."""

    edges: list[LockSpellEdge]
    nodes: list[LockSpell]
    page_info: PageInfo
    as_of: AsOf


@strawberry.type
class DeadlockEdge:
    """One of a page and its cursor."""

    cursor: str
    node: Deadlock


@strawberry.type(description="Deadlocks that were broken, newest first.")
class DeadlockConnection:
    """A page."""

    edges: list[DeadlockEdge]
    nodes: list[Deadlock]
    page_info: PageInfo
    as_of: AsOf


@strawberry.type
class AuditEdge:
    """One of a page and its cursor."""

    cursor: str
    node: AuditEntry


@strawberry.type(description="Decisions, newest first.")
class AuditConnection:
    """A page."""

    edges: list[AuditEdge]
    nodes: list[AuditEntry]
    page_info: PageInfo
    as_of: AsOf


@strawberry.type
class WaitEdge:
    """One of a page and its cursor."""

    cursor: str
    node: Wait


@strawberry.type(description="The live wait-for graph: waiters by lock and ticket, with whom they wait for.")
class WaitConnection:
    """A page."""

    edges: list[WaitEdge]
    nodes: list[Wait]
    page_info: PageInfo
    as_of: AsOf
