"""What a read model is to the platform: a name, its tables, and a pure fold. The projector knows nothing else of it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal, Protocol

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.measures import Counts
from streams.projections.table import Changes, Row, Table


class PoisonDecision(Exception):
    """A decision does not fit what came before it. Nothing of it was folded, all before it in its commit was.

    To go on without it, give `commit` the same commit again, without this decision and all before it.
    """

    code = "POISON_DECISION"

    def __init__(self, accepted: AcceptedCommit, index: int, cause: Exception) -> None:
        super().__init__(
            f"{accepted.position}, decision {index}: {cause}. Put it aside, go on without it, and find the "
            "release that wrote it."
        )
        self.position = accepted.position
        self.index = index


class Fold(Protocol):
    """The state of one partition of one read model. Deterministic: no clock, no randomness, no I/O.

    The rows depend on the accepted commits alone, never on how they were cut into stretches.
    """

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back the rows of `table` that a fold needs to go on. Called before the first commit, if at all."""

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold one accepted commit, but for the decisions whose index is in `without`: they were put aside.

        Raises `PoisonDecision`.
        """

    def take(self) -> Changes:
        """Return what changed since the last call."""


class WindowedFold(Fold, Protocol):
    """A fold whose windows end by the clock, too, where nothing is committed (`Projection.idle_ms`)."""

    @property
    def due_ms(self) -> int | None:
        """The event time at which a window ends or is forgotten; None: there is none."""

    @property
    def watermark_ms(self) -> int:
        """The event time up to which windows are over; it never goes back; 0: nothing came."""

    def advance(self, time_ms: int) -> None:
        """Nothing was committed before `time_ms` that it was not given."""

    @property
    def counters(self) -> Mapping[str, int]:
        """What was counted, and put aside, since it is built (`streams.windows.taken.Progress.counters`)."""


@value
class Series:
    """One measurement."""

    table: Table
    """Its key columns are `start_ms`, the point's time, and the point's tags; the rest are fields."""
    of: Callable[[Sequence[Row]], Sequence[Row]]
    """All partitions' rows of one window (at least one) -> rows of `table`."""
    largest: tuple[str, ...] = ()
    """Fields of which the largest and the mean stand for a longer time."""
    latest: tuple[str, ...] = ()
    """Fields of which the latest and the largest do. All others add up."""


@value
class Points:
    """Windows that all partitions keep for themselves, and the time series that they make together."""

    windows: Table
    """One of the projection's tables. Its key is (partition, tags, `start_ms`); it has `changed_offset`, `closed`."""
    series: tuple[Series, ...]
    bounded: str | None = None
    """The tag whose values anybody may invent: a tenant gets series for so many of them, the others share one."""


def points_of(counts: type[Counts]) -> Points:
    """Return the points of what `counts` measures: a series over all partitions, and its gauges."""
    measures = counts.measures
    added = Series(measures.points, lambda rows: (counts.merged(rows),), largest=measures.percentiles)
    stood = Series(measures.gauge_points, counts.standing, latest=measures.gauges)
    return Points(measures.windows, (added, stood), measures.tags[1] if measures.tags[1:] else None)


@value
class Projection:
    """One read model of one kind."""

    name: str
    version: int
    """Raised when its rows change meaning: what an older one wrote stays until a build of this one is promoted."""
    kind: str
    tables: tuple[Table, ...]
    fold: Callable[[PartitionId, Vocabulary], Fold]
    hot: Table | None = None
    """The one of `tables` that is mirrored in Redis."""
    points: Points | None = None
    """What goes to InfluxDB. Only of what is kept in rows."""
    kept: Literal["rows", "table"] = "rows"
    """Where: in PostgreSQL, or in a table, for what changes so often that rows would cost too much (open windows). All
    rows of a table are in the memory of the process that has the partition, so they are bounded."""
    idle_ms: int | None = None
    """Its folds are `WindowedFold`s: where nothing is committed, what is due ends so long after its time. That is
    written with the position, as state, so whoever goes on from there agrees. Only of what is kept in a table."""
    build: int | None = None
    """Which of its builds (`streams.projections.builds`); None: the one that is live."""

    @property
    def label(self) -> str:
        """What people call it: its name, or `name@build`."""
        return self.name if self.build is None else f"{self.name}@{self.build}"
