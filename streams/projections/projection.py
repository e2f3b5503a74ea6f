"""What a read model is to the platform: a name, its tables, and a pure fold. The projector knows nothing else of it."""

from collections.abc import Callable, Iterable
from typing import Protocol

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.table import Changes, Row, Table


class Fold(Protocol):
    """The state of one partition of one read model. Deterministic: no clock, no randomness, no I/O.

    The rows depend on the accepted commits alone, never on how they were cut into stretches.
    """

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back the rows of `table` that a fold needs to go on. Called before the first commit, if at all."""

    def commit(self, accepted: AcceptedCommit) -> None:
        """Fold one accepted commit."""

    def take(self) -> Changes:
        """Return what changed since the last call."""


@value
class Projection:
    """One read model of one kind."""

    name: str
    version: int
    """Raised when its rows change meaning: what an older one wrote is then built anew."""
    kind: str
    tables: tuple[Table, ...]
    fold: Callable[[PartitionId, Vocabulary], Fold]
    hot: Table | None = None
    """The one of `tables` that is mirrored in Redis."""
    points: Table | None = None
    """The one of `tables` whose rows go to InfluxDB, in the order of `sequence`."""
