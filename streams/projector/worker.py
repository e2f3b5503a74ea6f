"""The projector process: `python -m streams.projector.worker`. The composition root of the read side.

Joins the group, folds the logs that it is assigned into PostgreSQL and into tables, keeps hot copies in Redis and
publishes windows to InfluxDB if it is told where those are; serves /metrics, /status and /ready.

It exits with 0 after SIGTERM or SIGINT; 2: its settings are not usable, or a port that they name is taken; 3: there
are no logs, a table's changelog is not fit, or Kafka cannot be reached; 4: the database is not fit; 5: its place in
the group is lost; 6: it stood still. After 5 and 6 its supervisor should start it again. PostgreSQL, Redis and
InfluxDB are waited for.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import structlog

from storage.kafka.ends import KafkaLogEnds
from storage.kafka.topic_facts import ends_of
from streams.catalog import KINDS
from streams.domain.kind import KindSpec
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.ops.logs import configure_logs
from streams.ops.starting import (
    EXIT_CONFIGURATION,
    CannotStart,
    Ending,
    listening,
    run_process,
    settings_of,
)
from streams.projections.projection import Projection
from streams.projector import sinks
from streams.projector.app import BESIDE, GROUP, GroupSettings, ProjectorApp
from streams.projector.configuration import ProjectorSettings
from streams.projector.ends import Ends
from streams.projector.projector import Projector
from streams.projector.settings import LaneSettings
from streams.projector.sinks import EXIT_LOGS
from streams.projector.status import Shown, serve_status
from streams.projector.watchdog import LoopGuard, Watchdog
from streams.read_models import PROJECTIONS
from tidelock.registrar import OwnProcess, RegistrarSettings, registered
from tidelock.reporting import ReportSettings, reporting

EXIT_GROUP = 5
EXIT_STALLED = 6
END_S = 10.0
"""How long the end may take before it is cut short."""
LOOK_S = 1.0
GC_THRESHOLDS = (1_000_000, 5, 10)
"""What is read and not yet written are hundreds of thousands of objects, again and again, and no cycle among them: to
go through them took a twelfth of the process's time. Cycles may take some 100 MB before they are looked for."""


class ProjectorEnding(Ending):
    """Why and when the projector ends: a signal, the loss of its place in the group, or a standstill."""

    def __init__(self, log: structlog.BoundLogger) -> None:
        super().__init__()
        self._log = log

    def lost(self, error: BaseException | None) -> None:
        """End, for the group has no place for this projector any more."""
        self._end(EXIT_GROUP, "the place in the group is lost; start again", repr(error))

    def stalled(self, what: str) -> None:
        """End, for there is something to do and it is not done."""
        self._end(EXIT_STALLED, "standing still; start again", what)

    def _end(self, exit_code: int, event: str, error: str) -> None:
        if not self.asked.is_set():
            self._log.error(event, error=error)
            self.exit_code = exit_code
            self.asked.set()


