"""What an API node measures of its requests."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "tidelock_api_requests_total",
    "Requests for one answer, by the code of their first error, or OK",
    ["code"],
)
REQUEST_SECONDS = Histogram(
    "tidelock_api_request_seconds",
    "From the whole request to its answer",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
SESSIONS = Gauge("tidelock_api_sessions", "Clients of the workers that are open for sessions")
