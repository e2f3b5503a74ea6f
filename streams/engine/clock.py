"""The two clocks an owner logs. Neither ever lets a worker's wall clock in.

Lease time runs with the owner's monotonic clock, never faster than real time: each step counts 0.5 s at the most,
and none while the oldest commit has been unacknowledged for 2 s. Outages and pauses stretch leases, nothing
shortens them. The wall mark is the claim's append timestamp (the broker's clock) plus monotonic time since the
claim was read back.
"""

from streams.log.ports import Clock

MAX_STEP_MS = 500
STALL_MS = 2000


class LeaseClock:
    """A partition's lease time, from the last logged value on."""

    __slots__ = ("_at", "now_ms")

    def __init__(self, lease_ms: int, monotonic_ms: int) -> None:
        self.now_ms = lease_ms
        self._at = monotonic_ms

    def advance(self, monotonic_ms: int, oldest_sent_ms: int | None) -> int:
        """Move on to `monotonic_ms`; `oldest_sent_ms` is when the oldest unacknowledged commit was sent."""
        step = monotonic_ms - self._at
        self._at = monotonic_ms
        stalled = oldest_sent_ms is not None and monotonic_ms - oldest_sent_ms >= STALL_MS
        if step > 0 and not stalled:
            self.now_ms += min(step, MAX_STEP_MS)
        return self.now_ms


class Skew:
    """What one claim told of the broker's clock and ours: whether to claim again is known without another claim.

    Every claim fences whoever owns the partition, so a worker with a wrong clock must not claim to find out that it
    is still wrong. It waits until its wall clock has moved by what was missing; if it was the broker's that was set
    right, only a new measurement tells, and there is one each `pause_ms`.
    """

    __slots__ = ("_found_ms", "_pause_ms", "_wall_ahead_ms")

    def __init__(self, skew_ms: int, clock: Clock, pause_ms: int) -> None:
        self._found_ms = clock.monotonic_ms()
        self._wall_ahead_ms = clock.wall_ms() - self._found_ms - skew_ms
        """What our wall clock would be ahead of our monotonic one, if it agreed with the broker's."""
        self._pause_ms = pause_ms

    def now_ms(self, clock: Clock) -> int | None:
        """Return by how much the clocks are apart as far as is known; None: it is time to measure."""
        monotonic_ms = clock.monotonic_ms()
        if monotonic_ms - self._found_ms >= self._pause_ms:
            return None
        return clock.wall_ms() - monotonic_ms - self._wall_ahead_ms


class WallMark:
    """The wall mark of one ownership."""

    __slots__ = ("_base", "_floor")

    def __init__(self, logged_ms: int, claimed_at_ms: int, monotonic_ms: int) -> None:
        self._floor = logged_ms
        self._base = claimed_at_ms - monotonic_ms

    def at(self, monotonic_ms: int) -> int:
        """Return the mark at `monotonic_ms`."""
        return max(self._floor, self._base + monotonic_ms)
