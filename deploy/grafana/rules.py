"""The alert rules. Limits are where somebody should look; whoever runs Tidelock sets them to what is usual there."""

from typing import Final

from deploy.grafana.alerting import Rule, each, lately, ratio

LATENCY_MS: Final = 500
LOCK_WAIT_MS: Final = 10_000
SLOW_SHARE: Final = 0.05
ERROR_SHARE: Final = 0.01
BACKLOG: Final = 10_000
BACKLOG_MS: Final = 900_000
EVICTIONS_A_SECOND: Final = 100
DISK_PERCENT: Final = 85
STALLED_MS: Final = 60_000
_IN_S: Final = " / 1000.0"
"""Rules judge lengths of time in seconds, which is what Grafana writes as `22m 10s`."""
_HOUR_S: Final = 3_600
_WEEK_S: Final = 7 * 86_400
_TOLD_MS: Final = 40_000
"""What a process told so long ago is still of now; if none has told since, it is silent.

They tell every ten seconds, a point has the time of their beginning, and clocks differ: the newest is often 20 s old.
"""

_OF_NOW: Final = f"""
    |> last()
    |> filter(fn: (r) => (int(v: v.timeRangeStop) - int(v: r._time)) / 1000000 <= {_TOLD_MS})"""
"""The latest of each series, but of processes that have ended."""

