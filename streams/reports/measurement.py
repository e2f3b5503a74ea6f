"""One measurement: which samples of a registry become which of its fields. Values only."""

from typing import Final, Literal, TypeAlias

from streams.domain.value import value
from streams.projections.table import Table

PERCENTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
Only: TypeAlias = tuple[tuple[str, str], ...]
"""Labels that a sample must have, and their values."""
Together: TypeAlias = Literal["sum", "max", "count"]


@value
class Counted:
    """A counter: by how much it grew."""

    field: str
    sample: str
    only: Only = ()
    scale: float = 1
    """What one of the sample is, in the field's unit."""


@value
class Standing:
    """A gauge: how it stands."""

    field: str
    sample: str
    only: Only = ()
    scale: float = 1
    together: Together = "sum"
    """What several samples under the same tags make."""
    whole: bool = True


@value
class Lasting:
    """A histogram of seconds: how many were observed, and their percentiles in ms, as `<singular>_p50_ms`."""

    field: str
    """The plural."""
    metric: str
    slow: str | None = None
    """The field that counts those that took longer than a second, which must be an edge of a bucket."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the percentiles."""
        return tuple(f"{self.field.removesuffix('s')}_{name}_ms" for name in PERCENTILES)


@value
class Measurement:
    """What is told under one name. Tags are `process`, `role`, or labels of its samples."""

    name: str
    tags: tuple[str, ...]
    counted: tuple[Counted, ...] = ()
    standing: tuple[Standing, ...] = ()
    lasting: tuple[Lasting, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    """Tags that are named otherwise than their labels, with these."""
    sparse: bool = False
    """Whether it says nothing of tags of which nothing was counted."""

    @property
    def table(self) -> Table:
        """The rows: a point each."""
        key = ("start_ms", *self.tags)
        fields = [*(each.field for each in self.counted), *self.latest]
        fields += [each.slow for each in self.lasting if each.slow is not None]
        fields += [name for each in self.lasting for name in (each.field, *each.fields)]
        return Table(self.name, (*key, *fields), key=len(key))

    @property
    def counts(self) -> tuple[str, ...]:
        """The fields that add up. Where something is told under its tags, they are 0 until something is counted."""
        others = {*self.largest, *self.latest}
        return tuple(name for name in self.table.columns[self.table.key :] if name not in others)

    @property
    def largest(self) -> tuple[str, ...]:
        """The fields of which the largest stands for a longer time."""
        return tuple(name for each in self.lasting for name in each.fields)

    @property
    def latest(self) -> tuple[str, ...]:
        """The fields of which the latest does."""
        return tuple(each.field for each in self.standing)

    @property
    def samples(self) -> frozenset[str]:
        """The names of all samples that it is made of."""
        counted, standing = (each.sample for each in self.counted), (each.sample for each in self.standing)
        return frozenset((*counted, *standing, *(f"{each.metric}_bucket" for each in self.lasting)))
