"""Changelogs on a real Kafka. The fence is the broker's own: the epoch of a transactional id, one a changelog.

No transaction is ever begun. A claim takes the next epoch and appends a record in it; from then on the partition's
leader refuses whatever carries an earlier one (docs/adr/0027).
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import InvalidProducerEpoch

from storage.kafka.client import name_of
from storage.kafka.ends import KafkaLookUps
from storage.kafka.log import MAX_IDLE_FETCHES, opened
from storage.kafka.topic_facts import ends_of
from storage.kafka.writer import KafkaLogWriter, open_writer
from storage.tables.codec import CLAIM
from streams.log.ports import AppendUnknown, LogUnavailable, RecordTooLarge
from streams.log.positions import PartitionId
from streams.projections.changelog import (
    AppendLost,
    ChangelogClaimed,
    ChangelogId,
    ChangesTooLarge,
    Entry,
    topic_of,
)
from streams.projections.ports import SinkUnavailable

IDLE_S = 3600.0
"""A writer that has not written for so long claims anew: a broker forgets the epochs of idle producers after a day."""
RECORDS_A_FETCH = 20_000
Now = Callable[[], float]


def _boot_time_s() -> float:
    """Return a clock that runs on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class KafkaChangelogWriter:
    """The one that may write a changelog, until another claims it."""

    def __init__(
        self, writer: KafkaLogWriter, changelog: ChangelogId, start: int, now: Now = _boot_time_s
    ) -> None:
        self.start = start
        self._writer, self._changelog, self._now = writer, changelog, now
        self._wrote_s = now()

    async def append(self, entries: Sequence[Entry]) -> int:
        """Append all of `entries` as one batch, and wait for it."""
        if self._now() - self._wrote_s > IDLE_S:
            raise AppendLost(f"{self._changelog}: nothing was written for an hour. It is claimed anew.")
        try:
            landed = await (await self._writer.append_batch(entries))
        except RecordTooLarge as error:
            raise ChangesTooLarge(
                f"{self._changelog}: {error} Have the read model change fewer rows a decision."
            ) from error
        except AppendUnknown as error:
            if isinstance(error.__cause__, InvalidProducerEpoch):
                raise ChangelogClaimed(self._changelog) from error
            raise AppendLost(f"{self._changelog}: {error}") from error
        self._wrote_s = self._now()
        return landed.offset + len(entries)

    async def close(self) -> None:
        """Stop."""
        await self._writer.close()


class KafkaChangelogs:
    """All changelogs of one cluster."""

    def __init__(self, bootstrap: str, owner: str) -> None:
        self._bootstrap, self._owner = bootstrap, owner
        """`owner`: who claims, for people who read the changelog."""
        self._look_ups = KafkaLookUps(bootstrap)

    async def claim(self, changelog: ChangelogId) -> KafkaChangelogWriter:
        """Become its writer."""
        topic, partition = changelog.topic, changelog.where.partition
        try:
            writer = await open_writer(self._bootstrap, topic, partition, fence=f"{topic}.{partition}")
        except LogUnavailable as error:
            raise SinkUnavailable(f"{changelog} cannot be claimed: {error}") from error
        try:
            claimed = await (await writer.append_batch([(CLAIM, self._owner.encode())]))
        except BaseException as error:
            await writer.close()
            if isinstance(error, AppendUnknown):
                raise SinkUnavailable(f"{changelog} cannot be claimed: {error}") from error
            raise
        return KafkaChangelogWriter(writer, changelog, claimed.offset + 1)

    async def read(self, changelog: ChangelogId, start: int, end: int) -> AsyncIterator[list[Entry]]:
        """Yield what compaction left."""
        at = TopicPartition(changelog.topic, changelog.where.partition)
        try:
            async with opened(self._bootstrap, at) as reading:
                first = (await reading.beginning_offsets([at]))[at]
                reading.seek(at, max(start, first))
                idle = 0
                while await reading.position(at) < end:
                    fetched = (await reading.getmany(timeout_ms=1000, max_records=RECORDS_A_FETCH)).get(
                        at, ()
                    )
                    yield [(one.key, one.value) for one in fetched if one.offset < end]
                    idle = 0 if fetched else idle + 1
                    if idle >= MAX_IDLE_FETCHES:
                        raise LogUnavailable(f"{name_of(at)}: nothing comes up to offset {end}.")
        except LogUnavailable as error:
            raise SinkUnavailable(f"{changelog} cannot be read: {error}") from error

    async def ends(self, several: Collection[ChangelogId]) -> Mapping[ChangelogId, int]:
        """Return the offsets that the next records will have."""
        at = {each: TopicPartition(each.topic, each.where.partition) for each in several}
        if not at:
            return {}
        try:
            found = await self._look_ups.asked(lambda lookups: lookups.end_offsets(list(at.values())))
        except LogUnavailable as error:
            raise SinkUnavailable(f"changelogs: {error}") from error
        return {each: found[partition] for each, partition in at.items()}

    async def partitions(self, projection: str, kind: str) -> list[ChangelogId]:
        """Return the partitions of a read model's changelog."""
        try:
            found = await ends_of(self._bootstrap, [topic_of(projection, kind)])
        except LogUnavailable as error:
            raise SinkUnavailable(f"changelogs: {error}") from error
        return [ChangelogId(projection, PartitionId(kind, number)) for _, number in sorted(found)]

    async def close(self) -> None:
        """Disconnect."""
        await self._look_ups.close()
