"""`cache`, `caches`, `entry`, `entries` and `cacheListeners`."""

from collections.abc import Sequence
from typing import cast

import strawberry

from api.context import Context, Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.queries.moments import CACHES, known, not_before_all
from api.queries.texts import text_of
from api.types.cache_pages import CacheConnection, CacheListenerConnection
from api.types.caches import Cache
from api.types.entries import CacheEntry, CacheValueConnection
from api.types.scalars import At, Position
from streams.domain.arguments import refuse_text
from streams.log.positions import Position as LogPosition
from streams.projections.caches.reads import KIND, CacheFilter, EntryFilter
from streams.projections.reads import Moment


@strawberry.input(description="All that is given must hold.")
class CacheFilterInput:
    """Which caches."""

    name_prefix: str | None = None


@strawberry.input(description="All that is given must hold.")
class EntryFilterInput:
    """Which entries."""

    name_prefix: str | None = None
    tag: str | None = None


async def cache(
    info: Info, name: str, at: At | None = None, not_before: list[Position] | None = None
) -> Cache | None:
    """Return the cache as it is, or was; None: there is, or was, none."""
    context = info.context
    check_cache(context, name)
    await wait_for(context, not_before)
    if at is None:
        return cast("Cache | None", await context.loaders.caches.load(name))
    moment = cast("Moment", at)
    await known(context.services, moment, None, CACHES)
    return cast("Cache | None", await context.caches.cache_at(context.tenant, name, moment))


async def caches(
    info: Info,
    first: int,
    after: str | None = None,
    filter: CacheFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: list[Position] | None = None,
) -> CacheConnection:
    """Return a page of the caches, by name."""
    context, size = info.context, size_of(first)
    seal = context.seal("caches", str)
    key = None if after is None else seal.open(after)[0]
    wanted = CacheFilter() if filter is None else CacheFilter(text_of(filter.name_prefix, "namePrefix"))
    reads = context.caches
    await wait_for(context, not_before)
    found, as_of = await reads.caches(context.tenant, wanted, size, key)
    return cast("CacheConnection", Page(found, size, as_of, lambda row: (row.name,), seal, after))


async def entry(
    info: Info, cache: str, name: str, at: At | None = None, not_before: list[Position] | None = None
) -> CacheEntry:
    """Return the entry as it is, or was."""
    context = info.context
    check_cache(context, cache)
    _check_text("name", name)
    await wait_for(context, not_before)
    if at is None:
        return cast("CacheEntry", await context.caches.entry(context.tenant, cache, name))
    moment = cast("Moment", at)
    await known(context.services, moment, None, CACHES)
    return cast("CacheEntry", await context.caches.entry_at(context.tenant, cache, name, moment))


async def entries(
    info: Info,
    cache: str,
    first: int,
    after: str | None = None,
    filter: EntryFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: list[Position] | None = None,
) -> CacheValueConnection:
    """Return a page of the values that entries have."""
    context, size = info.context, size_of(first)
    check_cache(context, cache)
    seal = context.seal(f"entries/{cache}", str)
    key = None if after is None else seal.open(after)[0]
    wanted = EntryFilter()
    if filter is not None:
        wanted = EntryFilter(text_of(filter.name_prefix, "namePrefix"), text_of(filter.tag, "tag"))
    await wait_for(context, not_before)
    found, as_of = await context.caches.entries(context.tenant, cache, wanted, size, key)
    return cast("CacheValueConnection", Page(found, size, as_of, lambda row: (row.entry,), seal, after))


async def listeners(
    info: Info,
    cache: str,
    first: int,
    after: str | None = None,
    not_before: list[Position] | None = None,
) -> CacheListenerConnection:
    """Return a page of who keeps lines."""
    context, size = info.context, size_of(first)
    check_cache(context, cache)
    seal = context.seal(f"cacheListeners/{cache}", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    await wait_for(context, not_before)
    found, as_of = await context.caches.listeners(context.tenant, cache, size, key)
    page = Page(found, size, as_of, lambda row: (row.shard, row.attachment), seal, after)
    return cast("CacheListenerConnection", page)


async def wait_for(context: Context, positions: Sequence[Position] | None) -> None:
    """Return once the read model of caches knows these commits."""
    await not_before_all(context.services, cast("Sequence[LogPosition] | None", positions), CACHES)


def check_cache(context: Context, name: str) -> None:
    """Raise `BadArgument` if no cache can have this name, or this node knows none."""
    assert context.caches
    if "#" in name:
        raise BadArgument("A # marks shards. Give the cache's name alone.", code="BAD_ARGUMENT")
    context.services.partition_of(context.tenant, name, KIND)


def _check_text(what: str, given: str) -> None:
    refused = refuse_text(what, given)
    if refused is not None:
        raise BadArgument(f"{refused.message}.", code=refused.code)
