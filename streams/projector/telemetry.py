"""Logs and Prometheus metrics of a projector."""

import time
from collections import Counter as Tally
from collections.abc import Sequence
from itertools import product
from typing import get_args

import structlog
from prometheus_client import Counter, Gauge, Histogram

from streams.domain.value import value
from streams.log.positions import Position
from streams.ops.gauges import stand
from streams.projector.ends import Ends
from streams.projector.keeper import WindowKeeper
from streams.projector.lane import Lane, Phase
from streams.projector.projector import Projector
from streams.projector.publisher import Publisher
from streams.projector.watch import LaneName

_LABELS = ("projection", "kind", "partition")
POSITION = Gauge("tidelock_projection_position", "Offset that the read model has next", _LABELS)
LAG = Gauge("tidelock_projection_lag_records", "Records of the log that the read model lacks", _LABELS)
LAG_SECONDS = Gauge(
    "tidelock_projection_lag_seconds", "Age of the newest record in a read model that lacks some", _LABELS
)
HEALTHY = Gauge("tidelock_projection_healthy", "1 while nothing keeps the read model from going on", _LABELS)
HOT_LAG = Gauge(
    "tidelock_hot_copy_lag_seconds",
    "For how long the hot copy has lacked something of its read model",
    _LABELS,
)
LANES = Gauge(
    "tidelock_projection_lanes", "Partitions of the read model here, by what they do", ("projection", "phase")
)
WRITES = Counter("tidelock_projection_writes_total", "Transactions into the store", _LABELS)
DECISIONS = Counter("tidelock_projection_decisions_total", "Decisions in the store", _LABELS)
WRITE_SECONDS = Histogram(
    "tidelock_projection_write_seconds", "One transaction into the store", _LABELS,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)  # fmt: skip
TROUBLES = Counter("tidelock_projection_troubles_total", "What kept a lane from going on", (*_LABELS, "code"))
WINDOW_EVENTS = Gauge(
    "tidelock_window_events",
    "What windows counted since they are built: events, and by reason what was put aside",
    (*_LABELS, "what"),
)
POISON = Counter("tidelock_projection_poison_total", "Decisions put aside", _LABELS)
_OF_POINTS = ("projection",)
POINTS = Gauge("tidelock_points_written", "Points in InfluxDB since the process started", _OF_POINTS)
POINTS_REFUSED = Gauge("tidelock_points_refused", "Points that InfluxDB will never take", _OF_POINTS)
POINTS_TOO_OLD = Gauge("tidelock_points_too_old", "Windows older than points are kept", _OF_POINTS)
POINTS_WAIT = Gauge("tidelock_points_wait", "1 while points wait for InfluxDB", _OF_POINTS)
NAMES_TOGETHER = Gauge("tidelock_points_names_together", "Names without a series of their own", _OF_POINTS)
WINDOWS_FORGOTTEN = Gauge("tidelock_windows_forgotten", "Windows deleted by their age", _OF_POINTS)
WINDOWS_DROPPED = Gauge("tidelock_windows_dropped", "Windows deleted before they were published", _OF_POINTS)
REPEAT_S = 30.0
"""A trouble that is told again and again, in the same words, is a log line this often."""


@value
class Standing:
    """How far a lane is, and how far the log."""

    lane: Lane
    offset: int | None
    lag: int | None
    lag_ms: int | None
    """How old the newest record that it has is, if it lacks some; if it has none, for how long it has stood still."""


def standings(projector: Projector, ends: Ends) -> list[Standing]:
    """Return how all lanes stand, in order."""
    now_ms = time.time_ns() // 1_000_000
    lanes = sorted(projector.lanes.copy().items(), key=lambda item: str(item[0]))
    return [_standing(lane, ends.known.get(name.where), now_ms) for name, lane in lanes]


def _standing(lane: Lane, end: int | None, now_ms: int) -> Standing:
    written, stood_ms = lane.written, round((time.monotonic() - lane.moved_s) * 1000)
    if written is None:  # it could not be loaded yet
        return Standing(lane, None, None, stood_ms)
    if end is None:
        return Standing(lane, written.next_offset, None, None)
    lag = max(0, end - written.next_offset)
    age_ms = max(0, now_ms - written.time_ms) if written.time_ms else stood_ms
    return Standing(lane, written.next_offset, lag, age_ms if lag else 0)


