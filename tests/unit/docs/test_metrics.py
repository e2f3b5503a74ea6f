"""docs/metrics.md names every measurement, tag and field that there is."""

from pathlib import Path

import pytest

from streams.projections.projection import Projection
from streams.read_models import PROJECTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")


@pytest.mark.parametrize("projection", [one for one in PROJECTIONS if one.points], ids=lambda one: one.name)
def test_every_field_is_on_the_page(projection: Projection) -> None:
    assert projection.points is not None
    for series in projection.points.series:
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{series.table.name}` |")]
        named = {word.strip(" `") for cell in row.split("|") for word in cell.split(",")} - {""}
        assert named == {series.table.name, *series.table.columns} - {"start_ms"}
