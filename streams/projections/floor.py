"""What one request needs read models to know: the positions that it named, in `notBefore` or as a moment.

A copy of the read models that lags behind may answer a request whose floor it has reached, and nothing that is asked
outside of a request. Whoever finds out that a read model knows a position writes it down here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from streams.log.positions import PartitionId

ReadModelAt: TypeAlias = tuple[str, PartitionId]
"""(projection, partition)"""

_FLOOR: ContextVar[dict[ReadModelAt, int] | None] = ContextVar("floor", default=None)


@contextmanager
def request() -> Iterator[None]:
    """Begin a request, which names no position yet. Tasks that are begun in it share its floor."""
    token = _FLOOR.set({})
    try:
        yield
    finally:
        _FLOOR.reset(token)


def need(projection: str, where: PartitionId, next_offset: int) -> None:
    """Let this request be answered only by who has the read model at `next_offset` or further."""
    floor = _FLOOR.get()
    if floor is not None:
        at = (projection, where)
        floor[at] = max(next_offset, floor.get(at, 0))


def needed() -> Mapping[ReadModelAt, int] | None:
    """Return this request's floor: by read model, the offset that it has to be at; None: there is no request."""
    return _FLOOR.get()
