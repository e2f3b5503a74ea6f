"""A lease: the right to a lock for a while, and how long the client may count on it."""

from streams.domain.locks.commands import Mode
from tidelock.client.clock import Clock
from tidelock.client.partition import Partition
from tidelock.client.pending import Pending


class Lease:
    """A lock that was granted. Renewals, upgrades and downgrades change it in place."""

    __slots__ = (
        "_clock",
        "ended",
        "expires_at_ms",
        "handle",
        "mode",
        "name",
        "partition",
        "released",
        "settling",
        "token",
        "ttl_ms",
    )

    def __init__(
        self,
        name: str,
        handle: str,
        token: int,
        mode: Mode,
        *,
        ttl_ms: int,
        expires_at_ms: int,
        partition: Partition,
        clock: Clock,
    ) -> None:
        self.name = name
        self.handle = handle
        self.token = token
        """The fencing token: greater than that of every grant of this lock before."""
        self.mode = mode
        self.ttl_ms = ttl_ms
        self.expires_at_ms = expires_at_ms
        """In lease time of the lock's partition, not in wall time."""
        self.partition = partition
        self.settling: Pending | None = None
        """The withdrawal of an upgrade that was given up: until it is answered the token is uncertain."""
        self.ended = False
        """The caller gave it back."""
        self.released: Pending | None = None
        """The release that was sent last."""
        self._clock = clock

    def trusted_until(self) -> float:
        """Return the local time until which nobody else can hold the lock, by what is known now."""
        return self.partition.trusted_until(self.expires_at_ms)

    def expires_in(self) -> float:
        """Return for how many seconds the lock is held for certain even if it is not renewed."""
        return max(0.0, self.trusted_until() - self._clock.now())

    def __repr__(self) -> str:
        what = f"{type(self).__name__} {self.name!r} {self.mode}"
        return f"<{what} token={self.token} for {self.expires_in():.3f} s>"
