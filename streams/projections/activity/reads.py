"""Windows of activity as people look them up: put together from the rows of all partitions that have some."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from streams.domain.value import value
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import MINUTE_MS, NAMES, TENANTS, VIEWS
from streams.projections.reads import AsOf
from streams.projections.table import Key, Row
from streams.projections.windowed import VIEW, clock_of, restored_from
from streams.windows.combine import combine
from streams.windows.taken import OTHER, Emission, Kind


@value
class Lasted:
    """How many came to their end, and how long they had lasted, within 1 %; of none: null."""

    count: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@value
class ActivityWindow:
    """A minute of one name, or of a tenant."""

    start_ms: int
    end_ms: int
    open: bool
    """It was not over when the partitions stood as `AsOf` says; of some that are behind, its minute may be long past.
    Else it is whole, but for what partitions have not counted yet that are further behind."""
    commands: int
    per_second: float
    """Commands, over what is known of the minute, or its first second."""
    rejected: int
    events: Sequence[tuple[str, int]]
    """(type, how many), the most frequent first."""
    waits: Lasted
    holds: Lasted
    clients: int | None
    """How many different ones; of a name None, as what follows is empty."""
    busiest: Sequence[tuple[str, int, int]]
    """(name, commands, by how many that may be too many), the most first."""
    contended: Sequence[tuple[str, int, int]]
    """The same: how often somebody had to wait."""
    refusals: Sequence[tuple[str, int, int]]
    """The same, by code."""


@value
class Activity:
    """The windows of a name, or of a tenant."""

    windows: Sequence[ActivityWindow]
    """Newest first."""
    overflowed: int
    """Commands of the tenant, in windows of this minute and the one before, of names that have no windows."""
    as_of: AsOf


class ActivityReads(Protocol):
    """Where windows of activity are looked up. Raises `ReadsUnavailable`."""

    async def activity(self, kind: str, tenant: str, name: str | None) -> Activity:
        """Return the windows of a name, or of a tenant, that are open or have just ended."""


def view_of(name: str | None) -> str:
    """Return the view that has the windows of a name, or those of tenants."""
    return TENANTS if name is None else NAMES


def keys_of(partition: int, tenant: str, name: str | None, clock: Row | None) -> list[Key]:
    """Return the keys of the rows that windows of a name, or of a tenant, may have by that clock."""
    view = view_of(name)
    watermark = None if clock is None else restored_from(VIEWS[view], [clock]).progress.watermark_ms
    if watermark is None:
        return []
    latest = watermark - watermark % MINUTE_MS
    starts = range(latest - VIEWS[view].lateness_ms, latest + 2 * MINUTE_MS, MINUTE_MS)
    return [(partition, view, tenant, name or "", start) for start in starts]


def clock_key(partition: int, name: str | None) -> Key:
    """Return the key of the clock's row for a name, or for tenants."""
    return clock_of(ACTIVITY, partition, view_of(name))


class Restored:
    """The windows of one view, from the rows of each partition, their clocks among them."""

    def __init__(self, view: str, partitions: Iterable[Iterable[Row]]) -> None:
        self._definition = VIEWS[view]
        self._operators = [restored_from(self._definition, rows) for rows in partitions]
        self._known_ms = max((each.progress.watermark_ms or 0 for each in self._operators), default=0)

    def overflowed(self, tenant: str) -> int:
        """Return the commands of names that have no windows, in the view of names."""
        return sum(window.commands for window in self.windows(tenant, OTHER))

    def windows(self, tenant: str, name: str | None) -> Sequence[ActivityWindow]:
        """Return those of a name, or of a tenant, newest first."""
        found = [each for operator in self._operators for each in operator.look((tenant, name or ""))]
        return [_window(each, self._known_ms) for each in reversed(combine(self._definition, found))]


def restored(view: str, partitions: Iterable[Iterable[Row]]) -> Restored:
    """Return the windows of a view, from rows of both."""
    return Restored(view, [[row for row in rows if row[VIEW] == view] for rows in partitions])


def _window(emission: Emission, known_ms: int) -> ActivityWindow:
    told: Mapping[str, Any] = emission.results["activity"]
    lasted_ms = max(1000, min(known_ms, emission.end) - emission.start)
    return ActivityWindow(
        emission.start, emission.end, emission.kind is Kind.EARLY,
        told["commands"], told["commands"] * 1000 / lasted_ms, told["rejected"], told["events"],
        Lasted(*told["waits"]), Lasted(*told["holds"]),
        told.get("clients"), told.get("busiest", ()), told.get("contended", ()), told.get("refusals", ()),
    )  # fmt: skip
