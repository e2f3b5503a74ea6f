"""The process that watches the logs and acts on them: `python -m streams.processes.worker`.

It breaks deadlocks, moves messages, sweeps sessions, and takes from the Redis tier of caches what changed (if it is
told of a Redis). A composition root. Tails all partitions of locks, queues, nodes and caches, sends its commands by
the client's direct lane, serves /metrics, /status and /ready. Any number may run: what one has done, the others find
done.

It exits with 0 after SIGTERM or SIGINT; 2: its settings are not usable, its port is taken, or the workers refuse its
token; 6: a log cannot be read on by this release.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog

import tidelock
from schemas.errors import SchemaError
from storage.kafka.ends import KafkaLogEnds
from storage.kafka.tail import KafkaLogTail
from storage.postgres.moving import PostgresMovingReads
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from storage.redis.hot import client as hot_client
from storage.redis.tier import RedisTierStore, cluster
from streams.catalog import KINDS
from streams.domain.caches.kind import CACHES
from streams.domain.kind import KindSpec
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes.kind import NODES
from streams.domain.queues.kind import QUEUES
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from streams.ops.http import serve
from streams.ops.logs import configure_logs
from streams.ops.starting import EXIT_CONFIGURATION, CannotStart, Ending, listening, run_process, settings_of
from streams.processes.configuration import ProcessesSettings
from streams.processes.deadlocks.detector import DeadlockDetector
from streams.processes.deadlocks.process import DeadlockProcess
from streams.processes.direct_lane import PATIENCE_S, ClientLane, ClientQueueLane, ClientSessionLane
from streams.processes.identity import Identity
from streams.processes.mover.moves import Moves
from streams.processes.mover.process import MoverProcess
from streams.processes.start import (
    ReadModels,
    begin_at_the_start,
    begin_where_moves_are_known,
    begin_where_the_read_model_is,
)
from streams.processes.status import AtWork, application
from streams.processes.sweeper.process import SweeperProcess
from streams.processes.telemetry import DeadlockWatch, MoverWatch, SweeperWatch, TierWatch
from streams.processes.tier.process import TierProcess
from streams.projections.queues.moving import MovingReads
from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, ConnectionLost, TidelockError
from tidelock.registrar import OwnProcess, RegistrarSettings, registered
from tidelock.reporting import ReportSettings, reporting

EXIT_LOG = 6


async def run(
    settings: ProcessesSettings,
    kinds: tuple[KindSpec, ...] = KINDS,
    own: RegistrarSettings | None = None,
    told: ReportSettings | None = None,
) -> int:
    """Run until SIGTERM or SIGINT, or until a log cannot be read on. Return the exit code.

    `own`: how it becomes a node itself; None: it does not. `told`: how it tells of itself; None: it does not.
    """
    log, end = structlog.get_logger("tidelock.processes"), Ending()
    end.on_signals()
    working = asyncio.create_task(_work(settings, kinds, log, own, told), name="processes")
    ending = asyncio.create_task(end.asked.wait(), name="end")
    await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if working.done():
        return working.result()
    log.info("stopping")
    working.cancel()
    await asyncio.wait((working,))
    return 0 if working.cancelled() else working.result()


async def _work(
    settings: ProcessesSettings,
    kinds: tuple[KindSpec, ...],
    log: structlog.BoundLogger,
    own: RegistrarSettings | None,
    told: ReportSettings | None,
) -> int:
    at_work = AtWork()
    async with AsyncExitStack() as opened:
        try:
            _serve_status(settings, opened, at_work)
            client = await _connected(settings, kinds, opened, log)
        except (TidelockError, CannotStart) as error:
            log.error("settings are not usable", code=error.code, error=str(error))
            return EXIT_CONFIGURATION
        name, address = settings.processes_name, settings.processes_metrics
        me = OwnProcess("processes", name, address, lambda: at_work.tailing)
        await opened.enter_async_context(registered(me, own))
        await opened.enter_async_context(reporting(me, told))
        store: ReadModels | None = None
        moving: MovingReads | None = None
        if settings.postgres is not None:
            limits = PoolSettings(application=settings.processes_name, max_size=2)
            connections = await opened.enter_async_context(pool(settings.postgres, limits))
            store, moving = PostgresProjectionStore(connections), PostgresMovingReads(connections)
        try:
            async with asyncio.TaskGroup() as working:
                if partitions := _partitions(client, LOCKS):
                    working.create_task(_detect(settings, client, partitions, store, at_work))
                if partitions := _partitions(client, QUEUES):
                    working.create_task(_move(settings, client, partitions, moving, at_work))
                if partitions := _partitions(client, NODES):
                    working.create_task(_sweep(settings, kinds, client, partitions, at_work))
                if settings.redis is not None and (partitions := _partitions(client, CACHES)):
                    working.create_task(_keep_tier(settings, settings.redis, partitions, at_work))
        except* (LogHalt, SchemaError) as halts:
            log.error("a log cannot be read on", error=str(_first(halts)))
        return EXIT_LOG


def _serve_status(settings: ProcessesSettings, opened: AsyncExitStack, at_work: AtWork) -> None:
    address = settings.processes_metrics
    with listening("TIDELOCK_PROCESSES_METRICS", address):
        status = serve(address, application(settings.processes_name, at_work))
    opened.callback(status.server_close)
    opened.callback(status.shutdown)


async def _connected(
    settings: ProcessesSettings,
    kinds: tuple[KindSpec, ...],
    opened: AsyncExitStack,
    log: structlog.BoundLogger,
) -> Client:
    """Return a client of the workers, once one of them leads something. Raises `NotAuthenticated`, `BadArgument`."""
    while True:
        try:
            client = await tidelock.connect(
                *settings.addresses,
                token=settings.system_token or settings.token,
                timeout=PATIENCE_S,
                kinds=kinds,
            )
        except ConnectionLost as error:
            log.warning("no worker yet", error=str(error))
        else:
            opened.push_async_callback(client.close)
            return client


def _partitions(client: Client, kind: KindSpec) -> list[PartitionId]:
    """Return the partitions of a kind; none if these workers do not serve it."""
    try:
        return [PartitionId(kind.name, number) for number in range(client.partitions(kind.name))]
    except BadArgument:
        return []


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _detect(
    settings: ProcessesSettings,
    client: Client,
    partitions: Sequence[PartitionId],
    store: ReadModels | None,
    at_work: AtWork,
) -> None:
    """Detect until a log halts. A read model that does not fit its log is left for the log's beginning."""
    log, watch, vocabulary = structlog.get_logger("tidelock.processes"), DeadlockWatch(), Vocabulary(LOCKS)
    while True:
        detector = DeadlockDetector()
        begun = begin_at_the_start(partitions, vocabulary)
        if store is not None:
            begun = await begin_where_the_read_model_is(store, detector, client.tenant, begun, vocabulary)
        tail, lane = KafkaLogTail(settings.kafka), ClientLane(client)
        process = DeadlockProcess(detector, Identity(client.tenant, client.id), begun, tail, lane, watch)
        at_work.detectors.append(process)
        log.info("detecting deadlocks", offsets={str(each.where): each.next_offset for each in begun})
        try:
            await process.run()
        except* LookupError as unfit:
            if store is None:
                raise
            log.error(
                "the read model does not fit its log; reading all of it", error=str(unfit.exceptions[0])
            )
            store = None


