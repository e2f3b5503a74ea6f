"""What clients told of what they did by themselves: counted here, for whoever looks at this worker; in no log."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from prometheus_client import Counter

from streams.engine.places import Place, Places
from streams.ops.series import NAMES, OTHER
from streams.wire.messages import Told

MAX_TIMES: Final = 1 << 40
"""More cannot have happened since a client last told."""
MAX_NAME: Final = 256
KEPT_S: Final = 86_400.0
"""A name of which nobody told for so long has no counts any more."""
COUNTS = Counter(
    "tidelock_client_counts_total",
    "What clients did by themselves, as they tell",
    ("tenant", "kind", "name", "what"),
)


class Tallies:
    """Of all clients of one worker. Few names have counts of their own (`Places`), all others of a tenant one."""

    def __init__(
        self,
        told: Mapping[str, tuple[str, ...]],
        names: int = NAMES,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`told`: by kind, what is counted."""
        self._told = {kind: frozenset(counted) for kind, counted in told.items()}
        self._places, self._now_s = Places(names, KEPT_S, self._forget), now_s

    def take(self, tenant: str, told: Told) -> None:
        """Count what is known and can be true; leave the rest."""
        known = self._told.get(told.kind, frozenset())
        name = self._name(tenant, told.kind, told.name) if known else OTHER
        for count in told.counts:
            if count.what in known and 0 < count.times <= MAX_TIMES:
                COUNTS.labels(tenant, told.kind, name, count.what).inc(count.times)

    def _name(self, tenant: str, kind: str, name: str) -> str:
        if len(name) > MAX_NAME or not name.isprintable() or name == OTHER:
            return OTHER
        return name if self._places.take(tenant, (kind, name), self._now_s()) else OTHER

    def _forget(self, place: Place) -> None:
        tenant, (kind, name) = place
        for what in self._told[kind]:
            with suppress(KeyError):  # of this nothing was told
                COUNTS.remove(tenant, kind, name, what)
