"""Many outcomes, awaited together; no task for each."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from tidelock.client.errors import ReceiptInvalid, TidelockError

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


def raise_refused(receipts: Iterable[object], outcomes: Sequence[object]) -> None:
    """Raise one error if some receipts were refused, which tells which; what is not about receipts goes first."""
    refused = {
        str(receipt): outcome
        for receipt, outcome in zip(receipts, outcomes, strict=True)
        if isinstance(outcome, TidelockError)
    }
    if not refused:
        return
    found = list(refused.values())
    first = next((each for each in found if not isinstance(each, ReceiptInvalid)), found[0])
    if len(outcomes) > 1:
        names = ", ".join(refused)
        first.args = (f"{len(refused)} of {len(outcomes)} receipts were refused ({names:.500}). {first}",)
        first.details = (*first.details, *(("receipt", receipt) for receipt in refused))
    raise first
