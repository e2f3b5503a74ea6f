"""A process's own small HTTP server: Prometheus metrics and JSON. Threads of its own.

One thread a connection, so that an idle one blocks nobody. What belongs to an event loop must be copied before it is
read here.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from streams.ops.addresses import host_port

IDLE_S = 5.0
OK = "200 OK"
UNAVAILABLE = "503 Service Unavailable"

StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], Any]
Application: TypeAlias = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
Page: TypeAlias = Callable[[], tuple[str, object]]
"""Returns (HTTP status, JSON body)."""


def pages(by_path: Mapping[str, Page], before_metrics: Callable[[], None] = lambda: None) -> Application:
    """Return an application that serves `by_path` as JSON and /metrics; `before_metrics` sets the gauges."""
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            before_metrics()
            return list(metrics(environ, start))
        if path in by_path:
            return respond(start, *by_path[path]())
        served = ", ".join((*by_path, "/metrics"))
        return respond(start, "404 Not Found", {"error": f"{path} is not served; try {served}"})

    return application


def respond(start: StartResponse, status: str, body: object) -> Iterable[bytes]:
    """Answer with `body` as JSON."""
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


def serve(address: str, application: Application) -> WSGIServer:
    """Serve `application` at `host:port` until `shutdown`. Raises `OSError` if it cannot listen there."""
    host, port = host_port(address)
    server = make_server(host, port, application, server_class=_Server, handler_class=QuietHandler)
    Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a peer that fell silent or hung up; the rest is a defect."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class QuietHandler(WSGIRequestHandler):
    """Hangs up on a silent peer, and says nothing of each request."""

    timeout = IDLE_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Say nothing of each request."""
