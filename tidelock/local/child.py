"""One process of the stack: logged to a file, in its own group, dead when the stack is dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

from tidelock.local.journal import open_log
from tidelock.local.parts.part import Launch

_SHIM = Path(__file__).with_name("shim.py")
_WATCHER = Path(__file__).with_name("watcher.py")
_PYTHON = (sys.executable, "-I", "-S")
_KILL_WAIT_S = 10.0


class Watcher:
    """The process that kills what is left when the stack has vanished; see `watcher.py`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; its pipe's other end exists only in this process."""
        self._process = await asyncio.create_subprocess_exec(
            *_PYTHON, str(_WATCHER), stdin=asyncio.subprocess.PIPE, start_new_session=True
        )

    def add(self, pid: int) -> None:
        """Put a process group on the list."""
        self._write(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Take it off again."""
        self._write(f"-{pid}\n")

    async def stop(self) -> None:
        """End it with an empty list."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()
            self._process = None

    def _write(self, line: str) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(line.encode())


def shimmed(launch: Launch) -> tuple[str, ...]:
    """Return the command line that starts `launch` tied to this process."""
    who = launch.account
    account = (who.uid, who.gid, int(who.namespace)) if who else (-1, -1, 0)
    ties = (os.getpid(), int(launch.death_signal), launch.nice, *account)
    return (*_PYTHON, str(_SHIM), *(str(tie) for tie in ties), "--", *launch.argv)


class Child:
    """A running (or ended) program."""

    def __init__(self, process: asyncio.subprocess.Process, launch: Launch, watcher: Watcher) -> None:
        self._process = process
        self._launch = launch
        self._watcher = watcher
        self.pid = process.pid
        self.created = _created(process.pid)

    @classmethod
    async def spawn(cls, launch: Launch, log: Path, watcher: Watcher) -> Child:
        """Start `launch` through the shim, on the thread that lives as long as the stack (PDEATHSIG)."""
        with open_log(log) as out:
            process = await asyncio.create_subprocess_exec(
                *shimmed(launch),
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **launch.env}, cwd=launch.cwd, start_new_session=True,
            )  # fmt: skip
        watcher.add(process.pid)
        return cls(process, launch, watcher)

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end and return the exit status."""
        status = await self._process.wait()
        self._watcher.remove(self.pid)
        return status

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program; one that has ended is left alone."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(self, *, at_once: bool = False) -> None:
        """Ask it to end (`at_once`: as after its parent's death), insist after its time, take descendants along."""
        self.send(signal.SIGCONT)
        self.send(self._launch.death_signal if at_once else self._launch.stop_signal)
        try:
            async with asyncio.timeout(self._launch.stop_timeout_s):
                await self.wait()
        except TimeoutError:
            self.kill_group()
            await self.wait()
        self.kill_group()

    def kill_group(self) -> None:
        """SIGKILL the program and whatever it started and left in its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def end_leftover(pid: int, created: float) -> bool:
    """Kill what an earlier stack left behind, if it still is that very process; say whether there was one."""
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > 1.0:
            return False
        process.kill()
        process.wait(_KILL_WAIT_S)
    except psutil.NoSuchProcess:
        return False
    return True


def _created(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0
