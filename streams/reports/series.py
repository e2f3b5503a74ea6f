"""What processes tell, as the series that are downsampled with all others."""

from collections.abc import Sequence
from typing import Final

from streams.projections.projection import Series
from streams.projections.table import Row
from streams.reports.catalog import MEASUREMENTS


def _as_told(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


SERIES: Final = tuple(
    Series(each.table, _as_told, largest=each.largest, latest=each.latest) for each in MEASUREMENTS
)
