"""An API node: `python -m api.server`. The composition root of the read side's and the commands' GraphQL API.

Serves GraphQL at /graphql; /metrics and /ready elsewhere. It exits with 0 after SIGTERM or SIGINT, and with 2 if its
settings are not usable, or a port that they name is taken. Kafka, PostgreSQL and the workers are waited for.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
import uvicorn

import tidelock
from api.app import ApiApp
from api.composition import letters, live_locks, live_queues, of_caches, of_copies, of_nodes, reading
from api.hot.copies import HotCopies
from api.http import MAX_BODY_BYTES, GraphQLOverHttp
from api.identity import DevelopmentToken
from api.requests import HttpProtocol
from api.resources import Resources
from api.schema import build
from api.services import Services, home_of
from api.sessions import Sessions
from api.settings import ApiSettings
from api.subscriptions.app import LiveApp
from api.subscriptions.hub import Hub
from api.subscriptions.opening import followed, log_reader
from api.subscriptions.serving import LiveServer, WebSocketProtocol
from api.subscriptions.shares import ShareLimits
from api.telemetry import SESSIONS
from storage.kafka.ends import KafkaLogEnds
from storage.postgres.marks import PostgresLogMarks
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from storage.postgres.reads_checkpoints import PostgresStandings
from storage.postgres.reads_progress import PostgresProgress
from storage.postgres.reads_queues import PostgresQueueReads
from storage.redis.hot import RedisHotStore
from storage.redis.reader import reader
from streams.catalog import KINDS
from streams.domain.kind import KindSpec
from streams.log.ports import LogUnavailable
from streams.ops.addresses import host_port
from streams.ops.http import OK, UNAVAILABLE, pages, serve
from streams.ops.logs import configure_logs
from streams.ops.starting import EXIT_CONFIGURATION, run_process, settings_of
from tidelock.client.client import Connecting
from tidelock.registrar import OwnProcess, RegistrarSettings, registered
from tidelock.reporting import ReportSettings, reporting

COMMAND_S = 15.0
CONNECT_S = 5.0
WAIT_S = 0.5
SHUTDOWN_S = 5
BACKLOG = 2048
LOCKS = "locks"
QUEUES = "queues"
NODES = "nodes"
CACHES = "caches"


class Node:
    """A running API node: what it shows of itself, and how it ends."""

    def __init__(self) -> None:
        self.services: Services | None = None
        self.server: Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._ending = False

    def measure(self) -> None:
        """Set the gauges of /metrics."""
        if self.services is not None:
            SESSIONS.set(len(self.services.sessions))

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""
        return self.server is not None and self.server.started and not self._ending

    def page(self) -> tuple[str, object]:
        """Return /ready."""
        ready = self.is_ready
        return (OK if ready else UNAVAILABLE), {"ready": ready}

    async def until_asked(self, serving: Coroutine[Any, Any, None]) -> None:
        """Await `serving` until SIGTERM or SIGINT ends it."""
        self._serving = asyncio.create_task(serving, name="serve")
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._end)
        try:
            await self._serving
        except asyncio.CancelledError:
            if not self._ending:
                raise

    def _end(self) -> None:
        """End what has begun to serve in order, and at once what still waits for others."""
        self._ending = True
        if self.server is not None and self.server.started:
            self.server.should_exit = True
        elif self._serving is not None:
            self._serving.cancel()


class Server(LiveServer):
    """Uvicorn's, which leaves signals to the node: it would raise them again, and nothing would be closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them."""
        yield


@asynccontextmanager
async def services_of(
    settings: ApiSettings, kinds: Sequence[KindSpec] = KINDS
) -> AsyncIterator[tuple[Services, list[Hub]]]:
    """Open all that the API works with, and where live subscriptions meet; waits for the logs to be there."""
    limits = replace(SETTINGS, max_size=settings.api_connections, statement_ms=settings.api_statement_ms)
    connections = pool(settings.postgres, limits)
    progress = PostgresProgress(settings.postgres, limits)
    ends = KafkaLogEnds(settings.kafka)
    workers = [address.strip() for address in settings.workers.split(",") if address.strip()]
    sessions = Sessions(partial(_connect, workers), settings.api_sessions)
    aside = letters(settings.kafka, settings.postgres, kinds)
    await connections.open(wait=False)
    progress.open()
    key = settings.cursor_key.encode()
    marks = PostgresLogMarks(connections)
    watching = followed(settings.kafka, kinds, ends, marks, key, settings.api_subscriptions)
    asking = reading(connections, settings.postgres_replica, limits)
    try:
        async with watching as logs, _hot(settings.redis) as copies, asking as reads_from:
            partitions = {kind.name: await _partitions(ends, kind.name) for kind in kinds}
            home = partial(home_of, partitions)
            queues = PostgresQueueReads(reads_from) if QUEUES in logs else None
            services = Services(
                authenticator=DevelopmentToken(
                    settings.known_token,
                    settings.tenant,
                    settings.principal,
                    settings.operator_token,
                    settings.dev_roles,
                ),
                reads=PostgresLockReads(reads_from),
                progress=progress,
                log_ends=ends,
                sessions=sessions,
                partitions=partitions,
                page_key=key,
                **of_copies(copies, progress, partitions),
                live=live_locks(logs[LOCKS], connections),
                resources=Resources(tuple(kinds), home, log_reader(settings.kafka), marks),
                queues=queues,
                live_queues=None if queues is None else live_queues(logs[QUEUES], queues, progress),
                **of_caches(logs.get(CACHES), reads_from, settings.kafka, marks),
                **of_nodes(logs.get(NODES), reads_from),
                letters=aside,
                everywhere=PostgresStandings(reads_from),
            )
            yield services, [each.hub for each in logs.values()]
    finally:
        await aside.close()
        await sessions.close()
        await progress.close()
        await ends.close()
        await connections.close()


