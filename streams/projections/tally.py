"""Gauges by tenant that a fold keeps up to date as things change: adding up all that stands would take too long."""

from collections.abc import Iterable, Sequence

from streams.projections.table import Row


class Tally:
    """Sums by tenant; one of which all sums are zero is forgotten."""

    def __init__(self, gauges: int) -> None:
        self._nothing: Row = (0,) * gauges
        self._sums: dict[str, Row] = {}

    def change(self, tenant: str, before: Sequence[int], after: Sequence[int]) -> None:
        """Replace what one thing adds to the sums."""
        if before == after:
            return
        sums = self._sums.get(tenant, self._nothing)
        changed = tuple([each - old + new for each, old, new in zip(sums, before, after, strict=True)])
        if any(changed):
            self._sums[tenant] = changed
        else:
            self._sums.pop(tenant, None)

    def gauges(self, key: Row) -> Row:
        """Return the sums of a tenant."""
        return self._sums.get(key[0], self._nothing)

    def always(self) -> Iterable[Row]:
        """Return the tenants that have anything."""
        return [(tenant,) for tenant in sorted(self._sums)]
