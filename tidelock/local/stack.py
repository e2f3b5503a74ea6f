"""The stack as a whole: takes the directory, starts the parts side by side, knows their addresses, ends them.

One event loop, on one thread that outlives the stack: the kernel ties the parts to that thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from tidelock.local import statefile
from tidelock.local.addresses import Addresses, InfluxAddress
from tidelock.local.child import Watcher, end_leftover
from tidelock.local.errors import LocalStackError, PortTaken
from tidelock.local.java import JavaProgram
from tidelock.local.journal import Journal
from tidelock.local.jvm_cache import train
from tidelock.local.kafka_program import Progress, find
from tidelock.local.lock import DirectoryLock
from tidelock.local.parts.catalog import Group, Wave, roster
from tidelock.local.ports import PortBook
from tidelock.local.settings import StackSettings
from tidelock.local.supervisor import SupervisedPart, Surroundings
from tidelock.local.tokens import DEV, OPERATOR, SYSTEM

__all__ = ["Addresses", "InfluxAddress", "LocalStack"]

_PORT_ATTEMPTS = 5


def _nothing() -> None:
    """Report no change."""


def _mute(_text: str) -> None:
    """Say nothing."""


class _Silent:
    def step(self, done: int, total: int, name: str) -> None:
        """Show nothing."""


class LocalStack:
    """A local stack: `async with LocalStack(settings, print) as stack: stack.addresses`."""

    def __init__(
        self, settings: StackSettings, say: Callable[[str], None], progress: Progress | None = None
    ) -> None:
        self.settings = settings
        self._say = say
        self._progress = progress or _Silent()
        self._lock = DirectoryLock(settings.home)
        self._watcher = Watcher()
        self._journal = Journal(settings.logs / "stack.log")
        self._parts: dict[str, SupervisedPart] = {}
        self._addresses: Addresses | None = None
        self._java: JavaProgram | None = None
        self._training: asyncio.Task[None] | None = None
        self._roster = roster(
            settings, PortBook(settings.home / "ports.json"), self._kafka_program, self._environment
        )

    @property
    def addresses(self) -> Addresses:
        """Where the parts are; valid once started."""
        if self._addresses is None:
            raise RuntimeError("the stack has not been started")
        return self._addresses

    @property
    def parts(self) -> tuple[SupervisedPart, ...]:
        """Every local part, in starting order."""
        return tuple(self._parts.values())

    def part(self, name: str) -> SupervisedPart:
        """Return a part by name, such as `kafka-0`; raises KeyError with the names there are."""
        if name not in self._parts:
            raise KeyError(f"no part {name!r} here, only {', '.join(self._parts) or 'none yet'}")
        return self._parts[name]

    async def start(self) -> Addresses:
        """Start all parts, return when each is ready; raises LocalStackError and leaves nothing running."""
        if self._addresses is not None:
            return self._addresses
        self._lock.acquire()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self.addresses

    async def stop(self, *, at_once: bool = False) -> None:
        """End all parts, our own processes first; the data stays. `at_once` is for data that nobody will want again."""
        if self._training is not None:
            self._training.cancel()
            await asyncio.gather(self._training, return_exceptions=True)
            self._training = None
        for wave in reversed(self._roster.waves()):
            names = [part.name for group in wave for part in group]
            running = [self._parts[name].stop(at_once=at_once) for name in names if name in self._parts]
            await asyncio.gather(*running)
        await self._watcher.stop()
        self._addresses = None
        if self._parts:
            self._write_state()
            self._journal.note("stack_stopped")
        self._parts.clear()
        self._lock.release()

    def kill_all(self) -> None:
        """SIGKILL every part at once, for somebody who will not wait for a clean stop."""
        for part in self._parts.values():
            part.kill()

    async def _start(self) -> None:
        self._clear_leftovers()
        await self._watcher.start()
        self._mention_what_is_off()
        around = Surroundings(
            self.settings.logs, self._watcher, self._journal, self._say, self._write_state,
            self.settings.start_timeout_s,
        )  # fmt: skip
        for wave in self._roster.waves():
            for group in wave:
                self._parts.update({part.name: SupervisedPart(part, around) for part in group})
            await self._start_wave(wave)
        self._addresses = self._collect()
        self._write_state()
        self._journal.note("stack_ready", addresses=self._addresses.kafka)
        if self.settings.jvm_cache and self._java and self._java.cache and not self._java.cache.exists():
            apart = replace(around, logs=self.settings.logs / "jvm-training", changed=_nothing, say=_mute)
            self._training = asyncio.create_task(self._train(self._java, apart), name="train the JVM cache")

    async def _start_wave(self, wave: Wave) -> None:
        await _all([self._start_group(group) for group in wave])

    async def _start_group(self, group: Group) -> None:
        supervised = [self._parts[part.name] for part in group]
        if self._roster.kafka is not None and group[0].name.startswith("kafka") and self._java is None:
            self._java = await find(self.settings.home, self._progress)
        for attempt in range(_PORT_ATTEMPTS):
            for part in group:
                part.place(elsewhere=attempt > 0)
            try:
                await _all([part.start() for part in supervised])
            except PortTaken as taken:
                await asyncio.gather(*(part.stop() for part in supervised))
                self._journal.note("port_taken", part=taken.part, attempt=attempt)
                if attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    async def _train(self, program: JavaProgram, around: Surroundings) -> None:
        try:
            if await train(self.settings.home, program, around):
                self._journal.note("jvm_cache_made", file=program.cache)
        except (LocalStackError, OSError) as error:  # only a wish: the stack runs well without
            self._journal.note("jvm_cache_failed", error=str(error))

    def _kafka_program(self) -> JavaProgram:
        if self._java is None:
            raise RuntimeError("Kafka's class path is found before a broker starts")
        return self._java

    def _environment(self) -> Mapping[str, str]:
        """Return what our own processes are told: where all is, and the tokens of this machine."""
        token, addresses = DEV.chosen(self.settings.home), self._collect()
        own = {
            "TIDELOCK_SESSION_TIMEOUT_MS": str(self.settings.session_timeout_ms),
            "TIDELOCK_WORKERS": ",".join(addresses.workers),
            "TIDELOCK_TOKEN": token,
            DEV.variable: token,
            OPERATOR.variable: OPERATOR.chosen(self.settings.home),
            SYSTEM.variable: SYSTEM.chosen(self.settings.home),
            "TIDELOCK_API_DEV": "1",
        }
        return {**addresses.as_environment(), **own, **self.settings.environment}

    def _collect(self) -> Addresses:
        local, given = self._roster, self.settings
        return Addresses(
            kafka=given.kafka or (local.kafka.address if local.kafka else ""),
            postgres=given.postgres or (local.postgres.address if local.postgres else None),
            redis=given.redis or (local.redis.address if local.redis else None),
            influx=given.influx or (local.influx.credentials if local.influx else None),
            workers=tuple(worker.address for worker in local.workers),
            apis=tuple(api.address for api in local.apis),
        )

    def _clear_leftovers(self) -> None:
        for record in statefile.parts(self.settings.home):
            if record.pid and end_leftover(record.pid, record.created):
                self._say(f"{record.name} was left over from an earlier stack; stopped it")

    def _mention_what_is_off(self) -> None:
        wanted = "influx" in self.settings.parts and self.settings.influx is None
        if wanted and self._roster.influx is None:
            self._say(
                "InfluxDB is off: no influxd on PATH (set INFLUXD or TIDELOCK_INFLUX to have metrics history)"
            )

    def _write_state(self) -> None:
        records = [
            statefile.PartRecord(
                part.name, part.state, part.child.pid if part.child else None,
                part.child.created if part.child else 0.0, part.part.address, str(part.log), part.restarts,
            )
            for part in self._parts.values()
        ]  # fmt: skip
        statefile.write(self.settings.home, os.getpid(), self._addresses, records)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _all(starting: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run side by side; the first failure ends the others and is raised alone."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for one in starting:
                tasks.create_task(one)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of our own errors in a task group's failure, else the first error."""
    flat: list[BaseException] = []
    for error in group.exceptions:
        flat.append(_first(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((error for error in flat if isinstance(error, LocalStackError)), flat[0])
