"""Queues: what is there, how fast it goes, what goes wrong."""

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.board import board, tag
from deploy.grafana.flux import added, largest, share
from deploy.grafana.gauges import deepest, now, oldest, standing
from deploy.grafana.panels import limits, lines, listing, number

TAGS = ("tenant", "queue")


def queues() -> Dashboard:
    """Return the dashboard."""
    standing_now = (
        number(
            "Ready",
            "Messages that wait for a consumer. Growing: consumers are too few or too slow.",
            now("queue_gauges", ["ready"], TAGS),
            thresholds=limits(warn=10_000, bad=100_000),
        ),
        number(
            "Leased",
            "Messages that consumers work on. As many as the consumers take at once, and none acknowledged: "
            "they hang.",
            now("queue_gauges", ["leased"], TAGS),
        ),
        number(
            "Delayed",
            "Messages whose time has not come: enqueued with a delay, or returned with one.",
            now("queue_gauges", ["delayed"], TAGS),
        ),
        number(
            "Dead letters",
            "Messages that were delivered too often. Look at one (`tidelock queue dead`), mend the "
            "consumer, redrive.",
            now("queue_gauges", ["dead_letters"], TAGS),
            thresholds=limits(warn=1, bad=100),
        ),
        number(
            "Bytes",
            "Payload that is kept, dead letters too. It is in the workers' memory.",
            now("queue_gauges", ["bytes"], TAGS),
            units.BytesIEC,
            thresholds=limits(warn=1 << 30, bad=4 << 30),
        ),
        number(
            "Waiting consumers",
            "Consumers that ask for messages and have none. None while messages are ready: nobody consumes.",
            now("queue_gauges", ["waiting"], TAGS),
        ),
    )
    depth = (
        lines(
            "Depth",
            "Messages by state. A queue in which nothing happens stands as it did. Growing: consumers are "
            "too few or too slow.",
            standing("queue_gauges", ["ready", "delayed", "leased"], TAGS),
            stacked=True,
        ),
        lines(
            "Age of the oldest message",
            "Of those that are not dead, in queues in which something happened; of silent queues, see "
            "Deepest queues. "
            "A straight climb: nothing is taken from the front; a consumer is stuck on a group, or there is "
            "none.",
            oldest(TAGS),
            units.Milliseconds,
            thresholds=limits(warn=300_000, bad=3_600_000),
        ),
        lines(
            "Dead and moving",
            "`dead_letters` stay until somebody redrives or purges them. `moving`: on their way to another "
            "shard or queue; "
            "for long: see `tidelock queue stats`.",
            standing("queue_gauges", ["dead_letters", "moving"], TAGS),
        ),
    )
    flow = (
        lines(
            "In and out",
            "`enqueued` above `acked` for long: the backlog grows. `delivered` counts each delivery.",
            added("queue_points", ["enqueued", "delivered", "acked", "purged"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Deliveries that failed",
            "`returned` by consumers, leases that `expired` under them, deliveries `retried`; `dead` after "
            "the last one, "
            "`redriven` by somebody. Many `expired`: work takes longer than the visibility timeout; extend it.",
            added("queue_points", ["returned", "expired", "retried", "dead", "redriven"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Share of commands that were rejected",
            "Over 1 %: a producer or consumer does something that the queue does not allow; `tidelock window "
            "show queues` has the codes, `audit` in GraphQL who.",
            share("queue_points", "rejected", ["commands"], TAGS),
            units.PercentUnit,
            thresholds=limits(warn=0.01, bad=0.05),
        ),
        lines(
            "How long messages were ready before they were delivered",
            "The largest of all queues and windows of ten seconds; within 1 %. Long with consumers waiting: "
            "their group is "
            "leased elsewhere.",
            largest("queue_points", ["wait_p50_ms", "wait_p95_ms", "wait_p99_ms"], TAGS),
            units.Milliseconds,
            thresholds=limits(warn=60_000, bad=600_000),
        ),
        lines(
            "How long consumers worked",
            "From delivery to acknowledgement. A p99 near the visibility timeout: messages will be "
            "delivered twice.",
            largest("queue_points", ["work_p50_ms", "work_p95_ms", "work_p99_ms"], TAGS),
            units.Milliseconds,
        ),
        lines(
            "How many waited, how many were worked on",
            "Of how many deliveries and acknowledgements the percentiles are: few say little.",
            added("queue_points", ["waits", "works"], TAGS, per_second=False),
        ),
    )
    names = (
        listing(
            "Deepest queues",
            "At the end of the time range. `oldest_ms`: the age of the oldest message that is not dead. "
            "Ready messages, an "
            "old one and nobody `waiting`: that queue has no consumer.",
            deepest(TAGS),
            {"oldest_ms": units.Milliseconds},
        ),
    )
    return board(
        "queues",
        "Depth, age, flow, retries and dead letters of queues. Names beyond a tenant's thousand are "
        "together `__other__`.",
        [tag("tenant", "Tenant", "queue_points"), tag("queue", "Queue", "queue_points", "tenant")],
        [("Now", standing_now), ("Depth", depth), ("Flow", flow), ("Which", names)],
    )
