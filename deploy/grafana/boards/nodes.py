"""Nodes: who lives, who is suspected, how fast what they held is given back."""

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.board import board, tag
from deploy.grafana.flux import added, largest, leaders
from deploy.grafana.gauges import now, standing
from deploy.grafana.panels import limits, lines, listing, number

TAGS = ("tenant",)


def nodes() -> Dashboard:
    """Return the dashboard."""
    standing_now = (
        number(
            "Alive",
            "Nodes with a session. Fewer than you deployed: see `tidelock node list`.",
            now("node_gauges", ["alive"], TAGS),
        ),
        number(
            "Suspected",
            "Nodes that have been silent for half their timeout. Several at once: look for what they share.",
            now("node_gauges", ["suspects"], TAGS),
            thresholds=limits(warn=1, bad=3),
        ),
        number(
            "Critical",
            "Nodes whose own checks say that they cannot work. `tidelock node show` has the checks.",
            now("node_gauges", ["critical"], TAGS),
            thresholds=limits(warn=1, bad=3),
        ),
        number(
            "Warning",
            "Nodes whose own checks say that they soon will not work; `tidelock node show` has the checks.",
            now("node_gauges", ["warning"], TAGS),
            thresholds=limits(warn=1),
        ),
        number("Draining", "Nodes that take nothing new.", now("node_gauges", ["draining"], TAGS)),
        number(
            "Healthy instances",
            "Instances of services that callers are sent to.",
            now("node_gauges", ["instances_healthy"], TAGS),
        ),
    )
    life = (
        lines(
            "Nodes",
            "`ended`: sessions that ended and are not forgotten. `alive` steps down without `draining` "
            "before: nodes died.",
            standing("node_gauges", ["alive", "suspects", "draining", "warning", "critical", "ended"], TAGS),
        ),
        lines(
            "Comings and goings",
            "In each step. `died`: silent for their whole timeout; `evicted` by somebody; `suspected` and "
            "`cleared` in turn: "
            "the timeout is too short for their pauses, or the network drops packets.",
            added(
                "node_points",
                [
                    "registered",
                    "suspected",
                    "cleared",
                    "died",
                    "evicted",
                    "deregistered",
                    "drained",
                    "mass_failures",
                ],
                TAGS,
                per_second=False,
            ),
        ),
        lines(
            "Commands, and changes of health",
            "Heartbeats are none of them. Health that changes all the time: a check flaps.",
            added("node_points", ["commands", "rejected", "health_changed"], TAGS),
            units.OpsPerSecond,
        ),
    )
    failover = (
        lines(
            "How long nodes were silent before they were declared dead",
            "A little over their timeout. Much longer: the owner of their partition was away, or the brake "
            "is pulled.",
            largest("node_points", ["silence_p50_ms", "silence_p95_ms", "silence_p99_ms"], TAGS),
            units.Milliseconds,
        ),
        lines(
            "How long until all that they held was given back",
            "From the end of a session. Over a few seconds: the sweeper is away, or a partition does not "
            "answer; see "
            "`/status` of the processes.",
            largest(
                "node_points", ["failover_time_p50_ms", "failover_time_p95_ms", "failover_time_p99_ms"], TAGS
            ),
            units.Milliseconds,
            thresholds=limits(warn=5_000, bad=30_000),
        ),
        lines(
            "Failovers",
            "In each step: `failovers` are sessions whose locks, messages and lines were given back; "
            "`silences` and "
            "`failover_times` are of how many the percentiles are.",
            added("node_points", ["failovers", "silences", "failover_times"], TAGS, per_second=False),
        ),
    )
    services = (
        lines(
            "Instances of services",
            "`instances_healthy` below `instances`: callers are sent to fewer.",
            standing("node_gauges", ["instances", "instances_healthy"], TAGS),
        ),
        lines(
            "Instances that came, failed and left",
            "In each step. `instances_failed` and `instances_recovered` in turn: a check flaps.",
            added(
                "node_points",
                ["instances_offered", "instances_failed", "instances_recovered", "instances_left"],
                TAGS,
                per_second=False,
            ),
        ),
        listing(
            "Tenants with the most nodes that died",
            "Sums of the time range.",
            leaders(
                "node_points", ["died", "suspected", "evicted", "failovers", "mass_failures"], TAGS, "died"
            ),
            {},
        ),
    )
    return board(
        "nodes",
        "Membership, suspicion, failover and services. Names of nodes are no tags: `tidelock node list` has "
        "them.",
        [tag("tenant", "Tenant", "node_points")],
        [("Now", standing_now), ("Life", life), ("Failover", failover), ("Services", services)],
    )
