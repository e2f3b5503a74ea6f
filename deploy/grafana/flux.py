"""Flux of panels: which bucket a time range is read from, and how counters, percentiles and gauges are put together.

Pure text, in Grafana's macros (`v.timeRangeStart`, `v.timeRangeStop`) and variables (`${tenant:regex}`). Results are
one wide table of `_time` and a column a line, which Grafana names lines by; or a table of names and numbers.

Points are grouped first and aggregated over time then: InfluxDB reads a group as one table, and a table costs it more
than a thousand points.
"""

from collections.abc import Sequence
from typing import Final, Literal

from storage.influx.api import DAY_S, Retention
from storage.influx.downsampling import HOURS, MINUTES

LADDER: Final = (
    ("1h", "10s"),
    ("3h", "30s"),
    ("6h", "1m"),
    ("1d", "5m"),
    ("3d", "15m"),
    ("16d", "1h"),
    ("90d", "6h"),
)
"""Time ranges up to the first are shown in steps of the second: at most 384 of them."""
LONGEST: Final = "1d"
STANDING: Final = "7d"
"""How far back the latest of a gauge is looked for: a name that has been silent for longer has no series any more."""
_KEEPS: Final = Retention()


def _ladder() -> str:
    steps = [f"if span <= int(v: {span}) then int(v: {step}) else " for span, step in LADDER]
    return f"{''.join(steps)}int(v: {LONGEST})"


RANGE: Final = f"""import "date"

span = int(v: v.timeRangeStop) - int(v: v.timeRangeStart)
age = int(v: now()) - int(v: v.timeRangeStart)
wanted = {_ladder()}
level =
    if wanted < int(v: {MINUTES.every}) and age < int(v: {_KEEPS.raw_s // DAY_S}d) then ""
    else if wanted < int(v: {HOURS.every}) and age < int(v: {_KEEPS.minutes_s // DAY_S}d) then "{MINUTES.name}"
    else "{HOURS.name}"
least = if level == "{HOURS.name}" then int(v: {HOURS.every}) else int(v: if level == "" then 10s else {MINUTES.every})
every = duration(v: if wanted > least then wanted else least)
lag = if level == "" then 15s else if level == "{MINUTES.name}" then 90s else 3m
settled = date.sub(d: lag, from: now())
beginning = date.truncate(t: v.timeRangeStart, unit: every)
whole = date.truncate(t: if settled < v.timeRangeStop then settled else v.timeRangeStop, unit: every)
ending = if whole > beginning then whole else date.add(d: every, to: beginning)
"""
"""`level`: the bucket's suffix; `every`: a step. `beginning` to `ending` are whole steps, all of them downsampled."""
LATEST: Final = f"""import "date"

passed = int(v: now()) - int(v: v.timeRangeStop)
level = if passed < int(v: {_KEEPS.raw_s // DAY_S - 1}d) then "" else "{HOURS.name}"
beginning = date.sub(d: {STANDING}, from: v.timeRangeStop)
recently = date.sub(d: if level == "" then 1m else 2h, from: v.timeRangeStop)
ending = v.timeRangeStop
"""
"""For how things stand at the end of the time range; of raw points, if there still are."""


def either(column: str, values: Sequence[str]) -> str:
    """Return the condition that a column has one of a few values."""
    return "(" + " or ".join(f'r.{column} == "{each}"' for each in values) + ")"


def of_variables(*names: str) -> str:
    """Return the filters that leave what the variables of the dashboard say."""
    return "".join(f"\n    |> filter(fn: (r) => r.{name} =~ /^${{{name}:regex}}$/)" for name in names)


def points(
    measurement: str,
    fields: Sequence[str],
    tags: Sequence[str],
    start: str = "beginning",
    stop: str = "ending",
) -> str:
    """Return the pipe's beginning: points of the range's bucket. A measurement with a variable in it is a pattern."""
    named = f"=~ /^{measurement}$/" if "$" in measurement else f'== "{measurement}"'
    return (
        f'from(bucket: "${{bucket}}" + level)\n    |> range(start: {start}, stop: {stop})\n'
        f"    |> filter(fn: (r) => r._measurement {named} and {either('_field', fields)})"
        f"{of_variables(*tags)}"
    )


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f'"{each}"' for each in names)


def _over_time(by: str, how: str, filled: str = "") -> str:
    return f"""
    |> group(columns: ["{by}", "_start", "_stop"])
    |> keep(columns: ["{by}", "_start", "_stop", "_time", "_value"])
    |> aggregateWindow(every: every, fn: {how}, timeSrc: "_start"){filled}{wide(by)}
"""


def wide(by: str = "_field") -> str:
    """Return the pipe's end: one table of `_time` and a column each value of a column."""
    return f"""
    |> pivot(rowKey: ["_time"], columnKey: ["{by}"], valueColumn: "_value")
    |> group()
    |> drop(columns: ["_start", "_stop"])
    |> sort(columns: ["_time"])"""


