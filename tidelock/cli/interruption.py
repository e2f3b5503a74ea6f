"""Being told to end: what a signal stops, and how a child process is ended."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

KILL_AFTER_S = 5.0


class Signals:
    """SIGINT and SIGTERM while a command is at work."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.first: signal.Signals | None = None
        self.forward: Callable[[signal.Signals], None] | None = None
        """Called with each that comes."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._handle, number)

    @property
    def exit_code(self) -> int:
        """As a shell has it for what a signal ended."""
        return 128 + (self.first or signal.SIGINT)

    async def stop(self, task: asyncio.Task[Any]) -> bool:
        """Return once `task` has ended: whether a signal came before, and cancelled it."""
        interrupted = asyncio.create_task(self.came.wait())
        await asyncio.wait({task, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if task.done():
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    def _handle(self, number: signal.Signals) -> None:
        self.first = self.first or number
        if self.forward is not None:
            self.forward(number)
        self.came.set()


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a child to end; kill it if it takes longer than `KILL_AFTER_S`."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), KILL_AFTER_S)
    except TimeoutError:
        kill(process)
        await process.wait()


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a child, unless it has ended."""
    with suppress(ProcessLookupError):
        process.kill()
