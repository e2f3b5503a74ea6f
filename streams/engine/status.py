"""What a worker shows of itself over HTTP: /metrics (Prometheus), /status (JSON), /ready. Threads of its own.

One thing can be asked of it: `POST /features/LEVEL`, with the operator's token as bearer, activates a feature level.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from itertools import islice
from typing import Any
from wsgiref.simple_server import WSGIServer

from streams.engine.features import FeatureRefused, WorkerBusy, activate
from streams.engine.owner import Owner
from streams.engine.roster import Roster
from streams.engine.telemetry import CONNECTIONS, QUEUED, QUEUED_BYTES, Trouble
from streams.log.positions import PartitionId
from streams.ops.gauges import stand
from streams.ops.http import OK, UNAVAILABLE, StartResponse, pages, respond, serve

ASK_S = 5.0
FEATURES = "/features/"
Troubles = Callable[[], Mapping[PartitionId, Trouble]]
"""Tells what ended the last ownership of each partition that is not decided now."""


def no_troubles() -> Mapping[PartitionId, Trouble]:
    """Nobody watches the owners."""
    return {}


def serve_status(
    address: str,
    roster: Roster,
    loop: asyncio.AbstractEventLoop | None = None,
    troubles: Troubles = no_troubles,
) -> WSGIServer:
    """Serve the worker's status at `address` until `shutdown`; with its event loop, take activations too.

    Raises `OSError` if it cannot listen there.
    """
    shown = pages(
        {
            "/status": lambda: (OK, status_of(roster, troubles)),
            "/ready": lambda: (OK if roster.ready else UNAVAILABLE, _ready(roster, troubles)),
        },
        before_metrics=lambda: observe(roster),
    )

    def application(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "POST" and loop is not None and path.startswith(FEATURES):
            return respond(start, *_activate(path.removeprefix(FEATURES), environ, roster, loop))
        return shown(environ, start)

    return serve(address, application)


def status_of(roster: Roster, troubles: Troubles = no_troubles) -> dict[str, Any]:
    """Return what the worker owns and how it fares."""
    last = troubles()
    owners = sorted(roster.owners.copy().items(), key=lambda item: str(item[0]))
    return {
        "worker": roster.worker,
        "member": roster.member,
        "levels": dict(roster.levels),
        "routes": {str(PartitionId(route.kind, route.partition)): route.address for route in roster.routes()},
        "connections": roster.connections,
        "partitions": [_partition(where, owner, last.get(where)) for where, owner in owners],
    }


def _ready(roster: Roster, troubles: Troubles) -> dict[str, Any]:
    """Return whether it is ready, and the code of what keeps each partition here from being decided."""
    owned, last = roster.owners.copy(), troubles()
    return {
        "ready": roster.ready,
        "troubles": {str(where): last[where].code for where in sorted(last, key=str) if where in owned},
    }


def _partition(where: PartitionId, owner: Owner, trouble: Trouble | None) -> dict[str, Any]:
    head, state = owner.reader.head, owner.reader.state
    return {
        "kind": where.kind,
        "partition": where.partition,
        "phase": owner.phase,
        "trouble": None if trouble is None else {"code": trouble.code, "message": trouble.message},
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
    refused = _not_the_operator(environ, roster)
    if refused is not None:
        return refused
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        return "400 Bad Request", {
            "code": "BAD_LEVEL",
            "error": f"{text!r} is no feature level; say 1 or more.",
        }
    try:
        asked = _asked(roster, int(text), loop)
    except WorkerBusy as error:
        return "503 Service Unavailable", {"code": error.code, "error": str(error)}
    except FeatureRefused as error:
        return "409 Conflict", {"code": error.code, "error": str(error)}
    return "202 Accepted", {"asked": [str(where) for where in asked]}


def _not_the_operator(environ: dict[str, Any], roster: Roster) -> tuple[str, dict[str, object]] | None:
    if not roster.has_operator:
        told = "Feature levels are activated by an operator, and none is known here. Set TIDELOCK_OPERATOR_TOKEN for "
        return "403 Forbidden", {
            "code": "OPERATOR_UNKNOWN",
            "error": told + "every worker and start it again.",
        }
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer" and roster.is_operator(token):
        return None
    told = "That is not the operator's token. Send 'Authorization: Bearer' with TIDELOCK_OPERATOR_TOKEN of the worker."
    return "401 Unauthorized", {"code": "UNAUTHENTICATED", "error": told}


def _asked(roster: Roster, level: int, loop: asyncio.AbstractEventLoop) -> tuple[PartitionId, ...]:
    """Have the event loop activate `level`, wholly or, once nobody waits any more, not at all."""
    answer: Future[tuple[PartitionId, ...]] = Future()

    def ask() -> None:
        if answer.set_running_or_notify_cancel():
            try:
                answer.set_result(activate(roster, level))
            except Exception as error:
                answer.set_exception(error)

    loop.call_soon_threadsafe(ask)
    try:
        return answer.result(ASK_S)
    except TimeoutError:
        if answer.cancel():
            raise WorkerBusy(roster.worker) from None
        return answer.result()  # it has just begun, and waits for nothing


def observe(roster: Roster) -> None:
    """Set the gauges. On any thread."""
    CONNECTIONS.set(roster.connections)
    owners = {(where.kind, str(where.partition)): owner for where, owner in roster.owners.copy().items()}
    stand(QUEUED, {labels: owner.queued for labels, owner in owners.items()})
    stand(QUEUED_BYTES, {labels: owner.queued_bytes for labels, owner in owners.items()})
