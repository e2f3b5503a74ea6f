"""docs/metrics.md names every measurement, tag and field that there is."""

from pathlib import Path

import pytest

from streams.projections.projection import Series
from streams.read_models import PROJECTIONS
from streams.reports.series import SERIES as TOLD

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")


COUNTED = tuple(each for one in PROJECTIONS if one.points is not None for each in one.points.series)


@pytest.mark.parametrize("series", (*COUNTED, *TOLD), ids=lambda one: one.table.name)
def test_every_field_is_on_the_page(series: Series) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{series.table.name}` |")]
    named = {word.strip(" `") for cell in row.split("|") for word in cell.split(",")} - {""}
    assert named == {series.table.name, *series.table.columns} - {"start_ms"}
