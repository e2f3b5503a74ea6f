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

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import update_wrapper
from typing import Any, Final, Generic, ParamSpec, TypeAlias, TypeVar

from streams.domain.arguments import MAX_NAME
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.parameters import DIGEST_BYTES, digest
from tidelock.client.caches.ports import Loaded
from tidelock.client.errors import BadArgument, LoadFailed, LoadTimedOut, ValueTooLarge

_P = ParamSpec("_P")
_T = TypeVar("_T")
Tags: TypeAlias = Iterable[str] | Callable[..., Iterable[str]]
MOST_OF_NAME: Final = MAX_NAME - 2 * DIGEST_BYTES - 1


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

    def decorated(query: Callable[_P, Awaitable[_T]]) -> "CachedQuery[_P, _T]":
        return CachedQuery(cache, query, ttl, tags, name, frozenset(ignore))

    return decorated


class CachedQuery(Generic[_P, _T]):
    """A function whose results are kept. Made by `cached_query`.

    A result of None is kept, too, if the codec can say None (`Json` can). One that is larger than the cache takes is
    returned and not kept.
    """

    def __init__(
        self,
        cache: Cache[Any],
        query: Callable[_P, Awaitable[_T]],
        ttl: float | None,
        tags: Tags,
        name: str | None,
        ignore: frozenset[str],
    ) -> None:
        self._cache, self._query, self._ttl, self._ignore = cache, query, ttl, ignore
        self._tags = tags if callable(tags) else tuple(tags)
        self._signature = inspect.signature(query)
        self.name = f"{query.__module__}.{query.__qualname__}" if name is None else name
        if not 1 <= len(self.name) <= MOST_OF_NAME or not self.name.isprintable():
            raise BadArgument(
                f"a query's name must have 1 to {MOST_OF_NAME} printable characters: give one as `name`"
            )
        if strange := ignore.difference(self._signature.parameters):
            raise BadArgument(f"{self.name} has no parameters {', '.join(sorted(strange))} to be ignored")
        update_wrapper(self, query)

    def entry(self, *args: _P.args, **kwargs: _P.kwargs) -> str:
        """Return the entry of these parameters. Raises `ParameterUnhashable`, `TypeError` as the function would."""
        return self._entry(self._named(*args, **kwargs))

    def _named(self, *args: _P.args, **kwargs: _P.kwargs) -> dict[str, Any]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def _entry(self, parameters: Mapping[str, Any]) -> str:
        keyed = {name: given for name, given in parameters.items() if name not in self._ignore}
        return f"{self.name}:{digest(keyed)}"

    async def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return the result that is kept, or run the query under the fill lease of its entry.

        What the function raises comes as it is. Raises `LoadTimedOut` if it takes longer than the fill lease, and what
        `Cache.get_or_load` raises.
        """
        parameters, ran = self._named(*args, **kwargs), list[_T]()
        entry = self._entry(parameters)

        async def run() -> Loaded[Any]:
            tags = self._tags(**parameters) if callable(self._tags) else self._tags
            ran[:] = [await self._query(*args, **kwargs)]
            return Loaded(ran[0], self._ttl, tuple(tags))

        try:
            found: Any = await self._cache.get_or_load(entry, run)
        except ValueTooLarge:
            if ran:
                return ran[0]
            raise
        except LoadFailed as failed:
            if isinstance(failed, LoadTimedOut) or failed.__cause__ is None:
                raise
            raise failed.__cause__ from None
        result: _T = found
        return result

    async def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Forget the result of these parameters; return whether there was one."""
        return await self._cache.delete(self.entry(*args, **kwargs))
