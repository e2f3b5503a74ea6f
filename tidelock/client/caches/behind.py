"""Writing behind: the writer gets what was put later, the latest value of each entry, in order, until it takes it."""

import asyncio
import logging
import random
from typing import Any, Final

from tidelock.client.caches.ports import Writer
from tidelock.client.clock import Clock, sleep_until

MAX_WAITING: Final = 10_000
"""Entries that wait for the writer; then puts wait for room."""
AT_ONCE: Final = 8
"""Entries that are written at the same time."""
FIRST_PAUSE_S: Final = 0.1
LAST_PAUSE_S: Final = 10.0
log = logging.getLogger("tidelock.caches")


class Behind:
    """What the writer has not got yet. A crash of this process loses it."""

    def __init__(self, cache: str, writer: Writer[Any], clock: Clock) -> None:
        self._cache, self._writer, self._clock = cache, writer, clock
        self._latest: dict[str, Any] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        """By entry, oldest first: one each until the writer has it, those that pause after a failure included."""
        self._places = asyncio.Semaphore(AT_ONCE)
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._writing)

    def __contains__(self, entry: str) -> bool:
        return entry in self._writing

    def write(self, entry: str, value: Any) -> None:
        """Give the writer this value as soon as it may be."""
        self._latest[entry] = value
        if entry not in self._writing:
            self._start(entry)

    async def room(self) -> None:
        """Return when not too much waits."""
        while len(self) >= MAX_WAITING:
            await self._changed.wait()

    async def done(self, entry: str | None = None) -> None:
        """Return when the writer has all (of an entry)."""
        while entry in self if entry is not None else len(self) > 0:
            await self._changed.wait()

    def cancel(self) -> list[str]:
        """Write nothing any more; return of which entries the writer has not got the latest value."""
        for task in self._writing.values():
            task.cancel()
        self._latest.clear()
        return list(self._writing)

    def _start(self, entry: str) -> None:
        task = asyncio.get_running_loop().create_task(self._write(entry), name="tidelock-cache-behind")
        self._writing[entry] = task
        task.add_done_callback(lambda _: self._wrote(entry))

    def _wrote(self, entry: str) -> None:
        del self._writing[entry]
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if entry in self._latest:
            self._start(entry)

    async def _write(self, entry: str) -> None:
        pause_s = FIRST_PAUSE_S
        value: Any = None
        while True:
            async with self._places:  # not held while it pauses: what is always refused holds up nothing else
                value = self._latest.pop(entry, value)
                try:
                    return await self._writer.write(entry, value)
                except Exception as error:
                    log.warning("cache %r: the writer failed on %r: %r", self._cache, entry, error)
            await sleep_until(self._clock, self._clock.now() + pause_s * random.uniform(1.0, 1.2))  # noqa: S311
            pause_s = min(LAST_PAUSE_S, 2 * pause_s)
