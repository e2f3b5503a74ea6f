"""What a window of locks measures, a tenant each."""

from typing import ClassVar

from streams.projections.measures import Counts, Measures


class LockCounts(Counts):
    """What happened to one tenant's locks in one window."""

    __slots__ = ()
    measures: ClassVar = Measures(
        kind="lock",
        tags=("tenant",),
        counters=(
            "commands",           # of clients, refused ones too
            "rejected",           # of those, at once
            "grants",             # and upgrades
            "refusals",           # acquires and upgrades: rejected, or whose wait timed out or was aborted
            "contended",          # that had to wait
            "timed_out",          # waits
            "deadlocks",          # waits that were aborted to break one
            "released", "expired",  # holds
            "renewed",
        ),
        gauges=("held", "holders", "waiters"),
        sketches=("waits", "holds"),
    )  # fmt: skip
