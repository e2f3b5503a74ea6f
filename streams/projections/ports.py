"""Where read models are kept. Adapters: `storage.postgres`, `storage.redis`, `storage.influx`, `storage.memory`.

Errors:
    SinkError
    ├── SinkUnavailable    it cannot be reached now: wait and try again, nothing is lost
    │   ├── BucketsAway    some tenants' points cannot be written now; the others' are
    │   └── OfAnotherRelease   it is of another version of the read model, and stays as it is
    │       ├── BuiltByNewer   of a later one
    │       └── BuiltByOlder   of an earlier one
    ├── CheckpointMoved    somebody else wrote this partition meanwhile: load again, and go on from there
    └── RowRefused         it will never take these rows: find the event, and put it aside
        └── PointsRefused  of points it is known which; the others are written
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from streams.domain.value import value
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.projections.hot import HotCopy, HotPlace
from streams.projections.projection import Projection
from streams.projections.table import Changes, Row, Table


class SinkError(Exception):
    """A sink did not do what it was asked."""

    code = "SINK_ERROR"


class SinkUnavailable(SinkError):
    """The sink cannot be reached, or not now."""

    code = "SINK_UNAVAILABLE"


class OfAnotherRelease(SinkUnavailable):
    """The rows are of another version of the read model: this release neither goes on from them nor deletes them."""

    code = "OF_ANOTHER_RELEASE"

    def __init__(self, projection: str, stored: int, own: int, cure: str) -> None:
        super().__init__(
            f"{projection} was built in version {stored}, this release knows version {own}. {cure}"
        )
        self.projection = projection
        self.stored = stored
        self.own = own


class BuiltByNewer(OfAnotherRelease):
    """They are of a later one."""

    code = "BUILT_BY_NEWER"

    def __init__(self, projection: str, stored: int, own: int) -> None:
        super().__init__(
            projection, stored, own, f"Run the later release; or go back to a build of this one that is kept: "
            f"`tidelock projection rollback {projection}`; or for good: `tidelock projection rebuild {projection}`.",
        )  # fmt: skip


class BuiltByOlder(OfAnotherRelease):
    """They are of an earlier one. They are read on, and stay as they are until another build takes their place."""

    code = "BUILT_BY_OLDER"

    def __init__(self, projection: str, stored: int, own: int) -> None:
        super().__init__(
            projection, stored, own, "It is read on, and kept up to date by projectors of its release alone. Build "
            f"another beside it: `tidelock projection build {projection}@N`, and promote that; or have it emptied, and "
            f"built anew in place: `tidelock projection rebuild {projection}`.",
        )  # fmt: skip


def require_own_version(projection: Projection, stored: int) -> None:
    """Raise `OfAnotherRelease` if what is stored is not of the projection's version."""
    if stored > projection.version:
        raise BuiltByNewer(projection.name, stored, projection.version)
    if stored < projection.version:
        raise BuiltByOlder(projection.name, stored, projection.version)


class CheckpointMoved(SinkError):
    """The checkpoint beside the rows is not the one the writer goes on from."""

    code = "CHECKPOINT_MOVED"

    def __init__(self, projection: str, where: PartitionId, expected: int, stored: int | None) -> None:
        stands = "is being begun by another" if stored is None else f"stands at offset {stored}"
        super().__init__(
            f"{projection} {where} {stands}; offset {expected} of the same log was expected. "
            "Load it again, and go on from there."
        )
        self.projection = projection
        self.where = where
        self.expected = expected
        self.stored = stored


class RowRefused(SinkError):
    """The sink can never take one of these rows."""

    code = "ROW_REFUSED"


class BucketsAway(SinkUnavailable):
    """Buckets of tenants that are not there, or may not be written to. All other points are written."""

    code = "BUCKETS_AWAY"

    def __init__(self, left: Mapping[str, Sequence[Row]], refused: Sequence[Row], why: str) -> None:
        """`left`: by bucket, what is not written. `refused`: of other buckets, what never will be."""
        super().__init__(why)
        self.left = left
        self.refused = refused


class PointsRefused(RowRefused):
    """The store can never take these points. All others are written."""

    code = "POINTS_REFUSED"

    def __init__(self, rows: Sequence[Row], why: str) -> None:
        super().__init__(why)
        self.rows = rows


@value
class Loaded:
    """Where a read model of one partition stands, and the rows its fold needs to go on."""

    checkpoint: Checkpoint
    rows: Mapping[Table, Sequence[Row]]


class ProjectionStore(Protocol):
    """Rows and checkpoints of read models, written together (PostgreSQL; tables: Kafka)."""

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return the checkpoint (`START` if there is none) and the rows to restore.

        Rows of another version stay as they are. Raises `OfAnotherRelease`; of what is kept in a table, an earlier
        version counts for nothing.
        """

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        """Write rows and checkpoint in one transaction, if the stored checkpoint is still `expected`.

        The first write of all says of which version a build is; one of another is refused. Raises `SinkError`.
        """

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Write rows as `write` would, and undo it: whether they would be taken. Raises `SinkError`."""

    async def reset(self, projection: Projection) -> None:
        """Delete its rows and checkpoints, in one transaction: the projection's version is built anew in place."""

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is."""

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Nobody here goes on from what was loaded: forget it."""


