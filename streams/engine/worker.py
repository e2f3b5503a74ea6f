"""The worker process: `python -m streams.engine.worker`. The composition root of the write side.

Joins the group, owns what it is assigned, listens on the direct lane, serves /metrics, /status and /ready.

It exits with 0 after SIGTERM or SIGINT; 2: its settings are not usable, or a port that they name is taken; 3: its
topics are not fit, or Kafka cannot be reached; 4: its schemas are not fit; 5: its place in the group is lost: it has
released all that it owned, and its supervisor should start it again.
"""

import asyncio
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager

import httpx
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.catalogue import with_folder
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
from streams.domain.kind import KindSpec
from streams.engine.configuration import WorkerSettings
from streams.engine.direct_lane import HELLO_TIMEOUT_S, Connection
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.roster import Access, Roster
from streams.engine.settings import OwnerSettings
from streams.engine.status import observe, serve_status
from streams.engine.telemetry import WorkerWatch
from streams.engine.tls import TlsUnusable, listener_tls, own_lane_tls
from streams.engine.world import SystemClock, SystemEntropy
from streams.log.assignment import Member
from streams.log.ports import PortError
from streams.log.positions import PartitionId
from streams.log.reader import MAX_LEVEL
from streams.log.vocabulary import Vocabulary
from streams.ops.addresses import host_port
from streams.ops.letters import CountedLetters
from streams.ops.logs import configure_logs
from streams.ops.starting import (
    EXIT_CONFIGURATION,
    CannotStart,
    Ending,
    listening,
    run_process,
    settings_of,
)
from tidelock.registrar import OwnProcess, RegistrarSettings, registered
from tidelock.reporting import ReportSettings, reporting

EXIT_TOPICS = 3
EXIT_SCHEMAS = 4
EXIT_GROUP = 5
LEAVE_S = 0.3
"""How long handing over waits for the worker's own deregistration as a node."""


class WorkerEnding(Ending):
    """Why and when the worker ends: a signal, or the loss of its place in the group."""

    def __init__(self, log: structlog.BoundLogger) -> None:
        super().__init__()
        self._log = log

    def lost(self, error: Exception) -> None:
        """End, for the group has no place for this worker any more."""
        self._log.error("the place in the group is lost; start again", exc_info=error, error=repr(error))
        self.exit_code = EXIT_GROUP
        self.asked.set()


async def run(
    settings: WorkerSettings,
    kinds: Sequence[KindSpec] = KINDS,
    own: RegistrarSettings | None = None,
    told: ReportSettings | None = None,
) -> int:
    """Run a worker of `kinds` until SIGTERM or SIGINT, or until its group is lost. Return the exit code.

    `own`: how it becomes a node itself; None: it does not. `told`: how it tells of itself; None: it does not.
    """
    log = structlog.get_logger("tidelock.worker")
    ending = WorkerEnding(log)
    ending.on_signals()
    async with AsyncExitStack() as opened:
        try:
            roster = await _start(settings, kinds, opened, ending)
            own_tls = _tls(settings, own_lane_tls)
        except CannotStart as error:
            log.error(error.event, code=error.code, error=str(error))
            return error.exit_code
        tls, address = settings.tls_cert is not None, settings.advertised
        me = OwnProcess("worker", settings.worker_name, address, lambda: roster.ready, LEAVE_S)
        await opened.enter_async_context(registered(me, own and own.beginning_at(address), own_tls))
        await opened.enter_async_context(reporting(me, told, lambda: observe(roster)))
        log.info("started", direct_lane=address, tls=tls, metrics=settings.worker_metrics)
        await ending.asked.wait()
        log.info("stopping")
    return ending.exit_code


async def _start(
    settings: WorkerSettings, kinds: Sequence[KindSpec], opened: AsyncExitStack, ending: WorkerEnding
) -> Roster:
    """Open everything, in the reverse of the order in which it is closed again. Raises `CannotStart`."""
    tls = _tls(settings, listener_tls)
    vocabularies = {kind.name: Vocabulary(kind).ready() for kind in kinds}
    _kinds_are_known(settings, vocabularies)
    clock = SystemClock()
    watch, roster = WorkerWatch(clock), _roster(settings, vocabularies, clock)
    with _reaching_kafka(settings):
        await _topics_are_fit(settings, tuple(vocabularies))
        ports = await _ports(settings, opened)
    framing = _framing(settings, opened)
    of_kinds = {kind: _owner_settings(settings, kind) for kind in vocabularies}

    def own(where: PartitionId) -> Owner:
        words, owned = vocabularies[where.kind], of_kinds[where.kind]
        return Owner(where, words, ports(where), clock, SystemEntropy(), owned, roster, watch, framing)

    roster.owner_factory = own
    _serve_status(settings, roster, watch, opened)
    await _listen(settings, roster, tls, opened)
    with _reaching_kafka(settings):
        await _join(settings, roster, tuple(vocabularies), opened, ending)
    return roster


def _roster(settings: WorkerSettings, vocabularies: Mapping[str, Vocabulary], clock: SystemClock) -> Roster:
    return Roster(
        settings.worker_name,
        settings.advertised,
        vocabularies,
        settings.partitions,
        _access(settings),
        settings.max_in_flight,
        clock,
        settings.kind_partitions,
    )


def _access(settings: WorkerSettings) -> Access:
    client = Identity(settings.tenant, settings.principal, settings.dev_roles)
    return Access(settings.dev_token, client, settings.operator_token, settings.system_token)


