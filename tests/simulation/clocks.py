"""The three clocks' promises, checked commit by commit against true virtual time."""

from collections.abc import Callable
from dataclasses import dataclass

from streams.log.records import Claim, Commit
from tests.simulation.log import Landing

STEP_S = 0.5
STALL_S = 2.0
IDLE_S = 5.0
MAX_SKEW_MS = 5 * 60_000


@dataclass(slots=True)
class Begun:
    """One claim: when it landed, in true seconds and by the broker's clock."""

    landed_at: float
    timestamp_ms: int
    skew_ms: int
    """The broker's clock minus true time."""


class Clocks:
    """Watches lease time and wall mark of the accepted commits."""

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail
        self._claims: dict[bytes, Begun] = {}
        self._last: tuple[Commit, Landing] | None = None
        self._deadline_pending = False

    def claim(self, claim: Claim, begun: Begun) -> None:
        """A claim was accepted for the first time."""
        self._claims.setdefault(claim.owner, begun)

    def commit(
        self, commit: Commit, landing: Landing, frozen: list[tuple[float, float]], skew_ms: int
    ) -> None:
        """Check an accepted commit. `frozen`: its process's pauses; `skew_ms`: its wall clock minus true time."""
        begun = self._claims[commit.owner]
        self._wall(commit, landing, begun, skew_ms)
        if self._last is not None:
            self._lease(*self._last, commit, landing, frozen)
        elif commit.lease_ms > (landing.sent_at - begun.landed_at) * 1000 + 1.01:
            self._fail(
                f"lease time {commit.lease_ms} in the first commit, "
                f"{landing.sent_at - begun.landed_at:.3f} s after the claim"
            )
        self._last = (commit, landing)

    def folded(self, *, deadline_pending: bool) -> None:
        """The last commit is folded; while a deadline is pending, the next one must come within 5 s."""
        self._deadline_pending = deadline_pending

    def _wall(self, commit: Commit, landing: Landing, begun: Begun, skew_ms: int) -> None:
        before = 0 if self._last is None else self._last[0].mark_ms
        most = max(before, begun.timestamp_ms + (landing.sent_at - begun.landed_at) * 1000 + 1.01)
        if not before <= commit.mark_ms <= most:
            self._fail(f"mark {commit.mark_ms} is not within {before} and {most}")
        if abs(skew_ms - begun.skew_ms) > MAX_SKEW_MS + 30_000:
            self._fail(
                f"an owner decides whose clock is {skew_ms - begun.skew_ms} ms from its claim's timestamp"
            )

    def _lease(
        self,
        before: Commit,
        earlier: Landing,
        commit: Commit,
        landing: Landing,
        frozen: list[tuple[float, float]],
    ) -> None:
        passed = commit.lease_ms - before.lease_ms
        if passed < 0:
            self._fail(f"lease time goes back from {before.lease_ms} to {commit.lease_ms}")
        start = earlier.sent_at
        if before.owner != commit.owner:
            start = max(start, self._claims[commit.owner].landed_at)
        most = landing.sent_at - start
        if before.owner == commit.owner:
            stood = sum(
                max(0.0, min(b, landing.sent_at) - max(a, start) - STEP_S) for a, b in frozen if b > start
            )
            acked = landing.sent_at if earlier.acked_at is None else min(earlier.acked_at, landing.sent_at)
            if self._deadline_pending and most - stood - (acked - earlier.sent_at) > IDLE_S + STEP_S:
                self._fail(f"no commit for {most:.3f} s while a deadline was pending (seq {commit.seq})")
            stood = max(stood, acked - earlier.sent_at - STALL_S - STEP_S)
            most -= max(0.0, stood)
        if passed > most * 1000 + 1.01:
            self._fail(
                f"lease time runs {passed} ms in at most {most * 1000:.1f} ms that count (seq {commit.seq})"
            )
