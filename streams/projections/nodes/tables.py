"""The tables of the kind `nodes`. `storage/postgres/migrations` has their SQL; a test holds the two together.

Times: `*_ms` is event time (append timestamp, ms since 1970); what lies ahead is told by the clock of the commit that
set it, if no lease is stretched. `*_offset` is a log offset, `event` the number of an event in its partition.

What is of a node, an instance or the brake stands in the same columns (`STATE`) now and in history: a field a column,
as in `values`. A row of history is how it was from its event on, up to the next row of the same.
"""

from typing import Final

from streams.domain.nodes.commands import BrakeSettings, Check, Label
from streams.domain.nodes.events import Evidence
from streams.projections.columns import Columns, named, one, several
from streams.projections.forgetting import Followed, Rostered
from streams.projections.nodes.values import AlarmRow, BrakeRow, InstanceRow, NodeRow, UnsweptRow
from streams.projections.nodes.windows import NodeCounts
from streams.projections.table import Table

NODE_STATE: Final = Columns(
    NodeRow,
    {
        "labels": named(Label),       # JSON object
        "metadata": named(Label),     # JSON object
        "checks": several(Check),     # JSON list of objects
        "evidence": one(Evidence),    # JSON object or null
        "unswept": several(UnsweptRow),  # JSON list of objects
    },
    first=2,
    last=1,
)  # fmt: skip
INSTANCE_STATE: Final = Columns(InstanceRow, {"metadata": named(Label)}, first=3)
BRAKE_STATE: Final = Columns(
    BrakeRow, {"settings": one(BrakeSettings), "alarm": one(AlarmRow)}, first=1, last=1
)

NODES = Table("nodes", ("partition", "tenant", "name", *NODE_STATE.names), key=3, restores=True)
"""One row a node, until it is forgotten."""

NODE_HISTORY = Table(
    "node_history",
    (
        "partition", "tenant", "name", "event",
        "what",               # see `values.NodeWhat`
        "by_",                # the principal; empty: time did it
        "why",
        *[name for name in NODE_STATE.names if name != "event"],
    ),
    key=4,
    forgets=Followed(("tenant", "name"), "changed_ms", "changed_offset", ("event",), ended=("what", "FORGOTTEN")),
)  # fmt: skip
"""One row a node and event that changed it. Rows are only added. At offset P: the latest row up to P; FORGOTTEN: none.

A heartbeat is a change after suspicion or with another health, not by its load alone.
"""

SERVICES = Table(
    "services",
    (
        "partition", "tenant", "name",
        "version",
        "instance_count", "healthy_count", "draining_count",
        "since_ms",           # when its first instance came
        "changed_offset", "changed_ms",
        "spells",             # rows of history since it was last without instances
    ),
    key=3,
    restores=True,
)  # fmt: skip
"""One row a service that has instances."""

SERVICE_INSTANCES = Table(
    "service_instances",
    ("partition", "tenant", "service", "instance", *INSTANCE_STATE.names),
    key=4,
    restores=True,
)
"""One row an instance."""

INSTANCE_HISTORY = Table(
    "instance_history",
    (
        "partition", "event",
        "part",               # its place in its event, which may be about several instances
        "tenant", "service", "instance",
        "what",               # see `values.InstanceWhat`
        "cause", "why",       # LEFT: DEREGISTERED, EVICTED or SESSION_ENDED, and what ended it
        "spell",              # its place among the rows since the service was last without instances, from 1
        "keyframe",           # on every 64th: `event` of all instances that were there after its event; else null
        *[name for name in INSTANCE_STATE.names if name != "event"],
    ),
    key=3,
    forgets=Rostered(("tenant", "service"), "instance", "changed_ms", "changed_offset", ("what", "LEFT")),
)  # fmt: skip
"""One row an instance and event that changed it. Rows are only added. LEFT: how it was before.

A service at offset P, by the rule of `lock_history`: walk back over its rows from P to the latest with a keyframe or
with `spell` 1, at most 64; whatever is older is in that keyframe. Of each instance the latest row counts.
"""

BRAKES = Table("brakes", ("partition", "tenant", *BRAKE_STATE.names), key=2, restores=True)
"""One row a tenant whose brake somebody touched."""

BRAKE_HISTORY = Table(
    "brake_history",
    (
        "partition", "tenant", "event",
        "what",               # see `values.BrakeWhat`
        "by_",                # the principal; empty: time did it
        "why",
        *[name for name in BRAKE_STATE.names if name != "event"],
    ),
    key=3,
    forgets=Followed(("tenant",), "changed_ms", "changed_offset", ("event",)),
)  # fmt: skip
"""One row an event of a brake. Rows are only added. At offset P: the latest row up to P."""

NODE_WINDOWS = NodeCounts.measures.windows
"""Tumbling windows of 10 s of event time, a tenant and a partition each: see `windows`. `closed` null: it is open.

`silences`: of each death, how long nothing was heard; `failover_times`: from the end of a session until what it owned
was given back.
"""

NODE_POINTS = NodeCounts.measures.points
NODE_GAUGES = NodeCounts.measures.gauge_points
"""Points of InfluxDB, not tables."""

KEYFRAME_EVERY: Final = 64
HEARD_EVERY_MS: Final = 5_000
"""A heartbeat that says nothing new is written down if the last one that was is so old: load and `heard_ms`."""
