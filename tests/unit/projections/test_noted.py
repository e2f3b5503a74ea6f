"""What a decision counts is noted down first, and is the same once it counts."""

from streams.projections.measures import Noted
from streams.projections.queues.windows import QueueCounts


def test_what_was_noted_down_counts_as_if_it_had_been_counted_at_once() -> None:
    noted, later, at_once = Noted(), QueueCounts(), QueueCounts()
    noted.count("acked", 2)
    noted.count("acked")
    noted.lasted_since("works", 100, [40, 40, 90])
    noted.lasted_since("works", 100, [0])
    noted.add_to(later)
    at_once.count("acked", 3)
    for duration_ms in (60, 60, 10, 100):
        at_once.lasted("works", duration_ms)
    assert later.row() == at_once.row()
