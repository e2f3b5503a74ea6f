"""`lock` and `locks`."""

from typing import cast

import strawberry

from api.context import Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.queries.moments import known
from api.queries.moments import not_before as wait_for
from api.queries.texts import text_of
from api.types.locks import Lock, LockMode, lock_now
from api.types.pages import LockConnection
from api.types.scalars import At, Position
from streams.log.positions import Position as LogPosition
from streams.projections.locks.reads import LockFilter, LockRow
from streams.projections.reads import Moment


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
        return await lock_now(info, partition, name)
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
    if at is not None and wanted.principal is not None:
        raise BadArgument(
            "`holder` cannot be asked for together with `at`. Leave one out, or use lockHistory."
        )
    await wait_for(services, cast("LogPosition | None", not_before))
    resume: str | None = None
    if at is None:
        found, as_of = await services.reads.locks(context.tenant, wanted, size, key)
    else:
        moment = cast("Moment", at)
        await known(services, moment, None)
        found, as_of, resume = await services.reads.locks_at(context.tenant, wanted, size, key, moment)
    page = Page(found, size, as_of, _key, seal, after, None if resume is None else (resume,))
    return cast("LockConnection", page)


def _key(row: LockRow) -> tuple[str]:
    return (row.name,)


def _filter(given: LockFilterInput | None, principal: str) -> LockFilter:
    if given is None:
        return LockFilter()
    prefix = text_of(given.name_prefix, "namePrefix")
    mode, holder = given.state.value if given.state else None, given.holder
    if holder is None:
        return LockFilter(prefix, mode, given.contended)
    return LockFilter(
        prefix,
        mode,
        given.contended,
        text_of(holder.principal, "principal") or principal,
        text_of(holder.client, "client"),
        text_of(holder.handle, "handle"),
    )
