"""What every port that reads read models speaks of, whatever the kind.

Every answer says how far the projection was (`AsOf`). A tenant is part of every question: nothing of another one is
ever looked at.

Errors:
    ReadsUnavailable    the store cannot be asked now; worth a retry
    ReadTooSlow         the question takes longer than one may: narrow it
    RowsForgotten       what is asked for is so old that only the log has it
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol, TypeAlias

from streams.domain.value import value
from streams.log.positions import PartitionId, Position

Moment: TypeAlias = int | Position
"""An event time in ms: what was committed by then; or a position: what its commit left."""


class ReadsUnavailable(Exception):
    """The store of the read models cannot be reached, or not now."""

    code = "READS_UNAVAILABLE"


class ReadTooSlow(Exception):
    """The question took longer than one may."""

    code = "READ_TOO_SLOW"


EVENTS: Final = "read the log (`tidelock events`, `events` in GraphQL)"
STATE: Final = "have it folded from the log (`tidelock state --at`, `state` in GraphQL)"
STEPS: Final = "read its biography from the log (`tidelock queue history`)"
"""Ways to what was forgotten."""


class RowsForgotten(Exception):
    """What is asked for was forgotten here, by its age; the log has it."""

    code = "ROWS_FORGOTTEN"

    def __init__(self, what: str, from_ms: int, way: str = EVENTS) -> None:
        since = datetime.fromtimestamp(from_ms / 1000, UTC)
        super().__init__(
            f"The {what} goes back to {since:%Y-%m-%dT%H:%M:%SZ}; what is older was forgotten here by its age, and "
            f"is in the log alone: ask for a later time, or {way}."
        )
        self.from_ms = from_ms


@value
class Stand:
    """How far a projection of one partition is."""

    kind: str
    partition: int
    next_offset: int
    time_ms: int
    """Event time of the last record that it has seen."""
    head: bytes = b""

    @property
    def where(self) -> PartitionId:
        """The partition."""
        return PartitionId(self.kind, self.partition)

    @property
    def position(self) -> Position:
        """The last record that it has seen."""
        return Position(self.where, self.next_offset - 1)


@value
class AsOf:
    """Of when an answer is."""

    stands: tuple[Stand, ...]
    moment: Moment | None = None
    """That was asked for; None: now."""

    @property
    def positions(self) -> tuple[Position, ...]:
        """The last record of each partition that the answer knows; none if it is of a time."""
        if self.moment is not None:
            return (self.moment,) if isinstance(self.moment, Position) else ()
        return tuple([stand.position for stand in self.stands])

    @property
    def time_ms(self) -> int | None:
        """The event time up to which all is known; None before the first record, and of a position."""
        if self.moment is not None:
            return self.moment if isinstance(self.moment, int) else None
        return min([stand.time_ms for stand in self.stands], default=None)


@value
class Behind:
    """What an answer lacks of the logs."""

    lag: int
    """Records."""
    lag_since_ms: int | None
    """The event time up to which all partitions are known that lack some; None: none does, or one has not begun."""


def behind(as_of: AsOf, ends: Mapping[PartitionId, int]) -> Behind:
    """Return what `as_of` lacks of logs that end there."""
    at = {stand.where: stand for stand in as_of.stands}
    lags = {where: end - (at[where].next_offset if where in at else 0) for where, end in ends.items()}
    lacking = [where for where, lag in lags.items() if lag > 0]
    times = [at[where].time_ms for where in lacking if where in at]
    return Behind(
        sum(map(lags.__getitem__, lacking)), min(times) if lacking and len(times) == len(lacking) else None
    )


@value
class ProjectedRow:
    """How far one projection of one partition is."""

    projection: str
    stand: Stand


@value
class AuditRow:
    """One decision: who asked for what, when, and what became of it."""

    kind: str
    partition: int
    offset: int
    index: int
    name: str
    command: str
    principal: str
    client: str
    handle: str
    sequence: int
    lane: str
    accepted: bool
    outcome: str
    reason: str | None
    events: str
    at_ms: int
    lease_ms: int

    @property
    def position(self) -> Position:
        """The commit that it is in."""
        return Position(PartitionId(self.kind, self.partition), self.offset)

    @property
    def event_names(self) -> tuple[str, ...]:
        """What it caused."""
        return tuple(self.events.split(",")) if self.events else ()


@value
class AuditFilter:
    """Which decisions a page shows. All that is given must hold."""

    name: str | None = None
    principal: str | None = None
    client: str | None = None
    command: str | None = None
    accepted: bool | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    """Before this time."""


class AuditReads(Protocol):
    """Who asked a kind for what. Raises `ReadsUnavailable` and `ReadTooSlow`."""

    async def audit(
        self, tenant: str, wanted: AuditFilter, first: int, after: tuple[int, int, int, int] | None
    ) -> tuple[Sequence[AuditRow], AsOf]:
        """Return decisions, newest first, and one more than `first` if there is one.

        Raises `RowsForgotten` if a time that is named is too long ago.
        `after`: (time, partition, offset, index). A name of queues and caches is a shard's; of nodes a node's,
        `service:` and a service's, or `brake`. Heartbeats are in no audit.
        """


class Standings(Protocol):
    """How far all read models of all kinds are."""

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is."""


class Progress(Protocol):
    """Tells when a projection gets somewhere."""

    async def reach(self, projection: str, where: PartitionId, next_offset: int, within_s: float) -> bool:
        """Return whether the projection of a partition is at `next_offset` or further, as soon as it is."""
