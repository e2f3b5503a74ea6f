"""Where detector and mover begin to read each partition: at its start, or where the read model stands.

The read model only saves reading: it is not waited for.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import structlog

from streams.domain.arguments import shard_name
from streams.log.accepted import CommitReader
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.processes.deadlocks.detector import DeadlockDetector
from streams.processes.mover.moves import Lane, Moves, Source, Span
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.standing import restored_locks
from streams.projections.ports import Loaded, SinkError
from streams.projections.projection import Projection
from streams.projections.queues.moving import MovingReads
from streams.wire.keys import tenant_of


class ReadModels(Protocol):
    """Of `streams.projections.ports.ProjectionStore`, what a reader needs."""

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return checkpoint and rows. Raises `SinkError`."""


def begin_at_the_start(partitions: Iterable[PartitionId], vocabulary: Vocabulary) -> list[CommitReader]:
    """Return readers of the whole logs."""
    return [CommitReader(where, vocabulary) for where in partitions]


async def begin_where_the_read_model_is(
    store: ReadModels,
    detector: DeadlockDetector,
    tenant: str,
    readers: Iterable[CommitReader],
    vocabulary: Vocabulary,
) -> list[CommitReader]:
    """Restore the tenant's locks into `detector`; return readers from there on. Of what cannot be loaded: `readers`."""

    async def restore(where: PartitionId) -> Checkpoint:
        loaded = await store.load(LOCKS, where)
        locks = restored_locks(loaded.rows)
        own = {key: lock for key, lock in locks.items() if tenant_of(key) == tenant}
        detector.restore(where, loaded.checkpoint.events, own)
        return loaded.checkpoint

    return [await _begun(reader, vocabulary, restore) for reader in readers]


async def begin_where_moves_are_known(
    reads: MovingReads, moves: Moves, tenant: str, readers: Iterable[CommitReader], vocabulary: Vocabulary
) -> list[CommitReader]:
    """Restore what of the tenant is on its way into `moves`; return readers from there on, else `readers`."""

    async def restore(where: PartitionId) -> Checkpoint:
        known = await reads.moving(tenant, where)
        for row in known.rows:
            source = Source(where, shard_name(row.queue, row.shard), row.subscription)
            moves.restore(Lane(source, row.target), row.messages, Span(row.first, row.last))
        return known.checkpoint

    return [await _begun(reader, vocabulary, restore) for reader in readers]


async def _begun(
    reader: CommitReader, vocabulary: Vocabulary, restore: Callable[[PartitionId], Awaitable[Checkpoint]]
) -> CommitReader:
    try:
        return CommitReader(reader.where, vocabulary, await restore(reader.where))
    except SinkError as error:
        return _all_of_it(reader, error)


def _all_of_it(reader: CommitReader, error: SinkError) -> CommitReader:
    log = structlog.get_logger("tidelock.processes")
    log.warning(
        "no read model; the log is read from its start", partition=str(reader.where), error=str(error)
    )
    return reader
