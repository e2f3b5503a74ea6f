"""Lease times as people read them: how long ago, or how much is left."""

from streams.domain.value import value
from streams.replay.locks.phrases import duration
from streams.replay.moment import Moment


@value
class LeaseNow:
    """The lease time of one partition at the moment that is shown."""

    lease_ms: int

    def ago_ms(self, at_ms: int) -> int:
        """Return how long ago lease time was `at_ms`."""
        return max(0, self.lease_ms - at_ms)

    def ago(self, at_ms: int) -> str:
        """Return the same in words."""
        return duration(self.ago_ms(at_ms))

    def left_ms(self, until_ms: int) -> int:
        """Return how long it takes until lease time is `until_ms`."""
        return max(0, until_ms - self.lease_ms)

    def left(self, until_ms: int) -> str:
        """Return the same in words."""
        return duration(self.left_ms(until_ms))


def lease_at(moment: Moment, time_ms: int) -> LeaseNow:
    """Return the lease time at wall time `time_ms`, counted from the last commit before the moment."""
    commit = moment.commit
    return LeaseNow(0 if commit is None else commit.lease_ms + max(0, time_ms - commit.time_ms))
