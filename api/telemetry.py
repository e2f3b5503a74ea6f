"""What an API node measures of its requests."""

from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram

from api.errors import InternalError, ProjectionBehind, ReadsAway, TooSlow
from streams.log.ports import LogUnavailable
from streams.projections.reads import ReadsUnavailable
from tidelock.client import errors as client

REQUESTS = Counter(
    "tidelock_api_requests_total",
    "Requests for one answer, by the code of their first error, or OK, and whose fault that is",
    ["code", "outcome"],
)
FAILURES: Final = frozenset(
    each.code
    for each in (
        InternalError, TooSlow, ReadsAway, ProjectionBehind, LogUnavailable, ReadsUnavailable,
        client.Overloaded, client.Unavailable, client.ConnectionLost, client.ClientClosed, client.ProtocolViolation,
        client.OutcomeUnknown,
    )
)  # fmt: skip
"""Codes of errors that the caller did nothing to cause. All others are refusals."""
REQUEST_SECONDS = Histogram(
    "tidelock_api_request_seconds",
    "From the whole request to its answer",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HOT_READS = Counter(
    "tidelock_api_hot_reads_total",
    "Partitions' hot copies that were asked: TAKEN, or why PostgreSQL was asked instead",
    ["projection", "outcome"],
)
SESSIONS = Gauge("tidelock_api_sessions", "Clients of the workers that are open for sessions")


def count(body: dict[str, Any]) -> None:
    """Count an answer by its code; of codes there are few, and all are ours."""
    errors = body.get("errors")
    code = errors[0]["extensions"]["code"] if errors else "OK"
    outcome = "failed" if code in FAILURES else "refused" if errors else "ok"
    REQUESTS.labels(code, outcome).inc()
