"""Keeps one part running: starts it, waits until it is ready, starts it again when it dies, and says so."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tidelock.local.child import Child, Watcher
from tidelock.local.errors import PartFailed, PartTimedOut, PortTaken
from tidelock.local.journal import Journal, end_of, tail
from tidelock.local.parts.part import Launch, Part

_POLL_S = 0.05
_MOST_PATIENCE = 32
_FIRST_PATIENCE = 4
_PORT_SIGNS = ("Address already in use", "BindException", "could not bind", "address already in use")


_DEADLY = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV}


class State(StrEnum):
    """Where a part is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each new attempt; a part that ran `steady_s` starts afresh."""

    first_s: float = 0.2
    most_s: float = 15.0
    steady_s: float = 20.0

    def delay_s(self, attempt: int) -> float:
        """Return the pause before restart number `attempt`, counted from 0."""
        return min(self.most_s, self.first_s * 2.0 ** min(attempt, 30))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every part of one stack shares."""

    logs: Path
    watcher: Watcher
    journal: Journal
    say: Callable[[str], None]
    changed: Callable[[], None]
    start_timeout_s: float = 90.0
    backoff: Backoff = Backoff()


class SupervisedPart:
    """A part and the process that serves it now."""

    def __init__(self, part: Part, around: Surroundings) -> None:
        self.part = part
        self.name = part.name
        self.log = around.logs / f"{part.name}.log"
        self.state = State.STOPPED
        self.restarts = 0
        self.child: Child | None = None
        self._around = around
        self._watching: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._turn = asyncio.Event()
        self._mark = 0
        """Where in the log this run begins."""

    async def start(self) -> None:
        """Start the part and return when it serves; raises PartFailed, PartTimedOut or PortTaken."""
        if self._watching is not None:
            return
        self._enter(State.STARTING)
        try:
            await self.part.prepare(self.run)
            await self._launch(_FIRST_PATIENCE)
        except BaseException:
            await self._end_child()
            self._enter(State.STOPPED)
            raise
        self._enter(State.READY)
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def stop(self, *, at_once: bool = False) -> None:
        """End the part and keep it down; `at_once` spares it the clean end."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        await self._end_child(at_once=at_once)
        self._enter(State.STOPPED)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the program a signal behind the supervisor's back, as a crash would."""
        if self.child is not None and self.child.returncode is None:
            if number in _DEADLY:
                self._ready.clear()
            self.child.send(number)

    def freeze(self) -> None:
        """Stop the program's clock (SIGSTOP): a long pause, as a laptop's lid makes."""
        self.kill(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on."""
        self.kill(signal.SIGCONT)

    async def restart(self) -> None:
        """Stop it cleanly and start it again at the same address."""
        await self.stop()
        await self.start()

    async def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until it serves (again)."""
        async with asyncio.timeout(timeout_s):
            await self._ready.wait()

    async def wait_restarted(self, more_than: int = 0, timeout_s: float = 60.0) -> None:
        """Wait until it was started again more often than `more_than` times and serves."""
        async with asyncio.timeout(timeout_s):
            while self.restarts <= more_than or self.state is not State.READY:
                await self._turn.wait()

    async def run(self, launch: Launch) -> None:
        """Run a helper program to its end; raises PartFailed unless it ends with 0."""
        child = await self._spawn(launch)
        try:
            status = await child.wait()
        except BaseException:
            child.kill_group()
            await child.wait()
            raise
        if status != 0:
            raise PartFailed(self.name, f"could not be set up ({_how(status)})", self.log, self._tail())

    async def _launch(self, patience: int = 1) -> None:
        usual_s = self._around.start_timeout_s
        patience_s = usual_s * patience
        child = self.child = await self._spawn(self.part.launch())
        self._around.changed()
        ended = asyncio.create_task(child.wait())
        began, told = time.monotonic(), patience == 1
        try:
            while not await self.part.ready():
                if ended.done():
                    raise self._failure(child.returncode or 0)
                waited_s = time.monotonic() - began
                if waited_s > usual_s and not told:
                    told = True
                    slow = f"{self.name} is not ready after {usual_s:.0f} s; it may have much to read"
                    self._tell(f"{slow}: it has {patience_s:.0f} s", "part_slow")
                if waited_s > patience_s:
                    waited = f"was not ready after {patience_s:.0f} s"
                    raise PartTimedOut(self.name, waited, self.log, self._tail())
                await asyncio.wait({ended}, timeout=_POLL_S)
            if ended.done():  # something else answers on our port
                raise self._failure(child.returncode or 0)
            await self._settle()
        finally:
            ended.cancel()

    async def _spawn(self, launch: Launch) -> Child:
        self._mark = end_of(self.log)
        try:
            return await Child.spawn(launch, self.log, self._around.watcher)
        except OSError as error:  # no such program, too many processes, disk full
            raise PartFailed(self.name, f"could not be started ({error})", self.log, (str(error),)) from error

    async def _settle(self) -> None:
        try:
            await self.part.settle()
        except Exception as error:
            why = f"runs, but could not be set up ({type(error).__name__}: {error})"
            raise PartFailed(self.name, why, self.log, self._tail()) from error

    def _tail(self) -> tuple[str, ...]:
        return tail(self.log, since=self._mark)

    def _failure(self, status: int) -> PartFailed:
        with self.log.open("rb") as log:
            log.seek(self._mark)
            text = log.read().decode(errors="replace")
        kind = PortTaken if any(sign in text for sign in _PORT_SIGNS) else PartFailed
        return kind(self.name, f"ended while starting ({_how(status)})", self.log, self._tail())

    async def _watch(self) -> None:
        attempt = 0
        while True:
            assert self.child is not None
            since = time.monotonic()
            status = await self.child.wait()
            self.child.kill_group()
            died = time.monotonic()
            attempt = 0 if died - since > self._around.backoff.steady_s else attempt
            self._enter(State.RESTARTING)
            self._tell(f"{self.name} died ({_how(status)}); starting it again", "part_died", status=status)
            attempt = await self._revive(attempt)
            self._enter(State.READY)
            self._tell(
                f"{self.name} is back after {time.monotonic() - died:.1f} s", "part_back", attempt=attempt
            )

    async def _revive(self, attempt: int) -> int:
        """Start it until it serves. One that is not ready in time has twice the time next: it may have much to read."""
        patience = 1
        while True:
            delay_s = self._around.backoff.delay_s(attempt)
            attempt += 1
            self.restarts += 1
            await asyncio.sleep(delay_s)
            try:
                await self._launch(patience)
            except PartFailed as failure:
                await self._end_child()
                if isinstance(failure, PartTimedOut):
                    patience = min(2 * patience, _MOST_PATIENCE)
                pause = self._around.backoff.delay_s(attempt)
                self._tell(f"{failure} (next try in {pause:.1f} s)", "restart_failed", code=failure.code)
            else:
                return attempt

    async def _end_child(self, *, at_once: bool = False) -> None:
        if self.child is not None:
            await self.child.stop(at_once=at_once)
            self.child = None

    def _enter(self, state: State) -> None:
        self.state = state
        if state is State.READY:
            self._ready.set()
        else:
            self._ready.clear()
        passed, self._turn = self._turn, asyncio.Event()
        passed.set()
        self._around.journal.note("part_state", part=self.name, state=state)
        self._around.changed()

    def _tell(self, text: str, event: str, **fields: object) -> None:
        self._around.journal.note(event, part=self.name, text=text, **fields)
        self._around.say(text)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return f"killed by {signal.Signals(-status).name}"
