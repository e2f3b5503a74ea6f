"""The text of downsampling queries."""

import pytest

from storage.influx.downsampling import LEVELS, Level, once, task
from streams.read_models import PROJECTIONS

SERIES = tuple(each for one in PROJECTIONS if one.points is not None for each in one.points.series)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_each_stream_reads_for_itself_so_that_the_store_filters_and_aggregates(level: Level) -> None:
    for flux in (task(level, "b", SERIES), once(level, "b", SERIES, 0, 3_600_000)):
        written = flux.count("|> to(")
        assert written > 1
        assert flux.count("data()\n    |> filter(") == written
        assert flux.count("from(bucket:") == 1, "within the function that each stream calls"
