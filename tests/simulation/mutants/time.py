"""Planted bugs of the clocks."""

from dataclasses import replace
from typing import Any

from streams.engine import owner as owner_module
from streams.engine import takeover
from streams.engine.clock import LeaseClock, WallMark
from streams.engine.owner import Owner
from tests.simulation.mutants.mutant import Mutant


def _no_stall(self: LeaseClock, monotonic_ms: int, oldest_sent_ms: int | None) -> int:
    return _advance(self, monotonic_ms, None)


_advance = LeaseClock.advance


def _uncapped(self: LeaseClock, monotonic_ms: int, oldest_sent_ms: int | None) -> int:
    self.now_ms += monotonic_ms - self._at
    self._at = monotonic_ms
    return self.now_ms


def _no_floor(self: WallMark, monotonic_ms: int) -> int:
    return self._base + monotonic_ms


_take = Owner._take


async def _wall_in_mark(self: Any) -> None:
    await _take(self)
    now = self._clock.monotonic_ms()
    self._mark = WallMark(self.reader.state.mark_ms, self._clock.wall_ms(), now)


async def _outage_counts(self: Any) -> None:
    """Lease time makes up for the time without an owner, by the broker's clock."""
    await _take(self)
    state = self.reader.state
    gap = self._mark.at(self._clock.monotonic_ms()) - state.mark_ms if state.mark_ms else 0
    self._lease = LeaseClock(state.lease_ms + max(0, gap), self._clock.monotonic_ms())


async def _from_zero(self: Any) -> None:
    await _take(self)
    self._lease = LeaseClock(0, self._clock.monotonic_ms())


_build = Owner._build


def _never_idle(self: Any) -> Any:
    self._last_commit_ms = self._clock.monotonic_ms()
    return _build(self)


_claim = takeover.claim


async def _any_clock(ports: Any, writer: Any, reader: Any, settings: Any, entropy: Any, clock: Any) -> Any:
    return await _claim(ports, writer, reader, replace(settings, max_skew_ms=10**15), entropy, clock)


TIME = (
    Mutant(
        "lease time through stalls",
        "lease time runs on while the oldest commit is unacknowledged",
        lambda: [(LeaseClock, "advance", _no_stall)],
        first_history=3942,
    ),
    Mutant(
        "lease time jumps",
        "a pause of the owner counts in full",
        lambda: [(LeaseClock, "advance", _uncapped)],
        first_history=39,
    ),
    Mutant(
        "lease time through outages",
        "time without an owner counts, as the broker's clock has it",
        lambda: [(Owner, "_take", _outage_counts)],
    ),
    Mutant(
        "lease time starts over",
        "an owner starts its own count instead of the log's",
        lambda: [(Owner, "_take", _from_zero)],
    ),
    Mutant(
        "wall clock in the mark",
        "a worker's wall clock enters the mark",
        lambda: [(Owner, "_take", _wall_in_mark)],
    ),
    Mutant(
        "mark goes back", "the mark follows a claim's timestamp back", lambda: [(WallMark, "at", _no_floor)]
    ),
    Mutant(
        "no idle commits",
        "a quiet partition commits nothing while a lease runs",
        lambda: [(Owner, "_build", _never_idle)],
        first_history=167,
    ),
    Mutant(
        "any clock decides",
        "a worker whose clock is far off decides",
        lambda: [(owner_module, "claim", _any_clock)],
    ),
)
