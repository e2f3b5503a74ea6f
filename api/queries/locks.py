"""`lock` and `locks`."""

from typing import cast

import strawberry

from api.context import Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.queries.moments import known
from api.queries.moments import not_before as wait_for
from api.types.locks import Lock, LockMode
from api.types.pages import LockConnection
from api.types.scalars import At, Position
from streams.log.positions import Position as LogPosition
from streams.projections.locks.reads import LockFilter, LockRow, Moment
from streams.wire.keys import MAX_NAME_BYTES


@strawberry.input(description="All that is given must hold.")
class HolderInput:
    """Which holder."""

    principal: str | None = strawberry.field(default=None, description="Default: whoever asks.")
    client: str | None = None
    handle: str | None = None


@strawberry.input(description="All that is given must hold.")
class LockFilterInput:
    """Which locks."""

    name_prefix: str | None = None
    state: LockMode | None = None
    contended: bool | None = strawberry.field(default=None, description="Whether somebody waits.")
    holder: HolderInput | None = strawberry.field(default=None, description="Not together with `at`.")


async def lock(info: Info, name: str, at: At | None = None, not_before: Position | None = None) -> Lock:
    """Return the lock as it is, or was."""
    context = info.context
    services, tenant = context.services, context.tenant
    partition = services.partition_of(tenant, name)
    await wait_for(services, cast("LogPosition | None", not_before))
    if at is None:
        return cast("Lock", await services.reads.lock(tenant, name, partition))
    moment = cast("Moment", at)
    await known(services, moment, partition)
    return cast("Lock", await services.reads.lock_at(tenant, name, partition, moment))


async def locks(
    info: Info,
    first: int,
    after: str | None = None,
    filter: LockFilterInput | None = None,  # noqa: A002 - the schema's own name
    at: At | None = None,
    not_before: Position | None = None,
) -> LockConnection:
    """Return a page of the locks that are, or were, not free."""
    context = info.context
    services = context.services
    seal = context.seal("locks", str)
    size, key = size_of(first), seal.open(after)[0] if after is not None else None
    wanted = _filter(filter, context.identity.principal)
    await wait_for(services, cast("LogPosition | None", not_before))
    if at is None:
        found, as_of = await services.reads.locks(context.tenant, wanted, size, key)
    else:
        moment = cast("Moment", at)
        await known(services, moment, None)
        found, as_of = await services.reads.locks_at(context.tenant, wanted, size, key, moment)
    return cast("LockConnection", Page(found, size, as_of, _key, seal, after))


def _key(row: LockRow) -> tuple[str]:
    return (row.name,)


def _filter(given: LockFilterInput | None, principal: str) -> LockFilter:
    if given is None:
        return LockFilter()
    if len((given.name_prefix or "").encode()) > MAX_NAME_BYTES:
        raise BadArgument(
            f"`namePrefix` is longer than the longest name, {MAX_NAME_BYTES} bytes. Give less of it."
        )
    mode, holder = given.state.value if given.state else None, given.holder
    if holder is None:
        return LockFilter(given.name_prefix, mode, given.contended)
    return LockFilter(
        given.name_prefix, mode, given.contended, holder.principal or principal, holder.client, holder.handle
    )
