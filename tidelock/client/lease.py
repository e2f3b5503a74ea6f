"""A lease: the right to a lock for a while, and how long the client may count on it."""

from streams.domain.locks.commands import Mode
from streams.domain.locks.replies import LockHeld
from tidelock.client.clock import Clock
from tidelock.client.pending import Pending


class Lease:
    """A lock that was granted. Renewals, upgrades and downgrades change it in place."""

    settling: Pending | None = None
    """The withdrawal of an upgrade that was given up: until it is answered the token is uncertain."""
    ended = False
    """The caller gave it back."""
    released: Pending | None = None
    """The release that was sent last."""

    def __init__(self, grant: LockHeld, pending: Pending, clock: Clock) -> None:
        """`pending` is the acquire that was answered by `grant`."""
        self.name, self.handle, self.ttl_ms = pending.asked
        self.token = grant.token
        """The fencing token: greater than that of every grant of this lock before."""
        self.mode: Mode = grant.mode
        self.expires_at_ms = grant.expires_at
        """In lease time of the lock's partition, not in wall time."""
        self.partition = pending.partition
        self.member = pending.member
        self.position = pending.position
        """The commit that granted it."""
        self._clock = clock

    def leased_until(self) -> float:
        """Return the local time until which the lease has not run out for certain."""
        return self.partition.trusted_until(self.expires_at_ms)

    def trusted_until(self) -> float:
        """Return the local time until which nobody else can hold the lock, by what is known now.

        That is when the lease runs out, or the node's session may end, which takes the lease with it.
        """
        leased_s, member = self.leased_until(), self.member
        return leased_s if member is None else min(leased_s, member.trusted_until())

    def expires_in(self) -> float:
        """Return for how many seconds the lock is held for certain even if it is not renewed."""
        return max(0.0, self.trusted_until() - self._clock.now())

    def __repr__(self) -> str:
        what = f"{type(self).__name__} {self.name!r} {self.mode}"
        return f"<{what} token={self.token} for {self.expires_in():.3f} s>"
