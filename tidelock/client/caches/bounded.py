"""Waiting for what the user supplies, or a source of values, no longer than allowed, whatever it does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from tidelock.client.clock import Clock
from tidelock.client.errors import SourceTimedOut

_T = TypeVar("_T")
GRACE_S: Final = 1.0
"""How long work that is cancelled may take to say so to its server; then it is cancelled again, and just ends."""

CANCELS: Final = 3


async def bounded(work: Coroutine[Any, Any, _T], within: float, what: str) -> _T:
    """Return what `work` returns, which ends after `within` s, or with the caller. Raises `SourceTimedOut`."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait((task,), timeout=within)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            await _end(task)
    raise SourceTimedOut(f"{what} took longer than {within:g} s. Make it faster, or raise `within`.")


async def ended(work: Coroutine[Any, Any, _T], clock: Clock, until_s: float) -> "asyncio.Task[_T]":
    """Run `work` until `until_s` of the client's clock at the latest; return it, done or cancelled.

    What does not end when it is cancelled is not waited for: then it is not done.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    task = loop.create_task(work, name="tidelock-cache-supplied")
    task.add_done_callback(heed)
    timer = clock.call_at(until_s, over.set)
    late = loop.create_task(over.wait(), name="tidelock-cache-supplied-late")
    try:
        await asyncio.wait((task, late), return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        late.cancel()
        task.cancel()
    return task


async def _end(task: "asyncio.Task[Any]") -> None:
    task.add_done_callback(heed)
    for _ in range(CANCELS):
        task.cancel()
        await asyncio.wait((task,), timeout=GRACE_S)
        if task.done():
            return


def heed(task: "asyncio.Task[Any]") -> None:
    """Look at how a task ended that nobody may be waiting for."""
    if not task.cancelled():
        task.exception()  # nobody waits for it any more
