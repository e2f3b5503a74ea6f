"""All kinds on one page: is anything wrong, and where to look."""

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.board import board, choice, tag
from deploy.grafana.flux import added_by, highest_by, largest, newest, share_by
from deploy.grafana.gauges import now
from deploy.grafana.panels import limits, lines, number

TAGS = ("tenant",)
KINDS = ("lock", "queue", "cache", "node")
ALL_POINTS = "(${kind:regex})_points"


def overview() -> Dashboard:
    """Return the dashboard."""
    standing_now = (
        number(
            "Slowest decision, p99",
            "Of all kinds, from a command's bytes at its worker to the acceptance of its commit. High: see "
            "Platform.",
            newest("worker_points", "decide_p99_ms", "max"),
            units.Milliseconds,
            thresholds=limits(warn=50, bad=250),
        ),
        number(
            "Read models behind",
            "Age of what the slowest read model lacks, builds (`NAME@N`) among them. Growing without a build: queries "
            "and these dashboards tell the past; see Platform.",
            newest("projector_gauges", "lag_ms", "max"),
            units.Milliseconds,
            thresholds=limits(warn=10_000, bad=60_000),
        ),
        number(
            "Nodes suspected",
            "Nodes that have been silent for half their timeout. See Nodes.",
            now("node_gauges", ["suspects"], TAGS),
            thresholds=limits(warn=1, bad=3),
        ),
        number(
            "Waiters for locks",
            "Growing: see Locks.",
            now("lock_gauges", ["waiters"], TAGS),
            thresholds=limits(warn=100, bad=1_000),
        ),
        number(
            "Ready messages",
            "Growing: see Queues.",
            now("queue_gauges", ["ready"], TAGS),
            thresholds=limits(warn=10_000, bad=100_000),
        ),
        number(
            "Fullest disk",
            "Over 85 %: make room before a broker or worker stops; see Platform.",
            newest("disk_gauges", "used_percent", "max"),
            units.Percent,
            thresholds=limits(warn=75, bad=85),
        ),
    )
    traffic = (
        lines(
            "Commands by kind",
            "What clients asked, of all tenants chosen. A kind that falls to nothing: its workers or its "
            "clients are away.",
            added_by(ALL_POINTS, "commands", "_measurement", TAGS),
            units.OpsPerSecond,
            stacked=True,
        ),
        lines(
            "Share of commands that were rejected, by kind",
            "Over 1 %: somebody asks for what is not allowed; `tidelock window show KIND` has the codes, `audit` in "
            "GraphQL who. Locks reject those who do not want to wait.",
            share_by(ALL_POINTS, "rejected", "commands", "_measurement", TAGS),
            units.PercentUnit,
            thresholds=limits(warn=0.01, bad=0.05),
        ),
        lines(
            "Commands by tenant",
            "Who causes the load.",
            added_by(ALL_POINTS, "commands", "tenant", TAGS),
            units.OpsPerSecond,
            stacked=True,
        ),
        lines(
            "Decide latency by kind, p99",
            "From a command's bytes at its worker to the acceptance of its commit. All kinds high: the "
            "brokers are slow "
            "(compare with Appends under Platform); one kind: its partitions are loaded.",
            highest_by("worker_points", "decide_p99_ms", "kind"),
            units.Milliseconds,
            thresholds=limits(warn=50, bad=250),
        ),
    )
    waits = (
        lines(
            "Waits for locks",
            "The largest of all tenants chosen. Long: see Locks, Contention.",
            largest("lock_points", ["wait_p50_ms", "wait_p99_ms"], TAGS),
            units.Milliseconds,
            width=8,
        ),
        lines(
            "Waits of messages",
            "How long they were ready. Long: see Queues, Depth.",
            largest("queue_points", ["wait_p50_ms", "wait_p99_ms"], TAGS),
            units.Milliseconds,
            width=8,
        ),
        lines(
            "Waits for cache lines",
            "Long: see Caches, Coherence.",
            largest("cache_points", ["wait_p50_ms", "wait_p99_ms"], TAGS),
            units.Milliseconds,
            width=8,
        ),
    )
    return board(
        "overview",
        "Is anything wrong? Each number says which dashboard to open next.",
        [tag("tenant", "Tenant", "(lock|queue|cache|node)_points"), choice("kind", "Kind", KINDS)],
        [("Now", standing_now), ("Traffic", traffic), ("Waits", waits)],
    )
