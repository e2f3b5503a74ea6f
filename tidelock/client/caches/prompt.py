"""A user's writer that takes no longer than it may: who hangs must not hold up later writes of the entry."""

from collections.abc import Coroutine
from typing import Any

from tidelock.client.caches.bounded import ended
from tidelock.client.caches.ports import Writer
from tidelock.client.clock import Clock


class Late(TimeoutError):
    """It did not end in time, and was cancelled. It may have written, or may yet, if it cannot be cancelled."""

    code = "WRITER_TIMED_OUT"


class PromptWriter:
    """Writes with another writer, for `timeout_s` at the most. As `tidelock.client.caches.ports.Writer`."""

    def __init__(self, writer: Writer[Any], clock: Clock, timeout_s: float) -> None:
        self._writer, self._clock, self._timeout_s = writer, clock, timeout_s

    async def write(self, entry: str, value: Any) -> None:
        """Make `value` the value of `entry`. Raises `Late`, and what the writer raises."""
        await self.within(self.unbounded(entry, value))

    async def unbounded(self, entry: str, value: Any) -> None:
        """Do the same for as long as it takes, also with a writer that raises at once, or returns another awaitable."""
        await self._writer.write(entry, value)

    async def within(self, work: Coroutine[Any, Any, None]) -> None:
        """Await what has to do with the writer. Raises `Late`, and what it raises."""
        task = await ended(work, self._clock, self._clock.now() + self._timeout_s)
        if not task.done() or task.cancelled():
            raise Late(f"it did not end within {self._timeout_s:g} s")
        task.result()
