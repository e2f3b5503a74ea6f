"""The window rows of all partitions become one point."""

from streams.projections.locks.tables import LOCK_POINTS, LOCK_WINDOWS
from streams.projections.locks.windows import merged
from streams.projections.table import Row
from streams.windows.sketch import Sketch


def window(partition: int, grants: int, refusals: int, waits: list[int], holds: list[int]) -> Row:
    row = (partition, "dev", 20_000, grants, refusals, _text(waits), _text(holds), 9, True)
    assert len(row) == len(LOCK_WINDOWS.columns)
    return row


def _text(durations: list[int]) -> str:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    return sketch.dumps()


def test_counts_are_added_and_percentiles_are_those_of_all() -> None:
    point = merged([window(0, 3, 1, [1, 2], [7]), window(3, 4, 0, [40], [])])
    assert dict(zip(LOCK_POINTS.columns, point, strict=True)) == {
        "start_ms": 20_000, "tenant": "dev", "grants": 7, "refusals": 1,
        "waits": 3, "wait_p50_ms": 2.0, "wait_p95_ms": 2.0, "wait_p99_ms": 2.0,
        "holds": 1, "hold_p50_ms": 7.0, "hold_p95_ms": 7.0, "hold_p99_ms": 7.0,
    }  # fmt: skip


def test_of_nothing_there_are_no_percentiles() -> None:
    point = dict(zip(LOCK_POINTS.columns, merged([window(0, 0, 2, [], [])]), strict=True))
    assert (point["waits"], point["wait_p50_ms"], point["hold_p99_ms"]) == (0, None, None)


def test_the_order_of_partitions_does_not_matter() -> None:
    rows = [window(p, p, p, [p * 10, 5], [p * 100]) for p in range(4)]
    assert merged(rows) == merged(rows[::-1])


def test_the_points_key_is_the_windows_without_the_partition() -> None:
    assert set(LOCK_POINTS.columns[: LOCK_POINTS.key]) == set(LOCK_WINDOWS.columns[1 : LOCK_WINDOWS.key])
