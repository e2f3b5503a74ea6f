"""Gauges by tenant that a fold keeps up to date as things change: adding up all that stands would take too long."""

from collections.abc import Iterable, Sequence

from streams.projections.table import Row


class Tally:
    """Sums by tenant; one of which all sums are zero is forgotten."""

    def __init__(self, gauges: int) -> None:
        self._nothing = (0,) * gauges
        self._sums: dict[str, list[int]] = {}

    def change(self, tenant: str, before: Sequence[int], after: Sequence[int]) -> None:
        """Replace what one thing adds to the sums."""
        if before == after:
            return
        sums = self._sums.setdefault(tenant, list(self._nothing))
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            sums[place] += new - old
        if not any(sums):
            del self._sums[tenant]

    def gauges(self, key: Row) -> Row:
        """Return the sums of a tenant."""
        return tuple(self._sums.get(key[0], self._nothing))

    def always(self) -> Iterable[Row]:
        """Return the tenants that have anything."""
        return [(tenant,) for tenant in sorted(self._sums)]
