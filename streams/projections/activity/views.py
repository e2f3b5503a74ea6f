"""What windows there are: of a minute of event time (append timestamp), of each name, and of each tenant.

A window is told from its first event on. When it is over it is kept for another minute, as the latest that is whole,
and then forgotten: `*_windows` and InfluxDB have the past. Event time never goes back within a partition, so only a
partition whose windows were ended by the clock (`Projection.idle_ms`) can have events that come late.
"""

from collections.abc import Mapping
from typing import Final

from streams.projections.activity.counts import Counts, Happened, WholeCounts
from streams.windows.combined import Aggregates
from streams.windows.definition import Tumbling, Windows

MINUTE_MS: Final = 60_000
NAMES: Final = "names"
"""The view whose key is (tenant, name)."""
TENANTS: Final = "tenants"
"""The view whose key is (tenant, '')."""
OPEN_NAMES: Final = 10_000
"""Windows of names that a partition keeps, shared by tenants; the names of a tenant beyond are counted together, under
the name `streams.windows.taken.OTHER`."""
OPEN_TENANTS: Final = 1_000


def _windows(most: int, counts: type[Counts], *, shared: bool) -> Windows:
    aggregates = Aggregates(activity=Happened(counts))
    return Windows(Tumbling(MINUTE_MS), aggregates, lateness_ms=MINUTE_MS, max_open=most, shared=shared)


VIEWS: Final[Mapping[str, Windows]] = {
    NAMES: _windows(OPEN_NAMES, Counts, shared=True),
    TENANTS: _windows(OPEN_TENANTS, WholeCounts, shared=False),
}
