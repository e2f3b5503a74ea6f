"""A circuit breaker an instance: after failures in a row it gets no calls for a while, then one that tells.

After Nygard, "Release It!" (2007). Why ours: docs/adr/0026-circuits-and-budgets-of-our-own.md.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Circuit: TypeAlias = Literal["CLOSED", "OPEN", "HALF_OPEN"]
MAX_OPEN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """When it opens, and for how long."""

    failures: int = 5
    """So many failures in a row open it."""
    open_s: float = 5.0
    """So long it gets no calls; twice as long after each trial that fails, up to 60 s."""


class Breaker:
    """The circuit of one instance. Times are seconds of the client's clock."""

    __slots__ = ("_failures", "_open_s", "_opened_s", "_terms", "_trying")

    def __init__(self, terms: BreakerTerms) -> None:
        self._terms = terms
        self._failures = 0
        self._opened_s: float | None = None
        self._open_s = terms.open_s
        self._trying = False

    def circuit(self, now: float) -> Circuit:
        """Return how it stands."""
        if self._opened_s is None:
            return "CLOSED"
        return "HALF_OPEN" if now >= self._opened_s + self._open_s else "OPEN"

    def allows(self, now: float) -> bool:
        """Say whether a call may begin: also one trial at a time, once the pause is over."""
        circuit = self.circuit(now)
        return circuit == "CLOSED" or (circuit == "HALF_OPEN" and not self._trying)

    def begin(self) -> bool:
        """Note a call that `allows` let through; return whether it is the trial."""
        self._trying = trial = self._opened_s is not None
        return trial

    def end(self, trial: bool, failed: bool | None, now: float) -> None:
        """Note how a call ended; None: it was given up, which tells nothing.

        While the circuit is open, calls that began before count for nothing.
        """
        if trial:
            self._trying = False
        if failed is None or (self._opened_s is not None and not trial):
            return
        if not failed:
            self._failures, self._opened_s, self._open_s = 0, None, self._terms.open_s
            return
        self._failures += 1
        if trial:
            self._opened_s, self._open_s = now, min(MAX_OPEN_S, 2 * self._open_s)
        elif self._failures >= self._terms.failures:
            self._opened_s = now
