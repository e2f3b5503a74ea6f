"""Flux of gauges of kinds: a partition in which nothing happens writes no point, and stands as it did.

Over time they are added up as changes: how each series stood at the beginning, and its steps up and down. That costs
what the points cost that there are; to fill up every step of every series costs thirty times as much.
"""

from collections.abc import Sequence
from typing import Final

from deploy.grafana.flux import LATEST, RANGE, STANDING, points, wide


def now(measurement: str, fields: Sequence[str], tags: Sequence[str]) -> str:
    """Return gauges at the end of the time range, added up over all series, as one row."""
    return f"""{LATEST}
{points(measurement, fields, tags)}
    |> last()
    |> group(columns: ["_field"])
    |> sum()
    |> map(fn: (r) => ({{r with _time: ending}})){wide()}
"""


def standing(measurement: str, fields: Sequence[str], tags: Sequence[str]) -> str:
    """Return gauges over time, added up over all series."""
    before = points(measurement, fields, tags, f"date.sub(d: {STANDING}, from: beginning)", "beginning")
    one = ", ".join(f'"{each}"' for each in ("_field", *tags, "partition"))
    return f"""{RANGE}
before = {before}
    |> last()
    |> map(fn: (r) => ({{r with _time: beginning}}))
    |> group(columns: [{one}])
within = {points(measurement, fields, tags)}
    |> group(columns: [{one}])
union(tables: [before, within])
    |> keep(columns: ["_time", "_value", {one}])
    |> sort(columns: ["_time"])
    |> duplicate(column: "_value", as: "whole")
    |> difference(keepFirst: true)
    |> map(fn: (r) => ({{_time: r._time, _field: r._field, _value: if exists r._value then r._value else r.whole}}))
    |> group(columns: ["_field"])
    |> range(start: beginning, stop: ending)
    |> aggregateWindow(every: every, fn: sum, timeSrc: "_start")
    |> fill(value: 0)
    |> cumulativeSum(){wide()}
"""


_OF_ONE: Final = '["_time", "tenant", "queue", "partition"]'
_DEPTHS: Final = ("ready", "delayed", "leased", "dead_letters", "waiting")


def deepest(tags: Sequence[str], *, most: int = 25) -> str:
    """Return the queues with the most messages to deliver, with the age of the oldest in ms.

    `oldest_ms` counts if it was written with the other gauges: a queue without messages writes none.
    """
    identity = ", ".join(f"{each}: 0" for each in _DEPTHS)
    adding = ", ".join(f"{each}: accumulator.{each} + r.{each}" for each in _DEPTHS)
    return f"""{LATEST}
ms = int(v: ending) / 1000000
{points("queue_gauges", (*_DEPTHS, "oldest_ms"), tags)}
    |> last()
    |> group()
    |> pivot(rowKey: {_OF_ONE}, columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => exists r.ready)
    |> group(columns: ["tenant", "queue"])
    |> reduce(
        identity: {{{identity}, oldest_ms: ms}},
        fn: (r, accumulator) => ({{
            {adding},
            oldest_ms:
                if exists r.oldest_ms and r.oldest_ms < accumulator.oldest_ms then r.oldest_ms
                else accumulator.oldest_ms
        }})
    )
    |> group()
    |> map(fn: (r) => ({{r with oldest_ms: ms - r.oldest_ms}}))
    |> sort(columns: ["ready"], desc: true)
    |> limit(n: {most})
"""


def oldest(tags: Sequence[str]) -> str:
    """Return the age of the oldest message over time, in ms, of the queues in which something happened in a step."""
    return f"""{RANGE}
{points("queue_gauges", ["oldest_ms"], tags)}
    |> group(columns: ["_field", "_start", "_stop"])
    |> keep(columns: ["_field", "_start", "_stop", "_time", "_value"])
    |> aggregateWindow(every: every, fn: min, timeSrc: "_start", createEmpty: false)
    |> map(fn: (r) => ({{_time: r._time, oldest: (int(v: r._time) + int(v: every)) / 1000000 - r._value}}))
    |> group()
"""
