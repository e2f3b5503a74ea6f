"""Results of queries without async: `tidelock.sync.cached_query`."""

from collections.abc import Callable, Iterable
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from tidelock.client.caches.blocking import Cache
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
) -> "Callable[[Callable[_P, _T]], CachedQuery[_P, _T]]":
    """Keep the results of a function, which is called on a thread of its own. See `tidelock.cached_query`."""
    keys = partial(QueryKeys, ttl=ttl, tags=tags, name=name, ignore=frozenset(ignore))
    return lambda query: CachedQuery(cache, query, keys(query))


class CachedQuery(Generic[_P, _T]):
    """A function whose results are kept. See `tidelock.CachedQuery`."""

    def __init__(self, cache: Cache[Any], query: Callable[_P, _T], keys: QueryKeys) -> None:
        self._cache, self._query, self._keys = cache, query, keys
        update_wrapper(self, query)

    def entry(self, *args: _P.args, **kwargs: _P.kwargs) -> str:
        """Return the entry of these parameters. Raises `ParameterUnhashable`, `TypeError` as the function would."""
        return self._keys.entry(self._keys.named(args, kwargs))

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return the result that is kept, or run the query under the fill lease of its entry."""
        parameters, ran = self._keys.named(args, kwargs), list[_T]()

        def run() -> Loaded[Any]:
            ran[:] = [self._query(*args, **kwargs)]
            return self._keys.loaded(parameters, ran[0])

        with as_it_is(ran):
            found: Any = self._cache.get_or_load(self._keys.entry(parameters), run)
            ran[:] = [found]
        return ran[0]

    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Forget the result of these parameters; return whether there was one."""
        return self._cache.delete(self.entry(*args, **kwargs))