async def _move(
    settings: ProcessesSettings,
    client: Client,
    partitions: Sequence[PartitionId],
    reads: MovingReads | None,
    at_work: AtWork,
) -> None:
    """Move messages between queues until a log halts."""
    vocabulary, moves = Vocabulary(QUEUES), Moves()
    begun = begin_at_the_start(partitions, vocabulary)
    if reads is not None:
        begun = await begin_where_moves_are_known(reads, moves, client.tenant, begun, vocabulary)
    mover = MoverProcess(
        Identity(client.tenant, client.id), vocabulary, begun, KafkaLogTail(settings.kafka),
        ClientQueueLane(client), MoverWatch(), moves,
    )  # fmt: skip
    at_work.movers.append(mover)
    log = structlog.get_logger("tidelock.processes")
    log.info("moving messages", offsets={str(each.where): each.next_offset for each in begun})
    await mover.run()


async def _sweep(
    settings: ProcessesSettings,
    kinds: tuple[KindSpec, ...],
    client: Client,
    partitions: Sequence[PartitionId],
    at_work: AtWork,
) -> None:
    """End the sessions of nodes that are gone until a log halts. Not where the workers serve kinds unknown here."""
    log = structlog.get_logger("tidelock.processes")
    unknown = set(client.kinds).difference([kind.name for kind in kinds])
    if unknown:
        log.error(
            "sessions are not swept: give this process all kinds of the workers", unknown=sorted(unknown)
        )
        return
    everywhere = [where for kind in kinds for where in _partitions(client, kind)]
    vocabulary = Vocabulary(NODES)
    sweeper = SweeperProcess(
        Identity(client.tenant, client.id), vocabulary, begin_at_the_start(partitions, vocabulary),
        KafkaLogTail(settings.kafka), ClientSessionLane(client), SweeperWatch(), everywhere,
    )  # fmt: skip
    at_work.sweepers.append(sweeper)
    log.info("sweeping sessions", partitions=len(everywhere))
    await sweeper.run()


async def _keep_tier(
    settings: ProcessesSettings, url: str, partitions: Sequence[PartitionId], at_work: AtWork
) -> None:
    """Take from the Redis tier what changes in caches until a log halts."""
    async with AsyncExitStack() as opened:
        redis = cluster(url) if settings.redis_cluster else hot_client(url)
        opened.push_async_callback(redis.aclose)
        logs = KafkaLogEnds(settings.kafka)
        opened.push_async_callback(logs.close)
        tier = TierProcess(
            Vocabulary(CACHES), partitions, KafkaLogTail(settings.kafka), logs,
            RedisTierStore(redis, settings.redis_namespace), TierWatch(),
        )  # fmt: skip
        at_work.tiers.append(tier)
        log = structlog.get_logger("tidelock.processes")
        log.info("keeping the Redis tier of caches", partitions=len(partitions))
        await tier.run()


def main(kinds: tuple[KindSpec, ...] = KINDS) -> int:
    """Run with the settings of the environment, beside workers that serve (some of) these kinds."""
    settings = settings_of("The process's", ProcessesSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, process=settings.processes_name)
    own, told = settings_of("The process's", RegistrarSettings), settings_of("The process's", ReportSettings)
    return EXIT_CONFIGURATION if own is None or told is None else run_process(run(settings, kinds, own, told))


if __name__ == "__main__":
    sys.exit(main())
