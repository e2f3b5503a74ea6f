"""Rewinding one lock where its log stands: which partition it is in, and the walk to a moment.

From the log alone: it works when every read model is lost, and it trusts no owner but by the accept rule.
"""

from collections.abc import Callable
from contextlib import aclosing

from streams.domain.value import value
from streams.log.envelope import decode
from streams.log.ports import LogUnavailable, Stored, TopicReader
from streams.log.positions import PartitionId
from streams.log.records import Genesis
from streams.log.vocabulary import Vocabulary
from streams.replay.chronicle import LockAt, LockChronicle
from streams.replay.errors import BeforeTheLog, BeyondTheEnd, ForeignLog, NeverUsed, OtherPartition
from streams.replay.moment import AtPosition, Moment, Target, Walk
from streams.replay.spells import Spell
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of

KIND = "locks"
Open = Callable[[PartitionId], TopicReader]
Progress = Callable[[int, int], None]
"""(records read, records there are up to the target)"""


@value
class LockName:
    """Which lock: names belong to tenants."""

    tenant: str
    name: str

    @property
    def key(self) -> str:
        """What it is called in the log."""
        return key_of(self.tenant, self.name)


@value
class Rewound:
    """A lock as it stood at a moment, with the proof."""

    lock: LockName
    at: LockAt
    moment: Moment
    chronicle: LockChronicle
    """To go on from, or to tell the story of."""


def _quiet(_done: int, _total: int) -> None:
    """Show nothing."""


def _ignore(_spell: Spell) -> None:
    """Need no ended spells."""


async def rewind(
    read: Open,
    lock: LockName,
    vocabulary: Vocabulary,
    target: Target,
    *,
    progress: Progress = _quiet,
    ended: Callable[[Spell], None] = _ignore,
) -> Rewound:
    """Return the lock at `target`; `ended` is told of each spell that ended before it.

    Raises `RewindError`, `LogHalt`, `LogUnavailable`.
    """
    where = await home_of(read, lock)
    if isinstance(target, AtPosition) and target.position.partition != where:
        raise OtherPartition(target.position, lock.name, where)
    chronicle = LockChronicle(lock.key, vocabulary, ended)
    walk = Walk(where, vocabulary, target, chronicle.commit)
    await _walk(read(where), where, walk, target, progress)
    moment, at = walk.arrived(), chronicle.at()
    if not at.used:
        raise NeverUsed(lock.tenant, lock.name, moment.last)
    return Rewound(lock, at, moment, chronicle)


async def home_of(read: Open, lock: LockName) -> PartitionId:
    """Return the partition of a lock, by the partition count that the logs themselves name.

    Raises `BeforeTheLog`, `ForeignLog`, `LogUnavailable`.
    """
    first = PartitionId(KIND, 0)
    log = read(first)
    if await _end(log, first) == 0:
        raise BeforeTheLog(first, None)
    begins = [decode(stored.value) async for records in log.read(0, 1) for stored in records]
    for record in begins:
        if isinstance(record, Genesis):
            return PartitionId(KIND, partition_of(lock.key, record.partitions))
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
            if not _take(walk, records):
                return
            done += len(records)
            progress(done, end)


def _take(walk: Walk, records: list[Stored]) -> bool:
    return all(walk.take(stored) for stored in records)


async def _end(log: TopicReader, where: PartitionId) -> int:
    first, end = await log.bounds()
    if first > 0:
        raise LogUnavailable(
            f"{where} begins at offset {first}, not 0: what came before cannot be judged. Restore it."
        )
    return end
