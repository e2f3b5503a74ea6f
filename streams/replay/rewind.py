"""Rewinding one resource where its log stands: which partition it is in, and the walk to a moment.

From the log alone: it works when every read model is lost, and it trusts no owner but by the accept rule. What is
made of the commits on the way is a chronicle's business: `KeyChronicle` for any kind, `LockChronicle` for locks.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.envelope import decode
from streams.log.ports import LogUnavailable, Stored, TopicReader
from streams.log.positions import PartitionId
from streams.log.records import Genesis
from streams.log.vocabulary import Vocabulary
from streams.replay.errors import BeforeTheLog, BeyondTheEnd, ForeignLog, NeverUsed, OtherPartition
from streams.replay.moment import AtPosition, Moment, Target, Walk
from streams.replay.resource import ResourceName
from streams.wire.murmur2 import partition_of

Open = Callable[[PartitionId], TopicReader]
Progress = Callable[[int, int], None]
"""(records read, records there are up to the target)"""
TURN_BYTES = 64 * 1024
"""So much is judged before others in the same process get their turn."""


class Chronicle(Protocol):
    """What is made of the commits that count."""

    @property
    def used(self) -> bool:
        """Whether anybody had asked for the resource."""

    def commit(self, accepted: AcceptedCommit) -> None:
        """Take the next one."""


C = TypeVar("C", bound=Chronicle)


@value
class Rewound(Generic[C]):
    """A resource as it stood at a moment, with the proof."""

    resource: ResourceName
    moment: Moment
    chronicle: C
    """At that moment."""


def _quiet(_done: int, _total: int) -> None:
    """Show nothing."""


async def rewind(
    read: Open,
    resource: ResourceName,
    vocabulary: Vocabulary,
    target: Target,
    chronicle: C,
    *,
    progress: Progress = _quiet,
) -> Rewound[C]:
    """Return the resource at `target`, as `chronicle`, a fresh one, has it there.

    Raises `RewindError`, `LogHalt`, `LogUnavailable`.
    """
    where = await home_of(read, resource)
    rewound = await rewind_in(read(where), where, resource, vocabulary, target, chronicle, progress=progress)
    if not chronicle.used:
        raise NeverUsed(resource.tenant, resource.name, rewound.moment.last)
    return rewound


async def rewind_in(
    log: TopicReader,
    where: PartitionId,
    resource: ResourceName,
    vocabulary: Vocabulary,
    target: Target,
    chronicle: C,
    *,
    progress: Progress = _quiet,
) -> Rewound[C]:
    """Return what `rewind` does, of a resource whose partition is known, whether it was ever used or not."""
    if isinstance(target, AtPosition) and target.position.partition != where:
        raise OtherPartition(target.position, resource.name, where)
    moment = await walk_to(log, where, vocabulary, target, chronicle.commit, progress=progress)
    return Rewound(resource, moment, chronicle)


async def walk_to(
    log: TopicReader,
    where: PartitionId,
    vocabulary: Vocabulary,
    target: Target,
    told: Callable[[AcceptedCommit], None],
    *,
    progress: Progress = _quiet,
) -> Moment:
    """Tell `told` of each commit that counts up to `target`; return the moment. Raises as `rewind` does."""
    walk = Walk(where, vocabulary, target, told)
    await _walk(log, where, walk, target, progress)
    return walk.arrived()


async def home_of(read: Open, resource: ResourceName) -> PartitionId:
    """Return the partition of a resource, by the partition count that the logs themselves name.

    Raises `BeforeTheLog`, `ForeignLog`, `LogUnavailable`.
    """
    first = PartitionId(resource.kind, 0)
    log = read(first)
    if await _end(log, first) == 0:
        raise BeforeTheLog(first, None)
    begins = [decode(stored.value) async for records in log.read(0, 1) for stored in records]
    for record in begins:
        if isinstance(record, Genesis):
            return PartitionId(resource.kind, partition_of(resource.key, record.partitions))
    raise ForeignLog(first, "does not begin as a Tidelock log does")


async def _walk(log: TopicReader, where: PartitionId, walk: Walk, target: Target, progress: Progress) -> None:
    end = await _end(log, where)
    if isinstance(target, AtPosition):
        if target.position.offset >= end:
            raise BeyondTheEnd(target.position, end)
        end = target.position.offset + 1
    done = 0
    async with aclosing(log.read(0, end)) as reading:  # type: ignore[type-var]
        async for records in reading:
            if not await _take(walk, records):
                return
            done += len(records)
            progress(done, end)


async def _take(walk: Walk, records: list[Stored]) -> bool:
    taken = 0
    for stored in records:
        if not walk.take(stored):
            return False
        taken += len(stored.value or b"")
        if taken >= TURN_BYTES:
            taken = 0
            await asyncio.sleep(0)
    return True


async def _end(log: TopicReader, where: PartitionId) -> int:
    first, end = await log.bounds()
    if first > 0:
        raise LogUnavailable(
            f"{where} begins at offset {first}, not 0: what came before cannot be judged. Restore it."
        )
    return end
