"""The window rows of all partitions become one point."""

from streams.projections.locks.projections import LOCKS
from streams.projections.locks.tables import LOCK_GAUGES, LOCK_POINTS, LOCK_WINDOWS
from streams.projections.locks.windows import LockCounts
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Row
from streams.windows.sketch import Sketch


def window(partition: int, grants: int, refusals: int, waits: list[int], holds: list[int]) -> Row:
    numbers = dict.fromkeys(LockCounts.measures.columns, 0) | {
        "grants": grants, "refusals": refusals, "waits": _text(waits), "holds": _text(holds), "held": 1 + partition,
    }  # fmt: skip
    row = (partition, "dev", 20_000, *numbers.values(), 9, True)
    assert len(row) == len(LOCK_WINDOWS.columns)
    return row


def _text(durations: list[int]) -> str:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    return sketch.dumps()


def test_counts_are_added_and_percentiles_are_those_of_all() -> None:
    point = LockCounts.merged([window(0, 3, 1, [1, 2], [7]), window(3, 4, 0, [40], [])])
    told = dict(zip(LOCK_POINTS.columns, point, strict=True))
    assert {name: each for name, each in told.items() if each != 0} == {
        "start_ms": 20_000, "tenant": "dev", "grants": 7, "refusals": 1,
        "waits": 3, "wait_p50_ms": 2.0, "wait_p95_ms": 2.0, "wait_p99_ms": 2.0,
        "holds": 1, "hold_p50_ms": 7.0, "hold_p95_ms": 7.0, "hold_p99_ms": 7.0,
    }  # fmt: skip


def test_of_nothing_there_are_no_percentiles() -> None:
    point = dict(zip(LOCK_POINTS.columns, LockCounts.merged([window(0, 0, 2, [], [])]), strict=True))
    assert (point["waits"], point["wait_p50_ms"], point["hold_p99_ms"]) == (0, None, None)


def test_the_order_of_partitions_does_not_matter() -> None:
    rows = [window(p, p, p, [p * 10, 5], [p * 100]) for p in range(4)]
    assert LockCounts.merged(rows) == LockCounts.merged(rows[::-1])


def test_the_points_key_is_the_windows_without_the_partition() -> None:
    assert set(LOCK_POINTS.columns[: LOCK_POINTS.key]) == set(LOCK_WINDOWS.columns[1 : LOCK_WINDOWS.key])


def test_gauges_are_a_point_of_each_partition() -> None:
    points = LockCounts.standing([window(0, 3, 1, [], []), window(3, 4, 0, [], [])])
    assert points == [(20_000, "dev", 0, 1, 0, 0), (20_000, "dev", 3, 4, 0, 0)]
    assert LOCK_GAUGES.columns[: LOCK_GAUGES.key] == ("start_ms", "tenant", "partition")


def test_of_several_shards_gauges_add_up_but_the_oldest_is_the_oldest() -> None:
    one, other, empty = (1, 0, 0, 0, 0, 9, 0, 500), (2, 0, 0, 0, 0, 1, 0, 400), (0, 0, 0, 0, 0, 0, 0, None)
    assert QueueCounts.measures.together([one, other, empty]) == (3, 0, 0, 0, 0, 10, 0, 400)
    assert QueueCounts.measures.together([]) == empty


def test_every_field_is_a_sum_a_percentile_or_a_gauge() -> None:
    assert LOCKS.points is not None
    added, stood = LOCKS.points.series
    assert added.largest == (
        "wait_p50_ms", "wait_p95_ms", "wait_p99_ms", "hold_p50_ms", "hold_p95_ms", "hold_p99_ms",
    )  # fmt: skip
    assert (added.latest, stood.latest) == ((), ("held", "holders", "waiters"))