class LogMarks(Protocol):
    """Places between records, about one in 4,096, from which a log can be read on without its beginning."""

    async def marks(self, where: PartitionId) -> Sequence[Checkpoint]:
        """Return all of a partition, in order."""

    async def mark_before(self, where: PartitionId, offset: int) -> Checkpoint:
        """Return the latest from which reading on comes to the record at `offset`; `START` if there is none."""

    async def mark_before_time(self, where: PartitionId, time_ms: int) -> Checkpoint:
        """Return the latest from which reading on comes to every record of `time_ms` or later, or `START`."""


@value
class Unpublished:
    """Windows that changed since they were last published."""

    windows: Sequence[Sequence[Row]]
    """Of each window, all partitions' rows."""
    reached: Mapping[int, int]
    """By partition, the `changed_offset` up to which that is everything."""
    others: int = 0
    """How many names are told together as `OTHER`, as their tenants have too many."""


@value
class Forgotten:
    """Windows that were deleted."""

    rows: int
    unpublished: int
    """Of those, how many nobody had published yet: they are in no time series."""


NOWHERE: Final[Mapping[int, int]] = {}


class Turn(Protocol):
    """The right to publish the windows of one read model. Raises `SinkUnavailable` once it is lost."""

    async def unpublished(self, limit: int, beyond: Mapping[int, int] = NOWHERE) -> Unpublished:
        """Return about `limit` windows a partition, oldest change first; none: all is out.

        `beyond`: by partition, the `changed_offset` to go on behind, though not all up to there is out; of a read model
        that is not so far, as it is built anew, it does not count.
        """

    async def published(self, what: Unpublished) -> None:
        """Remember that `what` is out."""


NAME_KEPT_MS: Final = 7 * 86_400_000
"""How long a name keeps its series after it was last heard of, so that not even names that come and go make more."""


class Publications(Protocol):
    """What is left to publish of `Projection.points` (PostgreSQL)."""

    def turn(self, projection: Projection) -> AbstractAsyncContextManager[Turn | None]:
        """Take the turn for as long as the context lasts; None: another has it. One has it at a time."""


class AgedWindows(Protocol):
    """Windows that nobody needs any more (PostgreSQL)."""

    async def forget(self, projection: Projection, before_ms: int, limit: int) -> Forgotten:
        """Delete up to `limit` closed windows that began before `before_ms`, published or not."""


@value
class Swept:
    """What one go over the oldest rows of a history did."""

    rows: int
    """Forgotten."""
    after: Row | None
    """The time and key of the last row that was looked at; None: there were no more."""


@value
class Sweep:
    """What rows of a history are looked at."""

    before_ms: int
    """Questions about this time and later ones are answered as before."""
    limit: int
    after: Row | None = None
    """Where the last go ended."""


class OldHistory(Protocol):
    """Rows of histories, which tables say how to forget (PostgreSQL). Raises `SinkUnavailable`."""

    async def forget(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        """Forget, in one transaction, what of some of the build's oldest rows answers nothing any more.

        From then on questions about an earlier moment are answered `RowsForgotten`.
        """


class AgedRows(Protocol):
    """Rows of tables that have an age (PostgreSQL). Raises `SinkUnavailable`."""

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> bool:
        """Forget the oldest period of the build that ended by `before_ms`; return whether there was one."""


@value
class Copied:
    """What a copy told at one moment."""

    next_offset: int | None
    """Where it stands; None: there is none."""
    rows: Mapping[str, str]
    """What it has of that which was asked for."""


class HotStore(Protocol):
    """The newest rows of tables, copies that may be lost at any time (Redis).

    What keys and rows look like as text: `streams.projections.hot`.
    """

    async def apply(
        self, copy: HotCopy, start: HotPlace, end: HotPlace, rows: Mapping[str, str | None], log: str = ""
    ) -> bool:
        """Move the copy from `start` to `end`. False: it does not stand at `start`; `replace` it.

        A copy of another log than `log` (empty: not known yet, as before the first record) stands nowhere.
        """

    async def replace(self, copy: HotCopy, end: HotPlace, rows: Mapping[str, str], log: str = "") -> None:
        """Make `rows` the whole copy, at `end`; nothing happens if it stands further on already, in the same `log`."""

    async def get(self, asked: Mapping[HotCopy, Sequence[str]]) -> Mapping[HotCopy, Copied]:
        """Return what each copy has under its keys, in one round trip; of each copy as it is at one moment."""

    async def drop(self, copies: Collection[HotCopy]) -> None:
        """Have no such copies any more: whoever keeps them builds them anew."""


class PointStore(Protocol):
    """Time series (InfluxDB). Writing a point twice changes nothing."""

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Write one point a row. Raises `SinkUnavailable`, `PointsRefused`."""
