"""The worker process: `python -m streams.engine.worker`. The composition root of the write side.

Joins the group, owns what it is assigned, listens on the direct lane, serves /metrics, /status and /ready.

It exits with 0 after SIGTERM or SIGINT; 2: its settings are not usable; 3: its topics are not fit, or Kafka cannot be
reached; 4: its schemas are not fit; 5: its place in the group is lost: it has released all that it owned, and its
supervisor should start it again.
"""

import asyncio
import gc
import signal
import sys

import httpx
import structlog
import uvloop
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from schemas.confluent import ConfluentFraming
from schemas.errors import SchemaError
from schemas.gate import check_all
from schemas.registry import HttpRegistry
from storage.kafka.client import consumer, producer
from storage.kafka.guard import GuardedPorts, TopicGuard
from storage.kafka.log import KafkaDeadLetters
from storage.kafka.membership import Membership
from storage.kafka.topics import TopicProblem, TopicSettings, check_topics, create_topics
from streams.catalog import KINDS
from streams.engine.configuration import WorkerSettings, host_port
from streams.engine.direct_lane import HELLO_TIMEOUT_S, Connection
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.roster import Access, Roster
from streams.engine.settings import OwnerSettings
from streams.engine.status import serve_status
from streams.engine.telemetry import WorkerWatch, configure_logs
from streams.engine.tls import TlsUnusable, listener_tls
from streams.engine.world import SystemClock, SystemEntropy
from streams.log.assignment import Member
from streams.log.positions import PartitionId
from streams.log.reader import MAX_LEVEL
from streams.log.vocabulary import Vocabulary

EXIT_CONFIGURATION = 2
EXIT_TOPICS = 3
EXIT_SCHEMAS = 4
EXIT_GROUP = 5


async def run(settings: WorkerSettings) -> int:
    """Run a worker until SIGTERM or SIGINT, or until its group is lost. Return the exit code."""
    log = structlog.get_logger("tidelock.worker")
    stopping, losses = asyncio.Event(), list[Exception]()
    for signalled in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signalled, stopping.set)

    vocabularies = {kind.name: Vocabulary(kind) for kind in KINDS}
    clock, watch = SystemClock(), WorkerWatch()
    access = Access(settings.dev_token, Identity(settings.tenant, settings.principal))
    roster = Roster(
        settings.worker_name,
        settings.advertised,
        vocabularies,
        settings.partitions,
        access,
        settings.max_in_flight,
        clock,
    )
    try:
        tls = listener_tls(settings)
    except TlsUnusable as error:
        log.error("settings are not usable", code=error.code, error=str(error))
        return EXIT_CONFIGURATION
    if not await _topics_are_fit(settings, tuple(vocabularies), log):
        return EXIT_TOPICS

    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    lookups = consumer(settings.kafka)
    await lookups.start()
    dead_letters, owner_settings = (
        KafkaDeadLetters(lambda: producer(settings.kafka)),
        _owner_settings(settings),
    )
    await dead_letters.start()
    guard = TopicGuard(admin, _topic_settings(settings))

    registry = httpx.AsyncClient(base_url=settings.registry or "")
    framing = None if settings.registry is None else ConfluentFraming(HttpRegistry(registry))

    def own(where: PartitionId) -> Owner:
        ports = GuardedPorts(settings.kafka, where, dead_letters, lookups, guard)
        vocabulary = vocabularies[where.kind]
        return Owner(where, vocabulary, ports, clock, SystemEntropy(), owner_settings, roster, watch, framing)

    roster.owner_factory = own

    def me() -> Member:
        return Member(settings.worker_name, settings.advertised, MAX_LEVEL, roster.costs())

    def lost(error: Exception) -> None:
        log.error("the place in the group is lost; start again", exc_info=error, error=repr(error))
        losses.append(error)
        stopping.set()

    membership = Membership(
        settings.kafka, tuple(vocabularies), me, roster.assigned, lost, settings.session_timeout_ms
    )
    host, port = host_port(settings.worker_listen)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(roster), host, port, backlog=1024, ssl=tls,
        ssl_handshake_timeout=None if tls is None else HELLO_TIMEOUT_S,
    )  # fmt: skip
    status = serve_status(settings.worker_metrics, roster, asyncio.get_running_loop())
    await membership.start()
    log.info("started", direct_lane=settings.advertised, tls=tls is not None, metrics=settings.worker_metrics)
    try:
        await stopping.wait()
        log.info("stopping")
    finally:
        await roster.close()
        await membership.stop()
        server.close()
        await dead_letters.close()
        await lookups.stop()
        await admin.close()
        await registry.aclose()
        status.shutdown()
    return EXIT_GROUP if losses else 0


async def _topics_are_fit(
    settings: WorkerSettings, kinds: tuple[str, ...], log: structlog.BoundLogger
) -> bool:
    wanted = _topic_settings(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        await create_topics(admin, kinds, wanted)
        await check_topics(admin, kinds, wanted)
    except TopicProblem as problem:
        log.error("topics are not fit", code=problem.code, error=str(problem))
        return False
    except KafkaError as error:
        log.error("Kafka cannot be reached", kafka=settings.kafka, error=repr(error))
        return False
    finally:
        await admin.close()
    return True


def _topic_settings(settings: WorkerSettings) -> TopicSettings:
    return TopicSettings(
        settings.partitions, settings.replication, settings.min_insync, settings.durability == "fsync"
    )


def _owner_settings(settings: WorkerSettings) -> OwnerSettings:
    return OwnerSettings(
        address=settings.advertised,
        partitions=settings.partitions,
        generation=settings.generation,
        log_id=None if settings.log_id is None else bytes.fromhex(settings.log_id),
        max_queued=settings.max_queued,
        max_queued_bytes=settings.max_queued_bytes,
    )


GC_THRESHOLDS = (50_000, 20, 100)
"""Decisions make many objects and hardly a cycle: the collector looks less often than by default (4 % of CPU)."""


def main() -> int:
    """Run a worker with the settings of the environment."""
    try:
        settings = WorkerSettings()
    except ValidationError as error:
        sys.stderr.write(f"The worker's settings are not usable (environment, TIDELOCK_*):\n{error}\n")
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, worker=settings.worker_name)
    try:
        check_all()
    except SchemaError as error:
        structlog.get_logger("tidelock.worker").error(
            "schemas are not fit", code=error.code, error=str(error)
        )
        return EXIT_SCHEMAS
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return uvloop.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
