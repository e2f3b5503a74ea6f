"""How a consumer wants its messages, checked where it is said."""

from typing import Final

from streams.domain.queues.limits import MAX_LEASE_MS, MIN_LEASE_MS
from streams.domain.value import value
from tidelock.client.errors import BadArgument
from tidelock.client.terms import ms_of

MAX_PREFETCH: Final = 10_000


@value
class Appetite:
    """How a consumer wants its messages."""

    prefetch: int = 32
    """Messages that it leases at a time, those that are worked on among them: shared out among the queue's shards,
    and at least one a shard, since each has a receive that waits."""
    concurrency: int | None = None
    """Messages that are worked on at a time; None: as many as it leases."""
    lease: float | None = None
    """Length of a lease, s; None: the queue's."""
    auto_extend: bool = True
    """Extend leases while messages are worked on, for 12 hours at most."""

    def check(self) -> None:
        """Raise `BadArgument` for what nobody can want."""
        for what in (self.prefetch, 1 if self.concurrency is None else self.concurrency):
            if not isinstance(what, int):
                raise BadArgument(f"prefetch or concurrency is {str(what)[:40]!r}. Give a whole number.")
        if not 1 <= self.prefetch <= MAX_PREFETCH:
            raise BadArgument(f"prefetch {self.prefetch} is out of range. Choose 1 to {MAX_PREFETCH}.")
        if self.concurrency is not None and self.concurrency < 1:
            raise BadArgument(f"concurrency {self.concurrency} is out of range. Choose 1 or more.")


def lease_ms_of(lease: float | None) -> int:
    """Return a lease of so many s as commands carry it; None: 0, the queue's. Raises `BadArgument`."""
    if lease is None:
        return 0
    lease_ms = ms_of(lease, "lease")
    if not MIN_LEASE_MS <= lease_ms <= MAX_LEASE_MS:
        raise BadArgument(
            f"lease {lease} s is out of range. Choose {MIN_LEASE_MS / 1000} to {MAX_LEASE_MS // 1000}, "
            "or leave it out for the queue's.",
            details=(("field", "lease"),),
        )
    return lease_ms