RULES: Final = (
    Rule(
        "tidelock-node-failure",
        "A node died",
        lately("node_points", ["died"]) + each(["tenant"], "sum"),
        above=0,
        waits="0s",
        severity="page",
        summary="{{ humanize .Values.B.Value }} nodes of tenant {{ .Labels.tenant }} died in five minutes.",
        cure="`tidelock node list`; several at once: look for what they share before anything is restarted.",
        board="nodes",
        panel="Comings and goings",
    ),
    Rule(
        "tidelock-decide-latency",
        "Decisions are slow",
        lately("worker_points", ["decide_p99_ms"]) + each(["kind"], "mean", per=_IN_S),
        above=LATENCY_MS / 1000,
        waits="5m",
        severity="page",
        summary="1 % of the decisions of {{ .Labels.kind }} take {{ humanizeDuration .Values.B.Value }}.",
        cure="Dashboard Platform: appends slow, too: the brokers' disks; else the worker: add workers.",
        board="platform",
        panel="Decide latency by kind, p99",
    ),
    Rule(
        "tidelock-lock-wait",
        "Waits for locks are long",
        lately("lock_points", ["wait_p99_ms"]) + each(["tenant"], "mean", per=_IN_S),
        above=LOCK_WAIT_MS / 1000,
        waits="5m",
        severity="ticket",
        summary="1 % of the waits of tenant {{ .Labels.tenant }} take {{ humanizeDuration .Values.B.Value }}.",
        cure="`tidelock window show locks` has the most contended names, `tidelock lock show NAME` who holds one.",
        board="locks",
        panel="How long who waited, waited",
    ),
    Rule(
        "tidelock-slow-queries",
        "Queries are slow",
        ratio("api_points", "slow", "requests", "process"),
        above=SLOW_SHARE,
        waits="5m",
        severity="ticket",
        summary="{{ humanizePercentage .Values.B.Value }} of requests at {{ .Labels.process }} take over a second.",
        cure="Dashboard Platform: one API node: restart it; all: PostgreSQL, or somebody who asks for much.",
        board="platform",
        panel="Requests of GraphQL",
    ),
    Rule(
        "tidelock-error-rate",
        "Over 1 % of the requests fail",
        ratio("api_points", "failed", "requests", "process"),
        above=ERROR_SHARE,
        waits="2m",
        severity="page",
        summary="{{ humanizePercentage .Values.B.Value }} of requests at {{ .Labels.process }} fail.",
        cure="Dashboard Platform, Answers by code; each code is in docs/graphql.md with its cure.",
        board="platform",
        panel="Error rate",
    ),
    Rule(
        "tidelock-queue-backlog",
        "A queue's backlog is large",
        lately("queue_gauges", ["ready"]) + "\n    |> last()" + each(["tenant", "queue"], "sum"),
        above=BACKLOG,
        waits="10m",
        severity="ticket",
        summary="{{ humanize .Values.B.Value }} messages are ready in {{ .Labels.tenant }}/{{ .Labels.queue }}.",
        cure="Add consumers, or see why those there are take nothing: `tidelock queue stats QUEUE`.",
        board="queues",
        panel="Depth",
        looks_back_s=_WEEK_S,
    ),
    Rule(
        "tidelock-queue-age",
        "A message waits for long",
        lately("queue_gauges", ["ready", "oldest_ms"])
        + """
    |> last()
    |> group()
    |> pivot(rowKey: ["_time", "tenant", "queue", "partition"], columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => exists r.ready and exists r.oldest_ms and r.ready > 0)
    |> map(fn: (r) => ({r with _value: int(v: v.timeRangeStop) / 1000000 - r.oldest_ms}))"""
        + each(["tenant", "queue"], "max", per=_IN_S),
        above=BACKLOG_MS / 1000,
        waits="5m",
        severity="ticket",
        summary="A message of {{ .Labels.tenant }}/{{ .Labels.queue }} waits {{ humanizeDuration .Values.B.Value }}.",
        cure="Nobody consumes, or a consumer is stuck on a group: `tidelock queue stats QUEUE`.",
        board="queues",
        panel="Age of the oldest message",
        looks_back_s=_WEEK_S,
    ),
    Rule(
        "tidelock-evictions",
        "A cache evicts much",
        lately("cache_points", ["evicted"]) + each(["tenant", "cache"], "sum", per=" / 300.0"),
        above=EVICTIONS_A_SECOND,
        waits="10m",
        severity="ticket",
        summary="{{ .Labels.tenant }}/{{ .Labels.cache }} evicts {{ humanize .Values.B.Value }} entries a second.",
        cure="It is too small for what is read: give it more room, or shorter lives.",
        board="caches",
        panel="Entries removed",
    ),
    Rule(
        "tidelock-disk",
        "A disk is nearly full",
        lately("disk_gauges", ["used_percent"]) + "\n    |> last()" + each(["process", "path"], "max"),
        above=DISK_PERCENT,
        waits="5m",
        severity="page",
        summary="{{ .Labels.path }} at {{ .Labels.process }} is full to {{ humanize .Values.B.Value }} %.",
        cure="Make room or mount more; a broker whose disk is full stops.",
        board="platform",
        panel="Disks",
    ),
    Rule(
        "tidelock-projection-stalled",
        "A read model is stalled",
        lately("projector_gauges", ["lag_ms"])
        + f"""
    |> filter(fn: (r) => r.projection !~ /@/)
    |> last()
    |> map(fn: (r) => ({{r with silent: (int(v: v.timeRangeStop) - int(v: r._time)) / 1000000}}))
    |> group(columns: ["projection"])
    |> reduce(
        identity: {{lag: 0, silent: {_HOUR_S * 1000}}},
        fn: (r, accumulator) => ({{
            lag:
                if r.silent <= {_TOLD_MS} and int(v: r._value) > accumulator.lag then int(v: r._value)
                else accumulator.lag,
            silent: if r.silent < accumulator.silent then r.silent else accumulator.silent
        }})
    )
    |> map(fn: (r) => ({{
        _time: v.timeRangeStop,
        projection: r.projection,
        _value: float(v: if r.silent > {_TOLD_MS} then r.silent else r.lag){_IN_S}
    }}))
    |> group(columns: ["projection"])
""",
        above=STALLED_MS / 1000,
        waits="2m",
        severity="page",
        summary="Read model {{ .Labels.projection }} is {{ humanizeDuration .Values.B.Value }} behind, or stopped.",
        cure="`tidelock projection list`; is a projector running, and what does its /status say?",
        board="platform",
        panel="Lag by read model",
        unknown="No process told of a read model for an hour, or InfluxDB does not answer: does a projector run?",
        looks_back_s=_HOUR_S,
        if_silent="Alerting",
    ),
    Rule(
        "tidelock-projection-halted",
        "A read model is halted",
        lately("projector_gauges", ["halted"]) + _OF_NOW + each(["projection"], "sum"),
        above=0,
        waits="1m",
        severity="page",
        summary="{{ humanize .Values.B.Value }} partitions of {{ .Labels.projection }} met what they do not know.",
        cure="It does not go on by itself: /status of the projector names the record; roll out the newer release.",
        board="platform",
        panel="Lanes by state",
    ),
    Rule(
        "tidelock-projection-unhealthy",
        "Partitions of a read model have trouble",
        lately("projector_gauges", ["lanes", "healthy"])
        + _OF_NOW
        + """
    |> group()
    |> pivot(rowKey: ["_time", "process", "projection"], columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => exists r.lanes and exists r.healthy)
    |> map(fn: (r) => ({r with _value: r.lanes - r.healthy}))"""
        + each(["projection"], "sum"),
        above=0,
        waits="5m",
        severity="ticket",
        summary="{{ humanize .Values.B.Value }} partitions of {{ .Labels.projection }} cannot go on.",
        cure="/status of the projector has each partition's trouble: a store that is away, or what is refused.",
        board="platform",
        panel="Lanes by state",
    ),
    Rule(
        "tidelock-dead-letters",
        "Dead letters of the platform",
        lately("letter_points", ["letters"]) + each(["kind", "stage"], "sum"),
        above=0,
        waits="0s",
        severity="page",
        summary="{{ humanize .Values.B.Value }} of {{ .Labels.kind }} were put aside at {{ .Labels.stage }}.",
        cure="`tidelock dead-letter list`; mend the producer, release or database; `tidelock dead-letter redrive`.",
        board="platform",
        panel="Dead letters by stage",
        looks_back_s=600,
    ),
    Rule(
        "tidelock-messages-died",
        "Messages died",
        lately("queue_points", ["dead"]) + each(["tenant", "queue"], "sum"),
        above=0,
        waits="0s",
        severity="ticket",
        summary="{{ humanize .Values.B.Value }} messages of {{ .Labels.tenant }}/{{ .Labels.queue }} are dead.",
        cure="`tidelock queue dead QUEUE` shows them and why; mend the consumer, then redrive.",
        board="queues",
        panel="Deliveries that failed",
        looks_back_s=600,
    ),
)
