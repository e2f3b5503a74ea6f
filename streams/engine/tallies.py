"""What clients told of what they did by themselves: counted here, for whoever looks at this worker; in no log."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter

from streams.ops.series import NAMES, OTHER
from streams.wire.messages import Told

MAX_TIMES: Final = 1 << 40
"""More cannot have happened since a client last told."""
MAX_NAME: Final = 256
COUNTS = Counter(
    "tidelock_client_counts_total",
    "What clients did by themselves, as they tell",
    ("tenant", "kind", "name", "what"),
)


class Tallies:
    """Of all clients of one worker. Names have counts of their own as long as there are few; all others share one's."""

    def __init__(self, told: Mapping[str, tuple[str, ...]], names: int = NAMES) -> None:
        """`told`: by kind, what is counted."""
        self._told = {kind: frozenset(counted) for kind, counted in told.items()}
        self._names, self._most = set[tuple[str, str, str]](), names

    def take(self, tenant: str, told: Told) -> None:
        """Count what is known and can be true; leave the rest."""
        known = self._told.get(told.kind, frozenset())
        name = self._name(tenant, told.kind, told.name) if known else OTHER
        for count in told.counts:
            if count.what in known and 0 < count.times <= MAX_TIMES:
                COUNTS.labels(tenant, told.kind, name, count.what).inc(count.times)

    def _name(self, tenant: str, kind: str, name: str) -> str:
        key = (tenant, kind, name)
        if key in self._names:
            return name
        if len(self._names) >= self._most or len(name) > MAX_NAME or not name.isprintable():
            return OTHER
        self._names.add(key)
        return name
