"""`lockHistory`, `deadlocks`, `audit` and `waitsFor`."""

from typing import cast

import strawberry

from api.context import Info
from api.errors import BadTime
from api.paging import Page, size_of
from api.queries.moments import AUDITS
from api.queries.moments import not_before as wait_for
from api.queries.texts import text_of
from api.services import LOCKS
from api.types.pages import AuditConnection, DeadlockConnection, LockSpellConnection, WaitConnection
from api.types.scalars import DateTime, Position
from streams.log.positions import Position as LogPosition
from streams.projections.locks.reads import DeadlockRow, SpellRow, WaitRow
from streams.projections.reads import AuditFilter, AuditRow


@strawberry.input(description="All that is given must hold.")
class AuditFilterInput:
    """Which decisions."""

    name: str | None = strawberry.field(
        default=None,
        description="Of the lock or node; of a shard of a queue or cache (`orders` is the first, `orders#1` the next); "
        "`service:` and a service's name; `brake`.",
    )
    principal: str | None = None
    client: str | None = None
    command: str | None = strawberry.field(default=None, description="AcquireLock, EnqueueMessages, ...")
    accepted: bool | None = None
    from_ms: DateTime | None = strawberry.field(default=None, name="from")
    to_ms: DateTime | None = strawberry.field(default=None, name="to", description="Before this time.")


async def lock_history(
    info: Info, name: str, first: int, after: str | None = None, not_before: Position | None = None
) -> LockSpellConnection:
    """Return a page of a lock's spells, newest first."""
    context, size = info.context, size_of(first)
    reads, tenant = context.services.reads, context.tenant
    context.services.partition_of(tenant, name)
    seal = context.seal(f"lockHistory/{name}", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    await wait_for(context.services, cast("LogPosition | None", not_before))
    found, as_of = await reads.history(tenant, name, size, key)
    return cast("LockSpellConnection", Page(found, size, as_of, _spell_key, seal, after))


async def deadlocks(
    info: Info, first: int, after: str | None = None, not_before: Position | None = None
) -> DeadlockConnection:
    """Return a page of broken deadlocks, newest first."""
    context, size = info.context, size_of(first)
    seal = context.seal("deadlocks", int, int, int)
    key = None if after is None else cast("tuple[int, int, int]", seal.open(after))
    await wait_for(context.services, cast("LogPosition | None", not_before))
    found, as_of = await context.services.reads.deadlocks(context.tenant, size, key)
    return cast("DeadlockConnection", Page(found, size, as_of, _deadlock_key, seal, after))


async def audit(
    info: Info,
    first: int,
    kind: str = LOCKS,
    after: str | None = None,
    filter: AuditFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: Position | None = None,
) -> AuditConnection:
    """Return a page of the decisions of a kind, newest first."""
    context, size = info.context, size_of(first)
    reads = context.audit(kind)
    seal = context.seal(f"audit/{kind}", int, int, int, int)
    key = None if after is None else cast("tuple[int, int, int, int]", seal.open(after))
    wanted = _audit_filter(filter)
    await wait_for(context.services, cast("LogPosition | None", not_before), AUDITS[kind])
    found, as_of = await reads.audit(context.tenant, wanted, size, key)
    return cast("AuditConnection", Page(found, size, as_of, _audit_key, seal, after))


async def waits_for(
    info: Info,
    first: int,
    after: str | None = None,
    name_prefix: str | None = None,
    not_before: Position | None = None,
) -> WaitConnection:
    """Return a page of waiters with whom they wait for."""
    context, size = info.context, size_of(first)
    seal = context.seal("waitsFor", str, int)
    key = None if after is None else cast("tuple[str, int]", seal.open(after))
    prefix = text_of(name_prefix, "namePrefix")
    await wait_for(context.services, cast("LogPosition | None", not_before))
    found, as_of = await context.services.reads.waits(context.tenant, prefix, size, key)
    return cast("WaitConnection", Page(found, size, as_of, _wait_key, seal, after))


def _spell_key(row: SpellRow) -> tuple[int, int]:
    return row.from_offset, row.from_event


def _deadlock_key(row: DeadlockRow) -> tuple[int, int, int]:
    return row.at_ms, row.partition, row.event


def _audit_key(row: AuditRow) -> tuple[int, int, int, int]:
    return row.at_ms, row.partition, row.offset, row.index


def _wait_key(row: WaitRow) -> tuple[str, int]:
    return row.waiter.name, row.waiter.ticket


def _audit_filter(given: AuditFilterInput | None) -> AuditFilter:
    if given is None:
        return AuditFilter()
    if given.from_ms is not None and given.to_ms is not None and given.from_ms >= given.to_ms:
        raise BadTime("`from` is not before `to`. Turn them round.")
    return AuditFilter(
        text_of(given.name, "name"),
        text_of(given.principal, "principal"),
        text_of(given.client, "client"),
        text_of(given.command, "command"),
        given.accepted,
        given.from_ms,
        given.to_ms,
    )
