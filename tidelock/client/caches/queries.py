"""Results of queries, kept in a cache under a digest of their parameters.

    reports = client.cache("reports", codec=Json())

    @cached_query(reports, ttl=60, tags=lambda shop, **_: (f"shop/{shop}",))
    async def bestsellers(shop: int, limit: int = 10) -> list[dict]:
        return await fetch("SELECT ... WHERE shop = %s LIMIT %s", shop, limit)

    await bestsellers(7)                       # of all clients that miss it one runs it, the others wait for its result
    await reports.invalidate_tag("shop/7")     # all results of the shop
    await bestsellers.invalidate(7)            # this one

A statement is a parameter like any other: `cached_query(cache)(execute)` of an `async def execute(sql, *parameters)`.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from tidelock.client.caches.cache import Cache
from tidelock.client.caches.ports import Loaded
from tidelock.client.caches.query_keys import QueryKeys, Tags, as_it_is

_P = ParamSpec("_P")
_T = TypeVar("_T")


def cached_query(
    cache: Cache[Any],
    *,
    ttl: float | None = None,
    tags: Tags = (),
    name: str | None = None,
    ignore: Iterable[str] = (),
) -> Callable[[Callable[_P, Awaitable[_T]]], "CachedQuery[_P, _T]"]:
    """Keep the results of an async function in `cache`, whose codec they must fit.

    `ttl`: seconds; None: the cache's; 0: without end. `tags`: up to 16, or a function that is called with the
    parameters by their names and returns them. `name`: what tells functions apart that share a cache; default: module
    and name, so give one if results shall outlive a move. `ignore`: parameters that are not part of the key, such as a
    connection.
    """

    keys = partial(QueryKeys, ttl=ttl, tags=tags, name=name, ignore=frozenset(ignore))
    return lambda query: CachedQuery(cache, query, keys(query))


class CachedQuery(Generic[_P, _T]):
    """A function whose results are kept. Made by `cached_query`.

    A result of None is kept, too, if the codec can say None (`Json` can). One that is larger than the cache takes is
    returned and not kept.
    """

    def __init__(self, cache: Cache[Any], query: Callable[_P, Awaitable[_T]], keys: QueryKeys) -> None:
        self._cache, self._query, self._keys = cache, query, keys
        update_wrapper(self, query)

    def entry(self, *args: _P.args, **kwargs: _P.kwargs) -> str:
        """Return the entry of these parameters. Raises `ParameterUnhashable`, `TypeError` as the function would."""
        return self._keys.entry(self._keys.named(args, kwargs))

    async def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return the result that is kept, or run the query under the fill lease of its entry.

        What the function raises comes as it is. Raises `LoadTimedOut` if it takes longer than the fill lease, and what
        `Cache.get_or_load` raises.
        """
        parameters, ran = self._keys.named(args, kwargs), list[_T]()

        async def run() -> Loaded[Any]:
            ran[:] = [await self._query(*args, **kwargs)]
            return self._keys.loaded(parameters, ran[0])

        with as_it_is(ran):
            found: Any = await self._cache.get_or_load(self._keys.entry(parameters), run)
            ran[:] = [found]
        return ran[0]

    async def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Forget the result of these parameters; return whether there was one."""
        return await self._cache.delete(self.entry(*args, **kwargs))