async def run(
    settings: ProjectorSettings,
    kinds: Sequence[KindSpec] = KINDS,
    projections: Sequence[Projection] = PROJECTIONS,
    own: RegistrarSettings | None = None,
    told: ReportSettings | None = None,
) -> int:
    """Run a projector of `projections` until SIGTERM or SIGINT, or until it can do no more. Return the exit code.

    `kinds`: those that the projections are of, at least. `own`: how it becomes a node itself; None: it does not.
    `told`: how it tells of itself; None: it does not.
    """
    log = structlog.get_logger("tidelock.projector")
    ending = ProjectorEnding(log)
    ending.on_signals()
    opened = AsyncExitStack()
    work = _start(settings, kinds, projections, opened, ending, own, told)
    starting = asyncio.create_task(work, name="start")
    asked = asyncio.create_task(ending.asked.wait(), name="wait for the end")
    try:
        await asyncio.wait((starting, asked), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await asked
        log.info("stopping")
    except CannotStart as error:
        log.error(error.event, code=error.code, error=str(error))
        ending.exit_code = error.exit_code
    finally:
        await _close(opened, starting, asked, ending.exit_code)
    return ending.exit_code


async def _close(opened: AsyncExitStack, starting: Any, asked: Any, exit_code: int) -> None:
    """Let all go; what hangs is cut short, for checkpoints say where to go on."""
    for task in (starting, asked):
        task.cancel()
    await asyncio.wait((starting, asked))
    try:
        async with asyncio.timeout(END_S):
            await opened.aclose()
    except TimeoutError:
        structlog.get_logger("tidelock.projector").warning("the end took too long, and was cut short")
        os._exit(exit_code)


async def _start(
    settings: ProjectorSettings,
    kinds: Sequence[KindSpec],
    projections: Sequence[Projection],
    opened: AsyncExitStack,
    ending: ProjectorEnding,
    own: RegistrarSettings | None,
    told: ReportSettings | None,
) -> None:
    """Open everything, in the reverse of the order in which it is closed again. Raises `CannotStart`."""
    shown = Shown(settings.projector_name)
    _serve(settings, shown, opened)
    firsts = [PartitionId(name, 0) for name in sorted({projection.kind for projection in projections})]
    await _logs_are_there(settings, [first.log_topic for first in firsts])
    connections = await sinks.database(settings, shown, opened)
    tables = await sinks.tables(settings, projections, opened)
    projector = Projector(
        projections,
        {kind.name: Vocabulary(kind) for kind in kinds},
        sinks.ports(settings, connections, tables, opened),
        LaneSettings(
            ring_bytes=settings.projector_buffer_bytes,
            retries=settings.projector_retries,
            build_decisions_per_s=settings.projector_build_decisions_per_s,
            beside=settings.projector_beside,
        ),
        sinks.hot(settings, opened),
    )
    look_ups = KafkaLogEnds(settings.kafka)
    opened.push_async_callback(look_ups.close)
    ends = Ends(look_ups.ends, lambda: projector.tails or firsts)
    shown.keeper = sinks.keeper(settings, connections, projections, opened)
    sinks.retention(settings, connections, projections, opened)
    shown.publishers = await sinks.publishers(settings, projections, opened)
    group = BESIDE if settings.projector_beside else GROUP
    app = ProjectorApp(GroupSettings(settings.kafka, settings.session_timeout_ms, group), projector)
    shown.projector, shown.ends, shown.waits_for = projector, ends, None
    await opened.enter_async_context(_beside("ends of the logs", ends.run()))
    await opened.enter_async_context(_in_group(app, projector, ending))
    dog = Watchdog(projector, ends, lambda: bool(app.rebalancing), settings.projector_stall_s)
    await opened.enter_async_context(_beside("watchdog", _watch(dog, settings.projector_stall_s, ending)))
    me = OwnProcess("projector", shown.name, settings.projector_metrics, lambda: shown.ready)
    await opened.enter_async_context(registered(me, own))
    await opened.enter_async_context(reporting(me, told, shown.observe))
    structlog.get_logger("tidelock.projector").info("started", metrics=settings.projector_metrics)


def _serve(settings: ProjectorSettings, shown: Shown, opened: AsyncExitStack) -> None:
    with listening("TIDELOCK_PROJECTOR_METRICS", settings.projector_metrics):
        status = serve_status(settings.projector_metrics, shown)
    opened.callback(status.server_close)
    opened.callback(status.shutdown)


async def _logs_are_there(settings: ProjectorSettings, topics: list[str]) -> None:
    try:
        found = await ends_of(settings.kafka, topics)
    except (LogUnavailable, OSError) as error:
        told = f"TIDELOCK_KAFKA={settings.kafka} does not answer: {error}"
        raise CannotStart(EXIT_LOGS, "Kafka cannot be reached", "KAFKA_UNREACHABLE", told) from error
    missing = sorted(set(topics) - {topic for topic, _ in found})
    if missing:
        told = f"{', '.join(missing)}: no such topic. Start a worker first; it creates the topics."
        raise CannotStart(EXIT_LOGS, "there are no logs", "NO_LOGS", told)


@asynccontextmanager
async def _in_group(app: ProjectorApp, projector: Projector, ending: ProjectorEnding) -> AsyncIterator[None]:
    """Take a place in the group. The lanes end before it is given back."""
    app.subscribe()
    living = asyncio.create_task(_live(app, ending), name="faust")
    try:
        yield
    finally:
        await projector.close()
        with suppress(TimeoutError):
            await app.stop()
        await sinks.ended(living)


async def _live(app: ProjectorApp, ending: ProjectorEnding) -> None:
    try:
        await app.start()
        await app.wait_until_stopped()
    except Exception as error:
        ending.lost(error)
    else:
        ending.lost(app.crash_reason)


async def _watch(dog: Watchdog, stall_s: float, ending: ProjectorEnding) -> None:
    guard = LoopGuard(EXIT_STALLED, looks=int(stall_s))
    guard.start()
    while True:
        await asyncio.sleep(LOOK_S)
        guard.beat()
        what = dog.look(time.monotonic())
        if what is not None:
            ending.stalled(what)


@asynccontextmanager
async def _beside(name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        await sinks.ended(task)


def main() -> int:
    """Run a projector with the settings of the environment."""
    settings = settings_of("The projector's", ProjectorSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, projector=settings.projector_name)
    own, told = (
        settings_of("The projector's", RegistrarSettings),
        settings_of("The projector's", ReportSettings),
    )
    if own is None or told is None:
        return EXIT_CONFIGURATION
    return run_process(run(settings, own=own, told=told), GC_THRESHOLDS)


if __name__ == "__main__":
    sys.exit(main())
