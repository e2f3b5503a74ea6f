"""Logs and Prometheus metrics of the processes."""

import structlog
from prometheus_client import Counter, Gauge, Histogram

from streams.domain.nodes.commands import PullBrake
from streams.log.positions import PartitionId
from streams.processes.deadlocks.detector import Abort, Counts
from streams.processes.mover.moves import Lane
from streams.processes.mover.ports import Settled
from streams.processes.mover.process import MoverState
from streams.processes.sweeper.process import SweeperState
from streams.processes.sweeper.sweeps import Sweep
from streams.projections.tier import Stretch

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
SWEEPS = Counter(
    "tidelock_sweeps_total", "Sessions that were ended everywhere, by why they ended", ("cause",)
)
SWEEP_SECONDS = Histogram(
    "tidelock_sweep_seconds", "From seeing a session's end to its last partition's answer",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)  # fmt: skip
UNSWEPT = Gauge("tidelock_sweeps_unswept", "Sessions that ended and are not ended everywhere yet")
SWEEPS_HELD = Gauge("tidelock_sweeps_held", "Of those: kept by the brake, or while a mass failure looms")
SWEEPS_WAITED_FOR = Gauge("tidelock_sweeps_waited_for", "Partitions that sweeps wait for")
NODES_LIVE = Gauge("tidelock_nodes_live", "Nodes with a live session")
NODES_SUSPECTED = Gauge("tidelock_nodes_suspected", "Of those: silent for half their timeout")
BRAKE_PULLED = Gauge("tidelock_brake_pulled", "1 while the brake is pulled")
MASS_FAILURES = Counter("tidelock_mass_failures_total", "Mass failures that the brake was told of")
TIER_CHANGES = Counter(
    "tidelock_tier_changes_total", "Entries of caches whose copies in Redis were taken away, or were none"
)
TIER_SIGNED = Gauge("tidelock_tier_signed", "Partitions of caches of which copies in Redis may be shown")
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


class SweeperWatch(TroubleWatch):
    """The sweeper's news as log lines and metrics."""

    def __init__(self) -> None:
        super().__init__("tidelock.sweeper")

    def swept(self, sweep: Sweep, partitions: int, after_s: float) -> None:
        """Tell which session holds nothing any more."""
        SWEEPS.labels(sweep.cause.partition(" ")[0]).inc()
        SWEEP_SECONDS.observe(after_s)
        self._told = ""
        tell = self._log.info if sweep.claim is None else self._log.warning
        tell(
            "swept",
            session=sweep.session,
            cause=sweep.cause,
            partitions=partitions,
            ms=round(after_s * 1000, 1),
        )

    def mass_failure(self, pull: PullBrake, pulled: bool) -> None:
        """Raise the alarm."""
        MASS_FAILURES.inc()
        self._log.error("mass failure", why=pull.cause, dead=pull.dead, of=pull.of, brake_pulled=pulled)

    def state(self, state: SweeperState) -> None:
        """Set the gauges."""
        UNSWEPT.set(state.unswept)
        SWEEPS_HELD.set(state.held)
        SWEEPS_WAITED_FOR.set(len(state.waited_for))
        BRAKE_PULLED.set(state.pulled)
        NODES_LIVE.set(state.nodes)
        NODES_SUSPECTED.set(state.suspected)


class TierWatch(TroubleWatch):
    """The news of the caches' tier as log lines and metrics."""

    def __init__(self) -> None:
        super().__init__("tidelock.tier")
        self._each: dict[PartitionId, TroubleWatch] = {}

    def trouble(self, error: Exception, where: PartitionId | None = None) -> None:
        """Count it and tell news: of each partition on its own, as several have their troubles side by side."""
        if where is None:
            super().trouble(error)
        else:
            self._each.setdefault(where, TroubleWatch("tidelock.tier")).trouble(error)

    def applied(self, stretch: Stretch) -> None:
        """Count what was taken away."""
        TIER_CHANGES.inc(len(stretch.changes))

    def signed(self, partitions: int) -> None:
        """Set the gauge."""
        TIER_SIGNED.set(partitions)


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
