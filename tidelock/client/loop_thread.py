"""The thread that runs the event loop of a blocking client."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeVar

from tidelock.client.errors import BadArgument, ClientClosed

_T = TypeVar("_T")

END_S: Final = 1.0
"""How long calls that are under way may take to end by themselves once the client is closed."""


class LoopThread:
    """An event loop in a thread of its own. What is handed over to it ends before the loop does."""

    def __init__(self) -> None:
        self.stopping = False
        """Set once `stop` is called: nothing is taken any more."""
        self._gate = threading.RLock()
        """Makes "look at `stopping`, then hand over" one step. Reentrant, for signal handlers."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name="tidelock", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what `work` returns. An interrupt cancels it.

        Raises `ClientClosed` after `stop`, and `BadArgument` on the loop's own thread, which would wait for itself.
        """
        if self.is_here():
            work.close()
            raise _on_own_thread()
        with self._gate:
            if self.stopping:
                work.close()
                raise closed()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return _result(future)

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Do `last` behind all that was handed over, then end the thread. Later calls wait until it has ended.

        Raises `BadArgument` on the thread itself.
        """
        if self.is_here():
            raise _on_own_thread()
        with self._gate:
            first, self.stopping = not self.stopping, True
            work = asyncio.run_coroutine_threadsafe(last(), self._loop) if first and last else None
        try:
            if work is not None:
                _result(work)
        finally:
            if first:
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def is_here(self) -> bool:
        """Say whether this is the loop's own thread, where nothing may block."""
        return threading.current_thread() is self._thread

    def _turn(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_let_end(self._loop))
        self._loop.close()


async def _let_end(loop: asyncio.AbstractEventLoop) -> None:
    """Return when no other task is left: a thread may be blocked on each of them."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    if tasks:
        _, tasks = await asyncio.wait(tasks, timeout=END_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _result(future: Future[_T]) -> _T:
    """Return what `future` gets. Only the loop's end cancels it, or an interrupt here."""
    try:
        return future.result()
    except CancelledError as error:
        raise closed() from error
    except BaseException:
        future.cancel()
        raise


def closed() -> ClientClosed:
    """Return what calls of a closed client raise."""
    return ClientClosed("The client is closed. Open another one.")


def _on_own_thread() -> BadArgument:
    return BadArgument(
        "A blocking call on the client's own thread would wait for itself. Callbacks (token, on_answers, progress, "
        "codecs) run there: let them note what is to be done, and call the client on another thread."
    )
