"""What a window of nodes measures, a tenant each."""

from typing import ClassVar

from streams.projections.measures import Counts, Measures


class NodeCounts(Counts):
    """What happened to one tenant's nodes, services and brake in one window."""

    __slots__ = ()
    measures: ClassVar = Measures(
        kind="node",
        tags=("tenant",),
        counters=(
            "commands", "rejected",  # of clients; heartbeats are none
            "registered",         # sessions that began
            "suspected", "cleared",
            "died", "evicted",
            "deregistered",       # or replaced by the node's next session
            "drained",
            "failovers",          # sessions whose locks, messages and lines were given back
            "health_changed",
            "instances_offered", "instances_failed", "instances_recovered", "instances_left",
            "mass_failures",
        ),
        gauges=("alive", "suspects", "ended", "draining", "warning", "critical", "instances", "instances_healthy"),
        sketches=("silences", "failover_times"),
    )  # fmt: skip