def observe(projector: Projector, ends: Ends) -> None:
    """Set the gauges. On any thread."""
    stood = {_labels(each.lane.name): each for each in standings(projector, ends)}
    stand(HEALTHY, {labels: each.lane.trouble is None for labels, each in stood.items()})
    stand(POSITION, {labels: each.offset for labels, each in stood.items() if each.offset is not None})
    stand(LAG, {labels: each.lag for labels, each in stood.items() if each.lag is not None})
    stand(
        LAG_SECONDS, {labels: each.lag_ms / 1000 for labels, each in stood.items() if each.lag_ms is not None}
    )
    lags = {_labels(name): mirror.lag_s for name, mirror in projector.mirrors.copy().items()}
    stand(HOT_LAG, {labels: lag_s for labels, lag_s in lags.items() if lag_s is not None})
    lanes = [(each.lane.name.projection, each.lane.phase) for each in stood.values()]
    nowhere: dict[tuple[str, ...], float] = dict.fromkeys(
        product({name for name, _ in lanes}, get_args(Phase)), 0
    )
    stand(LANES, nowhere | Tally(lanes))
    counted: dict[tuple[str, ...], float] = {
        (*labels, what): count for labels, each in stood.items() for what, count in each.lane.counters.items()
    }
    stand(WINDOW_EVENTS, counted)


def observe_points(publishers: Sequence[Publisher], keeper: WindowKeeper | None) -> None:
    """Set the gauges of points and windows."""
    for one in publishers:
        name = one.projection.name
        POINTS.labels(name).set(one.published)
        POINTS_REFUSED.labels(name).set(one.refused)
        POINTS_TOO_OLD.labels(name).set(one.too_old)
        POINTS_WAIT.labels(name).set(one.trouble is not None)
        NAMES_TOGETHER.labels(name).set(one.others)
    for name, gone in ({} if keeper is None else keeper.forgotten).items():
        WINDOWS_FORGOTTEN.labels(name).set(gone.rows)
        WINDOWS_DROPPED.labels(name).set(gone.unpublished)


class ProjectorWatch:
    """The lanes' news as log lines and metrics. What only repeats itself is counted, and seldom written."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("tidelock.projection")
        self._written: dict[tuple[LaneName, str], tuple[str, float]] = {}
        """(message, when) of the last line of each code."""

    def phase(self, lane: LaneName, phase: str) -> None:
        """The lane entered `phase`."""
        self._log.debug("phase", projection=lane.projection, partition=str(lane.where), phase=phase)

    def wrote(self, lane: LaneName, decisions: int, seconds: float) -> None:
        """A transaction is in the store."""
        labels = _labels(lane)
        WRITES.labels(*labels).inc()
        DECISIONS.labels(*labels).inc(decisions)
        WRITE_SECONDS.labels(*labels).observe(seconds)

    def trouble(self, lane: LaneName, error: Exception) -> None:
        """Something keeps it from going on now, or for good."""
        code = getattr(error, "code", type(error).__name__)
        TROUBLES.labels(*_labels(lane), code).inc()
        if self._is_news(lane, code, str(error)):
            self._log.warning(
                "trouble",
                projection=lane.projection,
                partition=str(lane.where),
                code=code,
                error=str(error),
                exc_info=error if code == type(error).__name__ else None,
            )

    def poison(self, lane: LaneName, position: Position, index: int, error: Exception) -> None:
        """A decision was put aside."""
        POISON.labels(*_labels(lane)).inc()
        self._log.error(
            "poison", projection=lane.projection, position=str(position), decision=index, error=str(error)
        )

    def _is_news(self, lane: LaneName, code: str, message: str) -> bool:
        now_s = time.monotonic()
        written = self._written.get((lane, code))
        if written is not None and written[0] == message and now_s - written[1] < REPEAT_S:
            return False
        self._written[lane, code] = message, now_s
        return True


def _labels(lane: LaneName) -> tuple[str, str, str]:
    return lane.projection, lane.where.kind, str(lane.where.partition)
