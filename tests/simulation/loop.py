"""A deterministic event loop: virtual time, seeded interleaving, processes that can be killed or frozen.

Callbacks belong to the process in whose context they were scheduled (a context variable that tasks inherit).
Inside one process they run first in, first out, as asyncio promises; which process runs next is drawn from the
seed. Nothing here knows Tidelock.
"""

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_PROCESS: "ContextVar[Process]" = ContextVar("process")


class Livelock(Exception):
    """The history ran more callbacks than any sane one needs."""


class Process:
    """A group of callbacks with one fate. `crash_after` counts down with each callback; at zero it dies."""

    __slots__ = ("context", "crash_after", "dead", "frozen", "loop", "name", "on_death", "queue", "steps")

    def __init__(self, loop: "SimLoop", name: str) -> None:
        self.loop = loop
        self.name = name
        self.queue: deque[_Handle] = deque()
        self.dead = False
        self.frozen = False
        self.steps = 0
        self.crash_after = -1
        self.on_death: Callable[[], None] | None = None
        self.context = copy_context()
        self.context.run(_PROCESS.set, self)

    def call(self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts) -> None:
        """Run `callback` soon, as part of this process."""
        self.loop.call_soon(callback, *args, context=self.context.copy())

    def spawn(self, coroutine: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        """Start a task of this process."""
        return self.loop.create_task(coroutine, context=self.context.copy())

    def kill(self) -> None:
        """SIGKILL: nothing of it ever runs again, not even a finally block."""
        if not self.dead:
            self.dead = True
            self.queue.clear()
            self.loop.unready(self)
            if self.on_death is not None:
                self.on_death()

    def freeze(self) -> None:
        """SIGSTOP: time goes on, this process does not."""
        if not self.frozen and not self.dead:
            self.frozen = True
            self.loop.unready(self)

    def thaw(self) -> None:
        """SIGCONT: everything that became due meanwhile runs now, in order."""
        if self.frozen:
            self.frozen = False
            if self.queue and not self.dead:
                self.loop.ready.append(self)


class _Handle(asyncio.TimerHandle):
    """A callback with its process; the cheap half of asyncio's own handle."""

    __slots__ = ("process",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
        process: Process,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False
        self.process = process

    def cancel(self) -> None:
        self._cancelled = True


class SimLoop(asyncio.AbstractEventLoop):
    """Runs handles of many processes on one virtual clock."""

    def __init__(self, random: Random, max_steps: int = 300_000) -> None:
        self.now = 0.0
        self.random = random
        self.steps = 0
        self.max_steps = max_steps
        self.ready: list[Process] = []
        self.tasks: list[tuple[asyncio.Task[Any], Process]] = []
        """All tasks, each with whose it is."""
        self.errors: list[str] = []
        self.closed = False
        self.halted = False
        self.dial: Callable[[Process, asyncio.Protocol, str], Awaitable[asyncio.Transport]]
        """How the network connects a process to an address. Raises `OSError`."""
        self._timers: list[tuple[float, int, _Handle]] = []
        self._order = 0
        self.world = Process(self, "world")

    # what asyncio's primitives use ------------------------------------------------------------------
    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.closed

    def is_closed(self) -> bool:
        return self.closed

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: object = None,
        context: Context | None = None,
        **_: object,
    ) -> "asyncio.Task[_T]":
        task: asyncio.Task[_T] = asyncio.Task(coro, loop=self, context=context)
        process = _PROCESS.get(self.world) if context is None else context.get(_PROCESS, self.world)
        self.tasks.append((task, process))
        return task

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> _Handle:
        if context is None:
            context = copy_context()
        handle = _Handle(self.now, callback, args, context, context.get(_PROCESS, self.world))
        self._enqueue(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> _Handle:
        return self._at(self.now + delay, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> _Handle:
        return self._at(when, callback, args, context)

    def later(self, delay: float, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts) -> _Handle:
        """Run `callback` as part of the world (broker, network), whoever asks."""
        return self._at(self.now + delay, callback, args, self.world.context)

    def _at(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> _Handle:
        if context is None:
            context = copy_context()
        when = max(when, self.now)
        self._order += 1
        handle = _Handle(when, callback, args, context, context.get(_PROCESS, self.world))
        heappush(self._timers, (when, self._order, handle))
        return handle

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], host: str, port: int, **_: object
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Connect as asyncio does, over whatever network the world has."""
        protocol = protocol_factory()
        transport = await self.dial(_PROCESS.get(), protocol, f"{host}:{port}")
        protocol.connection_made(transport)
        return transport, protocol

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    # running ----------------------------------------------------------------------------------------
    def unready(self, process: Process) -> None:
        """Take a process off the ready list."""
        if process in self.ready:
            self.ready.remove(process)

    def _enqueue(self, handle: _Handle) -> None:
        process = handle.process
        if process.dead or self.closed:
            return
        if not process.queue and not process.frozen:
            self.ready.append(process)
        process.queue.append(handle)

    def run(self, until: float) -> None:
        """Run everything that is due before virtual time `until`; then the clock stands there."""
        outer = events._get_running_loop()
        events._set_running_loop(self)
        ready, draw = self.ready, self.random.random
        try:
            while not self.halted:
                if not ready:
                    if not self._advance(until):
                        break
                    continue
                process = ready[int(draw() * len(ready))] if len(ready) > 1 else ready[0]
                handle = process.queue.popleft()
                if not process.queue:
                    ready.remove(process)
                if handle._cancelled or self._dies(process):
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (Livelock, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.errors.append(f"callback of {process.name}: {error!r}")
        finally:
            events._set_running_loop(outer)
        self.now = max(self.now, until)

    def _dies(self, process: Process) -> bool:
        """Count a step of `process`; say whether it was killed before it."""
        self.steps += 1
        process.steps += 1
        if self.steps > self.max_steps:
            raise Livelock(f"over {self.max_steps} callbacks by {self.now:.3f} s, last of {process.name}")
        if process.crash_after < 0:
            return False
        process.crash_after -= 1
        if process.crash_after >= 0:
            return False
        process.kill()
        return True

    def _advance(self, until: float) -> bool:
        timers = self._timers
        while timers:
            when, _, handle = timers[0]
            if when >= until:
                return False
            heappop(timers)
            if handle._cancelled or handle.process.dead:
                continue
            self.now = when
            self._enqueue(handle)
            if not timers or timers[0][0] > when:
                break
        return bool(self.ready) or bool(timers)

    def close(self) -> None:
        """Forget everything. Coroutines that die with the history must not act, nor complain."""
        self.closed = True
        self.ready.clear()
        self._timers.clear()
        for task, _ in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(
                RuntimeError, BaseExceptionGroup
            ):  # it awaits something while it ends; a group says so
                task.get_coro().close()
        self.tasks.clear()

    def forgotten_errors(self) -> list[str]:
        """Return the exceptions of tasks that nobody looked at: an engine task died unnoticed.

        Whoever was to look may have died with the process before its turn came: that is no oversight.
        """
        ended = [task for task, process in self.tasks if task.done() and not process.dead]
        lost = [task for task in ended if not task.cancelled() and task._log_traceback]
        return [f"task {t.get_coro()!r} died unseen: {t.exception()!r}" for t in lost]