async def _ports(settings: WorkerSettings, opened: AsyncExitStack) -> Callable[[PartitionId], GuardedPorts]:
    """Open what all partitions share; return what makes one partition's ports."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    opened.push_async_callback(admin.close)
    await admin.start()
    lookups = consumer(settings.kafka)
    opened.push_async_callback(lookups.stop)
    await lookups.start()
    dead_letters = KafkaDeadLetters(lambda: producer(settings.kafka))
    opened.push_async_callback(dead_letters.close)
    await dead_letters.start()
    guard = TopicGuard(admin, _topic_settings(settings))
    return lambda where: GuardedPorts(settings.kafka, where, CountedLetters(dead_letters), lookups, guard)


def _framing(settings: WorkerSettings, opened: AsyncExitStack) -> ConfluentFraming | None:
    if settings.registry is None:
        return None
    registry = httpx.AsyncClient(base_url=settings.registry)
    opened.push_async_callback(registry.aclose)
    return ConfluentFraming(HttpRegistry(registry))


def _serve_status(
    settings: WorkerSettings, roster: Roster, watch: WorkerWatch, opened: AsyncExitStack
) -> None:
    with listening("TIDELOCK_WORKER_METRICS", settings.worker_metrics):
        status = serve_status(
            settings.worker_metrics, roster, asyncio.get_running_loop(), watch.last_troubles
        )
    opened.callback(status.server_close)
    opened.callback(status.shutdown)


async def _listen(
    settings: WorkerSettings, roster: Roster, tls: ssl.SSLContext | None, opened: AsyncExitStack
) -> None:
    host, port = host_port(settings.worker_listen)
    with listening("TIDELOCK_WORKER_LISTEN", settings.worker_listen):
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(roster), host, port, backlog=1024, ssl=tls,
            ssl_handshake_timeout=None if tls is None else HELLO_TIMEOUT_S,
        )  # fmt: skip
    opened.callback(server.close)


async def _join(
    settings: WorkerSettings,
    roster: Roster,
    kinds: tuple[str, ...],
    opened: AsyncExitStack,
    ending: WorkerEnding,
) -> None:
    """Take a place in the group. The owners end before it is given back."""

    def me() -> Member:
        return Member(settings.worker_name, settings.advertised, MAX_LEVEL, roster.costs())

    membership = Membership(
        settings.kafka, kinds, me, roster.assigned, ending.lost, settings.session_timeout_ms
    )
    opened.push_async_callback(membership.stop)
    opened.push_async_callback(roster.close)
    await membership.start()


# ── what may be wrong ───────────────────────────────────────────────────────────────────────────────────────


def _kinds_are_known(settings: WorkerSettings, kinds: Mapping[str, Vocabulary]) -> None:
    strange = ", ".join(sorted(settings.kind_partitions.keys() - kinds.keys()))
    if strange:
        told = f"TIDELOCK_KIND_PARTITIONS names {strange}, which is no kind. Choose from: {', '.join(kinds)}."
        raise CannotStart(EXIT_CONFIGURATION, "settings are not usable", "NO_SUCH_KIND", told)


def _tls(
    settings: WorkerSettings, context_of: Callable[[WorkerSettings], ssl.SSLContext | None]
) -> ssl.SSLContext | None:
    try:
        return context_of(settings)
    except TlsUnusable as error:
        raise CannotStart(EXIT_CONFIGURATION, "settings are not usable", error.code, str(error)) from error


@contextmanager
def _reaching_kafka(settings: WorkerSettings) -> Iterator[None]:
    try:
        yield
    except TopicProblem as problem:
        raise CannotStart(EXIT_TOPICS, "topics are not fit", problem.code, str(problem)) from problem
    except (KafkaError, PortError, OSError) as error:
        told = f"TIDELOCK_KAFKA={settings.kafka} does not answer: {error!r}. Is it running there?"
        raise CannotStart(EXIT_TOPICS, "Kafka cannot be reached", "KAFKA_UNREACHABLE", told) from error


async def _topics_are_fit(settings: WorkerSettings, kinds: tuple[str, ...]) -> None:
    """Create what is missing, check all. Raises `TopicProblem`, `KafkaError`."""
    wanted = _topic_settings(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        await create_topics(admin, kinds, wanted)
        await check_topics(admin, kinds, wanted)
    finally:
        await admin.close()


def _topic_settings(settings: WorkerSettings) -> TopicSettings:
    return TopicSettings(
        settings.partitions, settings.replication, settings.min_insync, settings.durability == "fsync",
        tuple(settings.kind_partitions.items()),
    )  # fmt: skip


def _owner_settings(settings: WorkerSettings, kind: str) -> OwnerSettings:
    return OwnerSettings(
        address=settings.advertised,
        partitions=settings.partitions_of(kind),
        generation=settings.generation,
        log_id=None if settings.log_id is None else bytes.fromhex(settings.log_id),
        max_queued=settings.max_queued,
        max_queued_bytes=settings.max_queued_bytes,
    )


def main(kinds: Sequence[KindSpec] = KINDS) -> int:
    """Run a worker of `kinds` with the settings of the environment."""
    settings = settings_of("The worker's", WorkerSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, worker=settings.worker_name)
    try:
        for folder in sorted({"", *(kind.schemas for kind in kinds)}):
            check_all(with_folder(folder))
    except SchemaError as error:
        structlog.get_logger("tidelock.worker").error(
            "schemas are not fit", code=error.code, error=str(error)
        )
        return EXIT_SCHEMAS
    own, told = settings_of("The worker's", RegistrarSettings), settings_of("The worker's", ReportSettings)
    return EXIT_CONFIGURATION if own is None or told is None else run_process(run(settings, kinds, own, told))


if __name__ == "__main__":
    sys.exit(main())
