"""What is to be told, until it is taken."""

from typing import Any

from streams.windows.clock import Clock
from streams.windows.combined import Aggregates, States
from streams.windows.taken import Aside, Emission, Key, Kind, Reason


class Outbox:
    """Results and events put aside since the last take."""

    __slots__ = ("_aggregates", "_clock", "asides", "emissions")

    def __init__(self, aggregates: Aggregates, clock: Clock) -> None:
        self._aggregates, self._clock = aggregates, clock
        self.emissions: list[Emission] = []
        self.asides: list[Aside] = []

    def emit(self, kind: Kind, key: Key, start: int, end: int, states: States) -> None:
        """Tell a result."""
        emission = self.shown(kind, key, start, end, states)
        self._clock.counters["broken"] += len(emission.errors)
        self.emissions.append(emission)

    def shown(self, kind: Kind, key: Key, start: int, end: int, states: States) -> Emission:
        """Return a result without telling it."""
        results, errors = self._aggregates.results(states)
        return Emission(kind, key, start, end, results, errors, f"[{self._aggregates.dumps(states)}]")

    def retract(self, key: Key, start: int, end: int) -> None:
        """Tell that a window is no more."""
        self.emissions.append(Emission(Kind.RETRACTED, key, start, end, {}, {}, ""))

    def put_aside(self, reason: Reason, key: Key, time_ms: int, value: Any, error: str = "") -> None:
        """Put an event aside, and count it."""
        self._clock.counters[reason.lower()] += 1
        self.asides.append(Aside(reason, key, time_ms, value, error))
