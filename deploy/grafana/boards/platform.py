"""The platform's own processes: deciding, projecting, answering, and what they need of their machines."""

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.board import board, tag
from deploy.grafana.flux import added, added_by, highest_by, largest, newest, share, totals, totals_by
from deploy.grafana.panels import limits, lines, number

TAGS = ("process",)


def platform() -> Dashboard:
    """Return the dashboard."""
    standing_now = (
        number(
            "Partitions led",
            "Over all kinds and workers. Fewer than there are: some wait for an owner; their clients wait, "
            "too.",
            newest("worker_gauges", "leading", "sum", TAGS),
        ),
        number(
            "Quarantined",
            "Partitions that their worker gave up after three failures. Its log says why; `tidelock "
            "status` shows them.",
            newest("worker_gauges", "quarantined", "sum", TAGS),
            thresholds=limits(bad=1),
        ),
        number(
            "Read models halted",
            "Lanes that met what their release does not know. Roll out the newer release.",
            newest("projector_gauges", "halted", "sum", TAGS),
            thresholds=limits(bad=1),
        ),
        number(
            "Points waiting",
            "Read models whose points InfluxDB does not take now. They come when it is back.",
            newest("projector_gauges", "points_wait", "sum", TAGS),
            thresholds=limits(warn=1),
        ),
        number(
            "Clients connected",
            "To workers.",
            newest("process_gauges", "connections", "sum", TAGS),
        ),
        number(
            "Fullest disk",
            "Over 85 %: make room before a broker or worker stops.",
            newest("disk_gauges", "used_percent", "max", TAGS),
            units.Percent,
            thresholds=limits(warn=75, bad=85),
        ),
    )
    deciding = (
        lines(
            "Decisions by kind",
            "Of all workers.",
            added_by("worker_points", "decisions", "kind", TAGS),
            units.OpsPerSecond,
            stacked=True,
        ),
        lines(
            "Decide latency by kind, p99",
            "From a command's bytes at its worker to the acceptance of its commit; those of nodes are "
            "gathered for up to "
            "250 ms. Near the appends below: the brokers; far above: the worker is busy.",
            highest_by("worker_points", "decide_p99_ms", "kind", TAGS),
            units.Milliseconds,
            thresholds=limits(warn=50, bad=250),
        ),
        lines(
            "Decide latency",
            "The largest of all kinds and workers, and of how many.",
            largest("worker_points", ["decide_p50_ms", "decide_p95_ms", "decide_p99_ms"], TAGS),
            units.Milliseconds,
        ),
        lines(
            "Appends",
            "How long the log takes a commit. High: a broker's disk or a replica is slow.",
            largest("worker_points", ["append_p50_ms", "append_p95_ms", "append_p99_ms"], TAGS),
            units.Milliseconds,
            thresholds=limits(warn=50, bad=500),
        ),
        lines(
            "Commits, decides and appends",
            "Many decides a commit is well: load makes commits larger.",
            added("worker_points", ["commits", "decides", "appends"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Bytes of commits",
            "What the brokers keep for ever, a second; times the replicas.",
            added("worker_points", ["commit_bytes"], TAGS),
            units.BytesPerSecondIEC,
        ),
        lines(
            "Trouble of owners",
            "In each step. `failures` end an ownership; `owners_ended` are moves too. Any `failures`: see "
            "the worker's log.",
            added("worker_points", ["troubles", "failures", "owners_ended"], TAGS, per_second=False),
        ),
        lines(
            "Waiting to be decided",
            "`queued` commands near their bound: workers answer OVERLOADED, clients back off. Add workers.",
            totals("worker_gauges", ["queued", "queued_bytes", "leading", "quarantined"], TAGS),
        ),
    )
    projecting = (
        lines(
            "Lag by read model",
            "Age of the newest record that it lacks. A straight climb: it is stalled; see its lanes. `NAME@N` is a "
            "build that is not live: far behind until it is made, and silent when it is retired.",
            highest_by("projector_gauges", "lag_ms", "projection", TAGS),
            units.Milliseconds,
            thresholds=limits(warn=10_000, bad=60_000),
        ),
        lines(
            "Lag of hot copies",
            "For how long a copy in Redis has lacked something of its read model; GraphQL asks PostgreSQL "
            "meanwhile, and tells older windows. A climb: Redis is away, or slow.",
            highest_by("projector_gauges", "hot_lag_ms", "projection", TAGS),
            units.Milliseconds,
            thresholds=limits(warn=5_000, bad=60_000),
        ),
        lines(
            "Records behind, by read model",
            "Falling: it catches up.",
            totals_by("projector_gauges", "lag_records", "projection", TAGS),
        ),
        lines(
            "Lanes by state",
            "Partitions of read models. All `following` is well. `waiting`: a database is away; `halted`: a "
            "newer release wrote what this one cannot read; `left_alone`: a build of another release is live.",
            totals(
                "projector_gauges",
                [
                    "lanes",
                    "healthy",
                    "loading",
                    "catching_up",
                    "following",
                    "stepping",
                    "waiting",
                    "halted",
                    "left_alone",
                ],
                TAGS,
            ),
        ),
        lines(
            "Decisions projected",
            "By read model.",
            added_by("projector_points", "decisions", "projection", TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Writes to stores",
            "How long a batch takes. High: PostgreSQL is busy; look for locks and checkpoints there.",
            largest("projector_points", ["write_p50_ms", "write_p95_ms", "write_p99_ms"], TAGS),
            units.Milliseconds,
            thresholds=limits(warn=500, bad=5_000),
        ),
        lines(
            "Trouble of read models",
            "In each step. `poison`: decisions put aside; rows lack them until `tidelock dead-letter redrive`.",
            added("projector_points", ["troubles", "poison", "writes"], TAGS, per_second=False),
        ),
        lines(
            "Points that wait for InfluxDB",
            "Read models, 1 each.",
            totals("projector_gauges", ["points_wait"], TAGS),
        ),
        lines(
            "Dead letters by stage",
            "In each step. DECODE, DECIDE: a producer sends what cannot be read; PROJECTION, SINK: a read "
            "model lacks "
            "decisions. `tidelock dead-letter list`.",
            added_by("letter_points", "letters", "stage", TAGS, per_second=False),
        ),
    )
    answering = (
        lines(
            "Requests of GraphQL",
            "`failed` are the platform's errors, `refused` the caller's, `slow` took longer than a second.",
            added("api_points", ["requests", "failed", "refused", "slow"], TAGS),
            units.RequestsPerSecond,
        ),
        lines(
            "Error rate",
            "Share of requests that the platform failed. Over 1 %: see Answers by code, then the API's log.",
            share("api_points", "failed", ["requests"], TAGS),
            units.PercentUnit,
            thresholds=limits(warn=0.005, bad=0.01),
        ),
        lines(
            "Latency of GraphQL",
            "The largest of all API nodes. High with slow queries: somebody asks for much; else PostgreSQL "
            "or a worker is slow.",
            largest("api_points", ["request_p50_ms", "request_p95_ms", "request_p99_ms"], TAGS),
            units.Milliseconds,
            thresholds=limits(warn=250, bad=1_000),
        ),
        lines(
            "Answers by code",
            "Each code is in docs/graphql.md with its cure.",
            added_by("api_code_points", "answers", "code", TAGS),
            units.OpsPerSecond,
        ),
    )
    tasks = (
        lines(
            "Deadlocks, moves, sweeps, tier",
            "In each step: circles of waits and what was aborted for them, dead letters and messages moved, "
            "sessions that were ended everywhere, mass failures, copies in Redis taken away. `moves_failed`, "
            "`troubles` that go on: see the log of the processes.",
            added(
                "task_points",
                [
                    "cycles",
                    "aborts",
                    "moved",
                    "moves_failed",
                    "sweeps",
                    "mass_failures",
                    "tier_changes",
                    "troubles",
                ],
                TAGS,
                per_second=False,
            ),
        ),
        lines(
            "How long aborts and sweeps take",
            "From seeing a circle to the abort's answer, and from a session's end to its last partition's. High: a "
            "partition has no owner, or a worker is busy.",
            largest(
                "task_points",
                [f"{what}_time_{share}_ms" for what in ("abort", "sweep") for share in ("p50", "p95", "p99")],
                TAGS,
            ),
            units.Milliseconds,
            thresholds=limits(warn=1_000, bad=10_000),
        ),
        lines(
            "Aborts and sweeps answered",
            "How many the times beside are of, in each step.",
            added("task_points", ["abort_times", "sweep_times"], TAGS, per_second=False),
        ),
        lines(
            "What tasks wait for",
            "`unswept` sessions that do not fall: `sweeps_held` by the brake (`brake_pulled`), or partitions without "
            "an owner (`sweeps_waited_for`). `moves_waited_for`: queues that are full.",
            totals(
                "task_gauges",
                ["moving", "moves_waited_for", "unswept", "sweeps_held", "sweeps_waited_for", "brake_pulled"],
                TAGS,
            ),
        ),
        lines(
            "Nodes and partitions that tasks look after",
            "As the sweeper sees them; with several processes their sum. `tier_signed`: partitions of caches whose "
            "copies in Redis may be shown.",
            totals("task_gauges", ["nodes_live", "nodes_suspected", "tier_signed"], TAGS),
        ),
    )
    machines = (
        lines(
            "Processor time",
            "ms a second: 1,000 is a core, which is all that a process can use. Near it: add processes.",
            added_by("process_points", "cpu_ms", "process", TAGS),
            units.Milliseconds,
            thresholds=limits(warn=800, bad=950),
        ),
        lines(
            "Memory",
            "A worker keeps the state of its partitions. Growing without load: see the sizes of queues and "
            "caches.",
            totals_by("process_gauges", "memory_bytes", "process", TAGS),
            units.BytesIEC,
        ),
        lines(
            "Disks",
            "Used share, by process and path. Over 85 %: make room, or mount more.",
            highest_by("disk_gauges", "used_percent", "process", TAGS),
            units.Percent,
            thresholds=limits(warn=75, bad=85),
        ),
        lines(
            "Room on disks",
            "What is used and free, over all of them.",
            totals("disk_gauges", ["used_bytes", "free_bytes"], TAGS),
            units.BytesIEC,
        ),
        lines(
            "Connections, sessions, files",
            "`registered`: processes that are nodes. `open_files` that only grow: a leak; tell us.",
            totals("process_gauges", ["connections", "sessions", "open_files", "registered"], TAGS),
        ),
        lines(
            "Reports lost",
            "Reports of processes that InfluxDB was away for too long to take. The panels above have a gap "
            "there.",
            added_by("process_points", "reports_lost", "process", TAGS, per_second=False),
        ),
    )
    return board(
        "platform",
        "Deciding, projecting, answering; processor, memory and disks. Each process tells this of itself "
        "every ten seconds.",
        [tag("process", "Process", "process_points")],
        [
            ("Now", standing_now),
            ("Deciding", deciding),
            ("Read models", projecting),
            ("API", answering),
            ("Detector, mover, sweeper, tier", tasks),
            ("Processes", machines),
        ],
    )
