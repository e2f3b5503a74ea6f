"""Logs and Prometheus metrics of a worker."""

import time
from collections import Counter as Counts
from collections.abc import Callable
from operator import attrgetter

import structlog
from prometheus_client import Counter, Gauge, Histogram

from streams.domain.value import value
from streams.engine.batch import Batch
from streams.log.ports import Clock
from streams.log.positions import PartitionId
from streams.log.reader import PartitionReader
from streams.log.records import Claim
from streams.ops.durations import Durations

_LABELS = ("kind", "partition")
DECISIONS = Counter("tidelock_decisions_total", "Decisions accepted", _LABELS)
COMMITS = Counter("tidelock_commits_total", "Commits accepted", _LABELS)
COMMIT_BYTES = Counter("tidelock_commit_bytes_total", "Bytes of accepted commits", _LABELS)
APPEND_SECONDS = Histogram(
    "tidelock_append_seconds", "From sending a commit to its acceptance", _LABELS,
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)  # fmt: skip
DECIDE_SECONDS = Durations(
    "tidelock_decide_seconds", "From a command's bytes at the worker to the acceptance of its commit", _LABELS,
    (0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.018, 0.025, 0.04, 0.06,
     0.09, 0.13, 0.2, 0.3, 0.45, 0.7, 1, 2, 5, 15, 60),
)  # fmt: skip
VOID = Gauge("tidelock_void_records", "Records of the log that do not count", (*_LABELS, "reason"))
CLAIMS = Gauge("tidelock_claims", "Claims in the log so far", _LABELS)
TROUBLES = Counter(
    "tidelock_ownership_troubles_total", "Ownerships that ended in trouble", (*_LABELS, "code")
)
OWNERS_ENDED = Counter(
    "tidelock_owners_ended_total", "Owner tasks that ended unasked and were started again", _LABELS
)
FAILURES = Counter("tidelock_internal_failures_total", "Decisions that raised", _LABELS)
LEADING = Gauge("tidelock_leading", "1 while this worker decides the partition", _LABELS)
QUARANTINED = Gauge("tidelock_quarantined", "1 when the partition is closed here", _LABELS)
QUEUED = Gauge("tidelock_queued_commands", "Commands waiting for their decision", _LABELS)
QUEUED_BYTES = Gauge("tidelock_queued_bytes", "Bytes of the commands waiting for their decision", _LABELS)
CONNECTIONS = Gauge("tidelock_connections", "Direct-lane connections")
_ARRIVED = attrgetter("arrived_s")
REPEAT_MS = 30_000
"""A trouble that is told again and again, in the same words, is a log line this often."""


@value
class Trouble:
    """What ended the last ownership of a partition."""

    code: str
    message: str


class _Accepted:
    """What one partition's commits are counted in: to look it up by label costs more than to count."""

    __slots__ = ("bytes", "commits", "decided", "decisions", "seconds")

    def __init__(self, where: PartitionId) -> None:
        labels = _labels(where)
        self.commits, self.decisions = COMMITS.labels(*labels), DECISIONS.labels(*labels)
        self.bytes, self.seconds = COMMIT_BYTES.labels(*labels), APPEND_SECONDS.labels(*labels)
        self.decided = DECIDE_SECONDS.of(*labels)


class WorkerWatch:
    """An owner's news as log lines and metrics. What only repeats itself is counted, and seldom written."""

    def __init__(self, clock: Clock, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s`: as lanes look at it when commands arrive."""
        self._log = structlog.get_logger("tidelock.owner")
        self._clock = clock
        self._now_s = now_s
        self._troubles: dict[PartitionId, Trouble] = {}
        self._phases: dict[PartitionId, str] = {}
        self._accepted: dict[PartitionId, _Accepted] = {}
        self._written: dict[tuple[PartitionId, str], tuple[str, int]] = {}
        """(message, when) of the last line of each code."""

    def last_troubles(self) -> dict[PartitionId, Trouble]:
        """Return what keeps partitions from being decided here; a partition that is decided has none."""
        return self._troubles.copy()

    def phase(self, where: PartitionId, phase: str, reader: PartitionReader) -> None:
        """The owner entered `phase`."""
        labels = _labels(where)
        LEADING.labels(*labels).set(phase == "leading")
        QUARANTINED.labels(*labels).set(phase == "quarantined")
        CLAIMS.labels(*labels).set(reader.head.claims)
        for reason, count in reader.voids.items():
            VOID.labels(*labels, reason).set(count)
        if phase in {"leading", "stopped"}:
            self._troubles.pop(where, None)
        if self._phases.get(where) != phase:
            self._phases[where] = phase
            offset, claims = reader.next_offset, reader.head.claims
            self._log.info("phase", partition=str(where), phase=phase, offset=offset, claims=claims)

    def accepted(self, where: PartitionId, batch: Batch, append_ms: int) -> None:
        """A commit was accepted."""
        told = self._accepted.get(where)
        if told is None:
            told = self._accepted[where] = _Accepted(where)
        told.commits.inc()
        told.decisions.inc(len(batch.decisions))
        told.bytes.inc(len(batch.record))
        told.seconds.observe(append_ms / 1000)
        now_s = self._now_s()
        for arrived_s, times in Counts(map(_ARRIVED, batch.commands)).items():
            if arrived_s is not None:
                told.decided.add(now_s - arrived_s, times)

    def trouble(self, where: PartitionId, error: Exception) -> None:
        """An ownership ended; the owner starts over."""
        code = getattr(error, "code", type(error).__name__)
        TROUBLES.labels(*_labels(where), code).inc()
        self._troubles[where] = Trouble(code, str(error))
        if self._is_news(where, code, str(error)):
            self._log.warning(
                "trouble",
                partition=str(where),
                code=code,
                error=str(error),
                exc_info=error if code == type(error).__name__ else None,
            )

    def _is_news(self, where: PartitionId, code: str, message: str) -> bool:
        now = self._clock.monotonic_ms()
        written = self._written.get((where, code))
        if written is not None and written[0] == message and now - written[1] < REPEAT_MS:
            return False
        self._written[where, code] = message, now
        return True

    def fenced(self, where: PartitionId, rival: Claim) -> None:
        """Somebody else claimed."""
        self._log.warning(
            "fenced", partition=str(where), rival=rival.address, rival_version=rival.code_version
        )

    def failed(self, where: PartitionId, failure: str) -> None:
        """Code raised; the command got INTERNAL, or the timer's key is parked."""
        FAILURES.labels(*_labels(where)).inc()
        self._log.error("internal", partition=str(where), failure=failure)

    def quarantined(self, where: PartitionId, error: Exception) -> None:
        """The partition closed until the worker restarts."""
        self._log.error("quarantined", partition=str(where), error=str(error))


def _labels(where: PartitionId) -> tuple[str, str]:
    return where.kind, str(where.partition)
