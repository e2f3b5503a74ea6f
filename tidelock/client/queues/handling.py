"""Calling a handler: on the event loop if it is async, else in a thread.

Nobody can stop a thread. While one works on a message, that is leased and extended, whoever is cancelled: given back,
others would have it at the same time, and its group would lose its order.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Generic, TypeAlias, TypeVar

from tidelock.client.queues.message import Message

_T = TypeVar("_T")
Handler: TypeAlias = Callable[[Message[_T]], Awaitable[None] | None]


class Handling(Generic[_T]):
    """Calls one handler, for up to `concurrency` messages at a time."""

    def __init__(self, handler: Handler[_T], concurrency: int) -> None:
        self._handler = handler
        self._threads = (
            None
            if _is_async(handler)
            else ThreadPoolExecutor(concurrency, thread_name_prefix="tidelock-work")
        )

    async def handle(self, message: Message[_T]) -> None:
        """Return once the message is handled; what the handler gives is awaited, if it can be.

        A cancelled call of an async handler ends at once, one of a plain function when its thread does.
        """
        if self._threads is None:
            given = self._handler(message)
            if inspect.isawaitable(given):
                await given
            return
        given = await self._in_thread(self._threads, message)
        if inspect.isawaitable(given):
            rest = asyncio.ensure_future(given)
            if is_cancelled():
                rest.cancel()
            await rest

    def close(self) -> None:
        """Let the threads go. All calls have ended."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def _in_thread(self, threads: ThreadPoolExecutor, message: Message[_T]) -> Any:
        message.in_thread = True
        loop = asyncio.get_running_loop()
        called = loop.run_in_executor(threads, copy_context().run, _called, self._handler, message)
        try:
            while not called.done():
                try:
                    await asyncio.wait([called])
                except asyncio.CancelledError:
                    continue  # who is cancelled sees it by `is_cancelled`, once the message is settled
        finally:
            message.in_thread = False
        return called.result()


def is_cancelled() -> bool:
    """Say whether the task that runs was cancelled, though it may have gone on for its thread's sake."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _called(handler: Handler[_T], message: Message[_T]) -> Any:
    try:
        return handler(message)
    except StopIteration as error:  # no future can hold it: whoever awaits would wait for ever
        raise RuntimeError("The handler raised StopIteration.") from error


def _is_async(handler: Handler[Any]) -> bool:
    called = getattr(handler, "__call__", None)  # noqa: B004 - whether what calling gives can be awaited
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)
