"""Logs and Prometheus metrics of the processes."""

import structlog
from prometheus_client import Counter, Gauge, Histogram

from streams.processes.deadlocks.detector import Abort, Counts
from streams.processes.mover.moves import Lane
from streams.processes.mover.ports import Settled
from streams.processes.mover.process import MoverState

CYCLES = Counter("tidelock_deadlock_cycles_total", "Circles of waits, by what became of them", ("outcome",))
ABORTS = Counter("tidelock_deadlock_aborts_total", "Aborts that were answered", ("ended",))
ABORT_SECONDS = Histogram(
    "tidelock_deadlock_abort_seconds", "From seeing a circle's last edge to the abort's answer",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
MOVES = Counter(
    "tidelock_moves_total", "Messages that left for another queue, by what became of it", ("outcome",)
)
MOVING = Gauge("tidelock_moves_moving", "Messages on their way to another queue")
MOVES_WAITED_FOR = Gauge(
    "tidelock_moves_waited_for", "Queues that moves wait for: full, or without an answer"
)
TROUBLES = Counter("tidelock_processes_troubles_total", "What had to be tried again", ("code",))


class TroubleWatch:
    """What has to be tried again. A trouble that repeats itself is a log line once."""

    def __init__(self, log: str) -> None:
        self._log = structlog.get_logger(log)
        self._told = ""

    def trouble(self, error: Exception) -> None:
        """Count what has to be tried again, and tell it if it is news."""
        code = getattr(error, "refusal", "") or getattr(error, "code", type(error).__name__)
        TROUBLES.labels(code).inc()
        if str(error) != self._told:
            self._told = str(error)
            self._log.warning("trouble", code=code, error=str(error))


class MoverWatch(TroubleWatch):
    """The mover's news as log lines and metrics."""

    def __init__(self) -> None:
        super().__init__("tidelock.mover")

    def settled(self, lane: Lane, settled: Settled) -> None:
        """Count messages that were moved; tell of those that could not be."""
        MOVES.labels("moved").inc(len(settled.moved))
        if settled.failed:
            MOVES.labels("failed").inc(len(settled.failed))
            self._log.warning(
                "not moved",
                queue=lane.source.shard,
                to=lane.target,
                messages=len(settled.failed),
                first=settled.failed[0].reason,
            )

    def state(self, state: MoverState) -> None:
        """Set the gauges."""
        MOVING.set(state.moving)
        MOVES_WAITED_FOR.set(len(state.paused))


class DeadlockWatch(TroubleWatch):
    """The detector's news as log lines and metrics."""

    def __init__(self) -> None:
        super().__init__("tidelock.deadlocks")
        self._counted: dict[str, int] = {}

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
