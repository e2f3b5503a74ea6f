"""The process that breaks deadlocks: `python -m streams.processes.worker`. A composition root.

Tails all lock partitions, sends its commands by the client's direct lane, serves /metrics, /status and /ready. Any
number may run: what one has done, the others find done.

It exits with 0 after SIGTERM or SIGINT; 2: its settings are not usable, its port is taken, or the workers refuse its
token; 6: a log cannot be read on by this release.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import structlog

import tidelock
from schemas.errors import SchemaError
from storage.kafka.tail import KafkaLogTail
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from streams.ops.http import serve
from streams.ops.logs import configure_logs
from streams.ops.starting import EXIT_CONFIGURATION, CannotStart, Ending, listening, run_process, settings_of
from streams.processes.configuration import ProcessesSettings
from streams.processes.deadlocks.detector import DeadlockDetector
from streams.processes.deadlocks.process import DeadlockProcess
from streams.processes.direct_lane import ClientLane
from streams.processes.identity import Identity
from streams.processes.start import ReadModels, begin_at_the_start, begin_where_the_read_model_is
from streams.processes.status import application
from streams.processes.telemetry import DeadlockWatch
from tidelock.client.client import Client
from tidelock.client.errors import ConnectionLost, TidelockError

EXIT_LOG = 6


async def run(settings: ProcessesSettings) -> int:
    """Run until SIGTERM or SIGINT, or until a log cannot be read on. Return the exit code."""
    log, end = structlog.get_logger("tidelock.processes"), Ending()
    end.on_signals()
    working = asyncio.create_task(_work(settings, log), name="processes")
    ending = asyncio.create_task(end.asked.wait(), name="end")
    await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if working.done():
        return working.result()
    log.info("stopping")
    working.cancel()
    await asyncio.wait((working,))
    return 0 if working.cancelled() else working.result()


async def _work(settings: ProcessesSettings, log: structlog.BoundLogger) -> int:
    current: list[DeadlockProcess] = []
    async with AsyncExitStack() as opened:
        try:
            _serve_status(settings, opened, current)
            client = await _connected(settings, opened, log)
        except (TidelockError, CannotStart) as error:
            log.error("settings are not usable", code=error.code, error=str(error))
            return EXIT_CONFIGURATION
        store: ReadModels | None = None
        if settings.postgres is not None:
            limits = PoolSettings(application=settings.processes_name, max_size=2)
            store = PostgresProjectionStore(await opened.enter_async_context(pool(settings.postgres, limits)))
        try:
            await _detect(settings, client, store, current.append)
        except* (LogHalt, SchemaError) as halts:
            log.error("a log cannot be read on", error=str(halts.exceptions[0]))
        return EXIT_LOG


def _serve_status(
    settings: ProcessesSettings, opened: AsyncExitStack, current: Sequence[DeadlockProcess]
) -> None:
    address = settings.processes_metrics
    with listening("TIDELOCK_PROCESSES_METRICS", address):
        status = serve(address, application(settings.processes_name, current))
    opened.callback(status.server_close)
    opened.callback(status.shutdown)


async def _connected(
    settings: ProcessesSettings, opened: AsyncExitStack, log: structlog.BoundLogger
) -> Client:
    """Return a client of the workers, once one of them leads something. Raises `NotAuthenticated`, `BadArgument`."""
    while True:
        try:
            client = await tidelock.connect(*settings.addresses, token=settings.token)
        except ConnectionLost as error:
            log.warning("no worker yet", error=str(error))
        else:
            opened.push_async_callback(client.close)
            return client


async def _detect(
    settings: ProcessesSettings,
    client: Client,
    store: ReadModels | None,
    starting: Callable[[DeadlockProcess], None],
) -> None:
    """Detect until a log halts. A read model that does not fit its log is left for the log's beginning."""
    log, watch, vocabulary = structlog.get_logger("tidelock.processes"), DeadlockWatch(), Vocabulary(LOCKS)
    partitions = [PartitionId(LOCKS.name, number) for number in range(client.partitions(LOCKS.name))]
    while True:
        detector = DeadlockDetector()
        begun = begin_at_the_start(partitions, vocabulary)
        if store is not None:
            begun = await begin_where_the_read_model_is(store, detector, client.tenant, begun, vocabulary)
        tail, lane = KafkaLogTail(settings.kafka), ClientLane(client)
        process = DeadlockProcess(detector, Identity(client.tenant, client.id), begun, tail, lane, watch)
        starting(process)
        log.info("started", offsets={str(each.where): each.next_offset for each in begun})
        try:
            await process.run()
        except* LookupError as unfit:
            if store is None:
                raise
            log.error(
                "the read model does not fit its log; reading all of it", error=str(unfit.exceptions[0])
            )
            store = None


def main() -> int:
    """Run with the settings of the environment."""
    settings = settings_of("The process's", ProcessesSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, process=settings.processes_name)
    return run_process(run(settings))


if __name__ == "__main__":
    sys.exit(main())
