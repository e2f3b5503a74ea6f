"""An API node: `python -m api.server`. The composition root of the read side's and the commands' GraphQL API.

Serves GraphQL at /graphql; /metrics and /ready elsewhere. It exits with 0 after SIGTERM or SIGINT, and with 2 if its
settings are not usable, or a port that they name is taken. Kafka, PostgreSQL and the workers are waited for.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import structlog
import uvicorn
import uvloop
from pydantic import ValidationError

import tidelock
from api.app import ApiApp
from api.http import MAX_BODY_BYTES, GraphQLOverHttp
from api.identity import DevelopmentToken
from api.schema import build
from api.services import Services
from api.sessions import Sessions
from api.settings import ApiSettings
from api.subscriptions.app import LiveApp
from api.subscriptions.opening import live_locks
from api.subscriptions.serving import LiveServer, WebSocketProtocol
from api.telemetry import SESSIONS
from storage.kafka.ends import KafkaLogEnds
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from storage.postgres.reads_progress import PostgresProgress
from streams.log.ports import LogUnavailable
from streams.ops.addresses import host_port
from streams.ops.http import OK, UNAVAILABLE, pages, serve
from streams.ops.logs import configure_logs

EXIT_CONFIGURATION = 2
COMMAND_S = 15.0
CONNECT_S = 5.0
WAIT_S = 0.5
SHUTDOWN_S = 5
GC_THRESHOLDS = (50_000, 20, 100)
LOCKS = "locks"


class Node:
    """What a running API node shows of itself."""

    def __init__(self) -> None:
        self.ready = False
        self.services: Services | None = None

    def measure(self) -> None:
        """Set the gauges of /metrics."""
        if self.services is not None:
            SESSIONS.set(len(self.services.sessions))

    def page(self) -> tuple[str, object]:
        """Return /ready."""
        return (OK if self.ready else UNAVAILABLE), {"ready": self.ready}


@asynccontextmanager
async def services_of(settings: ApiSettings) -> AsyncIterator[Services]:
    """Open all that the API works with; waits for the logs to be there."""
    reading = replace(SETTINGS, max_size=settings.api_connections)
    connections = pool(settings.postgres, reading)
    progress = PostgresProgress(settings.postgres, reading)
    ends = KafkaLogEnds(settings.kafka)
    workers = [address.strip() for address in settings.workers.split(",") if address.strip()]
    sessions = Sessions(partial(_connect, workers), settings.api_sessions)
    await connections.open(wait=False)
    progress.open()
    key = settings.cursor_key.encode()
    watching = live_locks(settings.kafka, ends, connections, key, settings.api_subscriptions)
    try:
        async with watching as live:
            yield Services(
                authenticator=DevelopmentToken(settings.known_token, settings.tenant, settings.principal),
                reads=PostgresLockReads(connections),
                progress=progress,
                log_ends=ends,
                sessions=sessions,
                partitions=await _partitions(ends),
                page_key=key,
                live=live,
            )
    finally:
        await sessions.close()
        await progress.close()
        await ends.close()
        await connections.close()


def _connect(
    workers: list[str], token: str, client_id: str, first_sequence: int
) -> tidelock.client.client.Connecting:
    return tidelock.connect(
        *workers,
        token=token,
        timeout=COMMAND_S,
        connect_timeout=CONNECT_S,
        client_id=client_id,
        first_sequence=first_sequence,
    )


async def _partitions(ends: KafkaLogEnds) -> int:
    log = structlog.get_logger("tidelock.api")
    while True:
        try:
            return await ends.partitions(LOCKS)
        except LogUnavailable as error:
            log.warning("waiting for the logs", error=str(error))
            await asyncio.sleep(WAIT_S)


async def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    log = structlog.get_logger("tidelock.api")
    node = Node()
    try:
        status = serve(settings.api_metrics, pages({"/ready": node.page}, node.measure))
    except OSError as error:
        log.error(
            "cannot listen", setting="TIDELOCK_API_METRICS", address=settings.api_metrics, error=str(error)
        )
        return EXIT_CONFIGURATION
    try:
        async with services_of(settings) as services:
            node.services = services
            return await _serve(settings, services, node)
    finally:
        status.shutdown()
        status.server_close()


async def _serve(settings: ApiSettings, services: Services, node: Node) -> int:
    assert services.live is not None
    schema = build(introspection=settings.api_dev)
    http = GraphQLOverHttp(schema, services)
    streams = LiveApp(schema, services, http)
    app = ApiApp(http, streams, dev_token=settings.known_token if settings.api_dev else None)
    host, port = host_port(settings.api_listen)
    server = LiveServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            ws=WebSocketProtocol,
            ws_per_message_deflate=False,
            ws_max_size=MAX_BODY_BYTES,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        ),
        services.live.hub,
    )
    telling = asyncio.create_task(_tell_ready(server, node), name="ready")
    try:
        await server.serve()
    except SystemExit:  # uvicorn's own way to say that it cannot listen
        return EXIT_CONFIGURATION
    finally:
        telling.cancel()
    return 0


async def _tell_ready(server: uvicorn.Server, node: Node) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    node.ready = True


def main() -> int:
    """Run an API node with the settings of the environment."""
    try:
        settings = ApiSettings()
    except ValidationError as error:
        sys.stderr.write(f"The API's settings are not usable (environment, TIDELOCK_*):\n{error}\n")
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, api=settings.api_name)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return uvloop.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
