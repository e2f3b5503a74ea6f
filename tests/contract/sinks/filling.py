"""Filling a store as the projector would, a stretch a commit. Not a test itself."""

from collections.abc import Sequence

from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import ProjectionStore
from streams.projections.projection import Projection
from tests.contract.sinks.toys import at


async def fill(
    store: ProjectionStore,
    projection: Projection,
    where: PartitionId,
    words: Vocabulary,
    commits: Sequence[AcceptedCommit],
) -> None:
    """Project these commits."""
    fold, expected = projection.fold(where, words), START
    for accepted in commits:
        fold.commit(accepted)
        reached = at(accepted.offset + 1, time_ms=accepted.time_ms)
        await store.write(projection, where, expected, reached, fold.take())
        expected = reached
