"""Logs and Prometheus metrics of a process that detects deadlocks."""

import structlog
from prometheus_client import Counter, Histogram

from streams.processes.deadlocks.detector import Abort, Counts

CYCLES = Counter("tidelock_deadlock_cycles_total", "Circles of waits, by what became of them", ("outcome",))
ABORTS = Counter("tidelock_deadlock_aborts_total", "Aborts that were answered", ("ended",))
ABORT_SECONDS = Histogram(
    "tidelock_deadlock_abort_seconds", "From seeing a circle's last edge to the abort's answer",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
TROUBLES = Counter("tidelock_processes_troubles_total", "What had to be tried again", ("code",))


class DeadlockWatch:
    """The detector's news as log lines and metrics. A trouble that repeats itself is a log line once."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("tidelock.deadlocks")
        self._counted: dict[str, int] = {}
        self._told = ""

    def counted(self, counts: Counts) -> None:
        """Count what happened since the last call."""
        for outcome, count in counts.by_outcome().items():
            more = count - self._counted.get(outcome, 0)
            if more:
                CYCLES.labels(outcome).inc(more)
                self._counted[outcome] = count

    def aborted(self, abort: Abort, ended: bool, after_s: float) -> None:
        """Tell who gave way."""
        ABORTS.labels(str(ended).lower()).inc()
        ABORT_SECONDS.observe(after_s)
        self._told = ""
        self._log.info(
            "deadlock",
            partition=str(abort.where),
            lock=abort.name,
            ticket=abort.ticket,
            victim=abort.cycle[0].transaction,
            edges=len(abort.cycle),
            ended=ended,
            ms=round(after_s * 1000, 1),
        )

    def trouble(self, error: Exception) -> None:
        """Count what has to be tried again, and tell it if it is news."""
        code = getattr(error, "code", type(error).__name__)
        TROUBLES.labels(code).inc()
        if str(error) != self._told:
            self._told = str(error)
            self._log.warning("trouble", code=code, error=str(error))
