"""Under which entry the result of a query is kept, with which tags, and what becomes of its errors."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from streams.domain.arguments import MAX_NAME
from tidelock.client.caches.parameters import DIGEST_BYTES, digest
from tidelock.client.caches.ports import Loaded
from tidelock.client.errors import BadArgument, LoadFailed, LoadTimedOut, ValueTooLarge

Tags: TypeAlias = Iterable[str] | Callable[..., Iterable[str]]
MOST_OF_NAME: Final = MAX_NAME - 2 * DIGEST_BYTES - 1


class QueryKeys:
    """Of one function."""

    def __init__(
        self,
        query: Callable[..., object],
        *,
        ttl: float | None,
        tags: Tags,
        name: str | None,
        ignore: frozenset[str],
    ) -> None:
        self._ttl, self._ignore = ttl, ignore
        self._tags = tags if callable(tags) else tuple(tags)
        self._signature = inspect.signature(query)
        self._name = f"{query.__module__}.{query.__qualname__}" if name is None else name
        if not 1 <= len(self._name) <= MOST_OF_NAME or not self._name.isprintable():
            raise BadArgument(
                f"a query's name must have 1 to {MOST_OF_NAME} printable characters: give one as `name`"
            )
        if strange := ignore.difference(self._signature.parameters):
            raise BadArgument(f"{self._name} has no parameters {', '.join(sorted(strange))} to be ignored")

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters by name, defaults filled in. Raises `TypeError` as the function would."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def entry(self, parameters: Mapping[str, Any]) -> str:
        """Return the entry. Raises `ParameterUnhashable`."""
        keyed = {name: given for name, given in parameters.items() if name not in self._ignore}
        return f"{self._name}:{digest(keyed)}"

    def loaded(self, parameters: Mapping[str, Any], result: Any) -> Loaded[Any]:
        """Return a result as the cache is to have it."""
        tags = self._tags(**parameters) if callable(self._tags) else self._tags
        return Loaded(result, self._ttl, tuple(tags))


@contextmanager
def as_it_is(ran: list[Any]) -> Iterator[None]:
    """Raise what the function raised; if the cache does not take what it returned, which is in `ran`, that is fine."""
    try:
        yield
    except ValueTooLarge:
        if not ran:
            raise
    except LoadFailed as failed:
        if isinstance(failed, LoadTimedOut) or failed.__cause__ is None:
            raise
        raise failed.__cause__ from None
