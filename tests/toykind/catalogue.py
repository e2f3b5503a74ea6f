"""The catalogue with one more kind. `worker`, `api` and `cli` beside it are the real processes over it."""

from typing import Final

from streams.catalog import KINDS
from tests.toykind.counters import COUNTERS

ALL: Final = (*KINDS, COUNTERS)
