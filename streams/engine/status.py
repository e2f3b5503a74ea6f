"""What a worker shows of itself over HTTP: /metrics (Prometheus), /status (JSON), /ready. Threads of its own.

One thing can be asked of it: `POST /features/LEVEL`, with the worker's token as bearer, activates a feature level.

One thread a connection, so that an idle one blocks nobody. What belongs to the event loop is copied before it is read.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from streams.engine.configuration import host_port
from streams.engine.features import FeatureRefused, activate
from streams.engine.owner import Owner
from streams.engine.roster import Roster
from streams.engine.telemetry import CONNECTIONS, QUEUED, QUEUED_BYTES
from streams.log.positions import PartitionId

IDLE_S = 5.0
ASK_S = 5.0
FEATURES = "/features/"
_Start = Callable[[str, list[tuple[str, str]]], Any]


def serve_status(address: str, roster: Roster, loop: asyncio.AbstractEventLoop | None = None) -> WSGIServer:
    """Serve the worker's status at `address` until `shutdown`; with its event loop, take activations too."""
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "POST" and loop is not None and path.startswith(FEATURES):
            return _json(start, *_activate(path.removeprefix(FEATURES), environ, roster, loop))
        if path == "/metrics":
            _observe(roster)
            return list(metrics(environ, start))
        if path == "/status":
            return _json(start, "200 OK", status_of(roster))
        if path == "/ready":
            ready = roster.ready
            return _json(start, "200 OK" if ready else "503 Service Unavailable", {"ready": ready})
        return _json(
            start, "404 Not Found", {"error": f"{path} is not served; try /status, /metrics or /ready"}
        )

    host, port = host_port(address)
    server = make_server(host, port, application, server_class=_Server, handler_class=_Quiet)
    Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server


def status_of(roster: Roster) -> dict[str, Any]:
    """Return what the worker owns and how it fares."""
    owners = sorted(roster.owners.copy().items(), key=lambda item: str(item[0]))
    return {
        "worker": roster.worker,
        "member": roster.member,
        "levels": dict(roster.levels),
        "routes": {str(PartitionId(route.kind, route.partition)): route.address for route in roster.routes()},
        "connections": roster.connections,
        "partitions": [_partition(where, owner) for where, owner in owners],
    }


def _partition(where: PartitionId, owner: Owner) -> dict[str, Any]:
    head, state = owner.reader.head, owner.reader.state
    return {
        "kind": where.kind,
        "partition": where.partition,
        "phase": owner.phase,
        "address": None if head.claim is None else head.claim.address,
        "claims": head.claims,
        "commits": head.n,
        "decisions": head.decisions,
        "offset": owner.reader.next_offset,
        "keys": len(state.keys),
        "clients": len(state.answers.clients),
        "queued": owner.queued,
        "queued_bytes": owner.queued_bytes,
        "parked": dict(islice(state.parked.copy().items(), 10)),
        "void": owner.reader.voids.copy(),
        "feature_level": head.active,
        "lease_ms": state.lease_ms,
        "mark_ms": state.mark_ms,
        "last_source": head.last_source,
    }


def _activate(
    text: str, environ: dict[str, Any], roster: Roster, loop: asyncio.AbstractEventLoop
) -> tuple[str, dict[str, object]]:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or roster.authenticate(token) is None:
        told = "The token is not valid here. Send 'Authorization: Bearer TOKEN' with the worker's."
        return "401 Unauthorized", {"code": "UNAUTHENTICATED", "error": told}
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        return "400 Bad Request", {
            "code": "BAD_LEVEL",
            "error": f"{text!r} is no feature level; say 1 or more.",
        }

    async def ask() -> tuple[PartitionId, ...]:
        return activate(roster, int(text))

    try:
        asked = asyncio.run_coroutine_threadsafe(ask(), loop).result(ASK_S)
    except FeatureRefused as error:
        return "409 Conflict", {"code": error.code, "error": str(error)}
    return "202 Accepted", {"asked": [str(where) for where in asked]}


def _observe(roster: Roster) -> None:
    CONNECTIONS.set(roster.connections)
    for where, owner in roster.owners.copy().items():
        QUEUED.labels(where.kind, str(where.partition)).set(owner.queued)
        QUEUED_BYTES.labels(where.kind, str(where.partition)).set(owner.queued_bytes)


def _json(start: _Start, status: str, body: object) -> Iterable[bytes]:
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a peer that fell silent or hung up; the rest is a defect."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Quiet(WSGIRequestHandler):
    timeout = IDLE_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Say nothing of each request."""