_NONE_IS_ZERO: Final = "\n    |> fill(value: 0)"
_A_SECOND: Final = (
    f"{_NONE_IS_ZERO}\n"
    "    |> map(fn: (r) => ({r with _value: float(v: r._value) / (float(v: int(v: every)) / 1000000000.0)}))"
)


def added(measurement: str, fields: Sequence[str], tags: Sequence[str], *, per_second: bool = True) -> str:
    """Return counters over time, over all series; a second, or a step. A step without points is 0."""
    filled = _A_SECOND if per_second else _NONE_IS_ZERO
    return f"{RANGE}\n{points(measurement, fields, tags)}{_over_time('_field', 'sum', filled)}"


def added_by(
    measurement: str, field: str, by: str, tags: Sequence[str] = (), *, per_second: bool = True
) -> str:
    """Return one counter over time, a line each value of the tag `by`."""
    filled = _A_SECOND if per_second else _NONE_IS_ZERO
    return f"{RANGE}\n{points(measurement, [field], tags)}{_over_time(by, 'sum', filled)}"


def largest(measurement: str, fields: Sequence[str], tags: Sequence[str]) -> str:
    """Return percentiles over time: the largest of all series and windows. A step without any has none."""
    return f"{RANGE}\n{points(measurement, fields, tags)}{_over_time('_field', 'max')}"


def highest_by(measurement: str, field: str, by: str, tags: Sequence[str] = ()) -> str:
    """Return the largest of one field over time, a line each value of the tag `by`."""
    return f"{RANGE}\n{points(measurement, [field], tags)}{_over_time(by, 'max')}"


def share(measurement: str, part: str, whole: Sequence[str], tags: Sequence[str]) -> str:
    """Return what share of the sum of `whole` the counter `part` is, over time; of nothing none is."""
    of = " + ".join(f"float(v: r.{each})" for each in whole)
    return f"""{added(measurement, sorted({part, *whole}), tags, per_second=False).rstrip()}
    |> map(fn: (r) => ({{_time: r._time, {part}: if {of} > 0.0 then float(v: r.{part}) / ({of}) else 0.0}}))
"""


def share_by(measurement: str, part: str, whole: str, by: str, tags: Sequence[str]) -> str:
    """Return what share of `whole` the counter `part` is over time, a line each value of the tag `by`."""
    return f"""{RANGE}
{points(measurement, [part, whole], tags)}
    |> group(columns: ["_field", "{by}", "_start", "_stop"])
    |> aggregateWindow(every: every, fn: sum, timeSrc: "_start"){_NONE_IS_ZERO}
    |> pivot(rowKey: ["_time", "{by}"], columnKey: ["_field"], valueColumn: "_value")
    |> map(fn: (r) => ({{r with _value: if r.{whole} > 0 then float(v: r.{part}) / float(v: r.{whole}) else 0.0}}))
    |> group(){wide(by)}
"""


def totals(measurement: str, fields: Sequence[str], tags: Sequence[str]) -> str:
    """Return gauges over time that each process tells every ten seconds, added up over all series."""
    return _totals(measurement, fields, "_field", tags)


def totals_by(measurement: str, field: str, by: str, tags: Sequence[str]) -> str:
    """Return one such gauge, a line each value of the tag `by`."""
    return _totals(measurement, [field], by, tags)


def _totals(measurement: str, fields: Sequence[str], by: str, tags: Sequence[str]) -> str:
    return f"""{RANGE}
{points(measurement, fields, tags)}
    |> aggregateWindow(every: every, fn: last, timeSrc: "_start", createEmpty: false)
    |> group(columns: ["{by}", "_time"])
    |> sum()
    |> group(columns: ["{by}"]){wide(by)}
"""


def newest(measurement: str, field: str, how: Literal["max", "sum"], tags: Sequence[str] = ()) -> str:
    """Return what processes told last, as one number: the largest, or the sum."""
    return f"""{LATEST}
{points(measurement, [field], tags, "recently")}
    |> last()
    |> group()
    |> {how}()
    |> map(fn: (r) => ({{_time: ending, {field}: r._value}}))
"""


def leaders(measurement: str, fields: Sequence[str], tags: Sequence[str], by: str, *, most: int = 25) -> str:
    """Return the names with the most of the counter `by` in the time range, and their other counters."""
    return f"""{RANGE}
{points(measurement, fields, tags)}
    |> group(columns: [{_columns(["_field", *tags])}])
    |> sum()
    |> group()
    |> pivot(rowKey: [{_columns(tags)}], columnKey: ["_field"], valueColumn: "_value")
    |> sort(columns: ["{by}"], desc: true)
    |> limit(n: {most})
"""
