"""Flux that makes one point a minute of those of ten seconds, and one an hour of those. Pure text.

Counters add up. Of percentiles the largest stands under the field's own name and the mean under `<field>_mean`: neither
is the percentile of the longer time, which only the sketches know. Of gauges the latest stands under the field's own
name and the largest under `<field>_max`.

Each run writes its whole range again from what is there then, so that what came late is in it, and a second run changes
nothing: points have their window's beginning as time.

Each stream reads for itself (`data` is a function): what several streams share InfluxDB reads whole, every field of
every measurement, and filters and aggregates it in memory. So the store does it: a tenth of the time.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from streams.domain.value import value
from streams.projections.projection import Series

MEAN: Final = "_mean"
MAX: Final = "_max"
_MS: Final = 1_000_000
"""Nanoseconds."""


@value
class Level:
    """One step of downsampling."""

    name: str
    """The buckets' suffix, too."""
    every: str
    """In Flux."""
    offset: str
    """How long a run waits for what comes a little late."""
    again: str
    """How far back each run writes anew."""
    source: str
    """The suffix of the buckets that it reads."""
    suffixed: bool
    """Whether what it reads has been downsampled already."""


MINUTES: Final = Level("_1m", "1m", "20s", "1h", "", suffixed=False)
HOURS: Final = Level("_1h", "1h", "2m", "1d", "_1m", suffixed=True)
LEVELS: Final = (MINUTES, HOURS)


def task(level: Level, bucket: str, series: Sequence[Series]) -> str:
    """Return the task that downsamples a bucket, time and again."""
    option = f"option task = {{name: {_text(task_name(level, bucket))}, every: {level.every}, offset: {level.offset}}}"
    start = f"date.truncate(t: date.sub(d: {level.again}, from: now()), unit: {level.every})"
    return f'import "date"\n\n{option}\n\n{_body(level, bucket, series, start, "now()")}'


def once(level: Level, bucket: str, series: Sequence[Series], start_ms: int, end_ms: int) -> str:
    """Return the query that does the same for a time of the past, whole windows of it."""
    start = f"date.truncate(t: time(v: {start_ms * _MS}), unit: {level.every})"
    return f'import "date"\n\n{_body(level, bucket, series, start, f"time(v: {end_ms * _MS})")}'


def task_name(level: Level, bucket: str) -> str:
    """Return the name of the task."""
    return f"tidelock {bucket}{level.name}"


def _text(text: str) -> str:
    """Return a text as Flux has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def _body(level: Level, bucket: str, series: Sequence[Series], start: str, stop: str) -> str:
    data = f"data = () => from(bucket: {_text(bucket + level.source)})\n    |> range(start: {start}, stop: {stop})"
    return "\n\n".join((data, *_streams(level, bucket, series))) + "\n"


def _streams(level: Level, bucket: str, series: Sequence[Series]) -> Iterable[str]:
    largest = {each.table.name: each.largest for each in series}
    latest = {each.table.name: each.latest for each in series}
    sums = {each.table.name: _sums(each) for each in series}
    before = (MEAN, MAX) if level.suffixed else ("", "")
    after = ("", "") if level.suffixed else (MEAN, MAX)
    for fields, how, suffix, renamed in (
        (sums, "sum", "", ""),
        (largest, "max", "", ""),
        (largest, "mean", before[0], after[0]),
        (latest, "last", "", ""),
        (latest, "max", before[1], after[1]),
    ):
        chosen = _chosen({name: [each + suffix for each in of_one] for name, of_one in fields.items()})
        if chosen:
            yield _stream(level, bucket, chosen, how, renamed)


def _sums(series: Series) -> tuple[str, ...]:
    others = {*series.largest, *series.latest}
    return tuple(name for name in series.table.columns[series.table.key :] if name not in others)


def _chosen(fields: dict[str, list[str]]) -> str:
    return " or ".join(
        f'(r._measurement == "{name}" and ({" or ".join([f"""r._field == "{each}" """.strip() for each in of_one])}))'
        for name, of_one in fields.items()
        if of_one
    )


def _stream(level: Level, bucket: str, chosen: str, how: str, renamed: str) -> str:
    rename = f'\n    |> map(fn: (r) => ({{r with _field: r._field + "{renamed}"}}))' if renamed else ""
    return (
        f"data()\n    |> filter(fn: (r) => {chosen})"
        f'\n    |> aggregateWindow(every: {level.every}, fn: {how}, timeSrc: "_start", createEmpty: false){rename}'
        f"\n    |> to(bucket: {_text(bucket + level.name)})"
    )