@asynccontextmanager
async def _hot(url: str | None) -> AsyncIterator[HotCopies | None]:
    """Open the hot copies, whether Redis is there or not; none if it is not named."""
    if url is None:
        yield None
        return
    redis = reader(url)
    try:
        yield HotCopies(RedisHotStore(redis))
    finally:
        await redis.aclose()


def _connect(workers: list[str], token: str, client_id: str, first_sequence: int) -> Connecting:
    return tidelock.connect(
        *workers,
        token=token,
        timeout=COMMAND_S,
        connect_timeout=CONNECT_S,
        client_id=client_id,
        first_sequence=first_sequence,
    )


async def _partitions(ends: KafkaLogEnds, kind: str) -> int:
    log = structlog.get_logger("tidelock.api")
    while True:
        try:
            return await ends.partitions(kind)
        except LogUnavailable as error:
            log.warning("waiting for the logs", error=str(error))
            await asyncio.sleep(WAIT_S)


async def run(
    settings: ApiSettings,
    kinds: Sequence[KindSpec] = KINDS,
    own: RegistrarSettings | None = None,
    told: ReportSettings | None = None,
) -> int:
    """Serve `kinds` until SIGTERM or SIGINT; return the exit code.

    `own`: how it becomes a node; None: it does not. `told`: how it tells of itself; None: it does not.
    """
    log = structlog.get_logger("tidelock.api")
    node = Node()
    async with AsyncExitStack() as opened:
        try:
            status = serve(settings.api_metrics, pages({"/ready": node.page}, node.measure))
            opened.callback(status.server_close)
            opened.callback(status.shutdown)
            listening = opened.enter_context(_listening(settings.api_listen))
        except OSError as error:
            log.error(
                "cannot listen", listen=settings.api_listen, metrics=settings.api_metrics, error=str(error)
            )
            return EXIT_CONFIGURATION
        me = OwnProcess("api", settings.api_name, settings.api_listen, lambda: node.is_ready)
        await opened.enter_async_context(registered(me, own))
        await opened.enter_async_context(reporting(me, told, node.measure))
        await node.until_asked(_serve(settings, kinds, node, listening))
    return 0


def _listening(address: str) -> socket.socket:
    host, port = host_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)


async def _serve(
    settings: ApiSettings, kinds: Sequence[KindSpec], node: Node, listening: socket.socket
) -> None:
    async with services_of(settings, kinds) as (services, hubs):
        schema = build(introspection=settings.api_dev)
        http = GraphQLOverHttp(schema, services)
        app = ApiApp(
            http,
            LiveApp(schema, services, http, shares=_shares(settings)),
            dev_token=settings.known_token if settings.api_dev else None,
        )
        node.services, node.server = services, Server(_configured(app), hubs)
        await node.server.serve(sockets=[listening])


def _shares(settings: ApiSettings) -> ShareLimits:
    return ShareLimits(settings.api_principal_connections, settings.api_principal_subscriptions)


def _configured(app: ApiApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_per_message_deflate=False,
        ws_max_size=MAX_BODY_BYTES,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


def main(kinds: Sequence[KindSpec] = KINDS) -> int:
    """Run an API node of `kinds` with the settings of the environment."""
    settings = settings_of("The API's", ApiSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, api=settings.api_name)
    own, told = settings_of("The API's", RegistrarSettings), settings_of("The API's", ReportSettings)
    return EXIT_CONFIGURATION if own is None or told is None else run_process(run(settings, kinds, own, told))


if __name__ == "__main__":
    sys.exit(main())
