"""Many outcomes, awaited together; no task for each."""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tidelock.client.errors import TidelockError

_R = TypeVar("_R")


class Results(Generic[_R]):
    """As many outcomes as places."""

    def __init__(self, count: int) -> None:
        self._outcomes: list[Any] = [None] * count
        self._left = count
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not count:
            self._done.set_result(None)

    def at(self, place: int) -> Callable[[_R | TidelockError], None]:
        """Return what takes the outcome at `place`, once."""

        def done(outcome: _R | TidelockError) -> None:
            self._outcomes[place] = outcome
            self._left -= 1
            if not self._left and not self._done.done():
                self._done.set_result(None)

        return done

    async def all(self) -> list[_R | TidelockError]:
        """Return the outcomes in the order of their places."""
        await self._done
        return self._outcomes


def raise_first(outcomes: list[Any]) -> None:
    """Raise the first error, if there is one."""
    for outcome in outcomes:
        if isinstance(outcome, TidelockError):
            raise outcome
