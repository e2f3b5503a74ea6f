"""Words for specs of windows. Not a test itself."""

from typing import Any

from streams.windows.aggregates import Count
from streams.windows.combined import Aggregates
from streams.windows.definition import Assigner, Tumbling, Windows
from streams.windows.operator import Windowed
from streams.windows.taken import Taken

COUNTED = Aggregates(count=Count())
TEN = Tumbling(10)
A, B = ("a",), ("b",)


def windowed(assigner: Assigner = TEN, aggregates: Aggregates = COUNTED, **more: Any) -> Windowed:
    return Windowed(Windows(assigner, aggregates, **more))


def told(taken: Taken) -> list[tuple[str, str, int, int, Any]]:
    """What was told: kind, key, start, end, count."""
    return [
        (str(each.kind), "/".join(each.key), each.start, each.end, each.results.get("count"))
        for each in taken.emissions
    ]


def aside(taken: Taken) -> list[tuple[str, str, int]]:
    """What was put aside: reason, key, time."""
    return [(str(each.reason), "/".join(each.key), each.time_ms) for each in taken.asides]


def counting(operator: Windowed, *times: int, key: tuple[str, ...] = A) -> Taken:
    """Count an event at each of `times`, and take."""
    operator.add_many((key, time, 1) for time in times)
    return operator.take()
