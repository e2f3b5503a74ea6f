"""Every record of one partition's log with the accept rule's verdict, without folding its state.

`PartitionReader` folds what is accepted, `CommitReader` hands it out; whoever shows or checks all records, void ones
too, needs the verdict alone.
"""

from collections.abc import AsyncIterator

from streams.domain.value import value
from streams.log.accept import LogHead, VoidReason
from streams.log.envelope import decode
from streams.log.ports import LogUnavailable, Stored, TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.reader import NotContiguous
from streams.log.records import Record


@value
class Judged:
    """One record as it stands in a log, and why it does not count, if it does not."""

    position: Position
    timestamp_ms: int
    stored: bytes
    record: Record | None
    """None: the bytes are none of the four record types."""
    void: VoidReason | None


class Judge:
    """Moves THE accept rule along one partition's log."""

    def __init__(self, where: PartitionId) -> None:
        self.where = where
        self.head = LogHead()
        self.next_offset = 0

    def judge(self, stored: Stored) -> Judged:
        """Judge the next record. Raises `NotContiguous`."""
        position = Position(self.where, stored.offset)
        if stored.offset != self.next_offset:
            raise NotContiguous(position, self.next_offset)
        self.next_offset += 1
        record, data = decode(stored.value), stored.value or b""
        return Judged(
            position, stored.timestamp_ms, data, record, self.head.accept(stored.offset, record, data)
        )


async def read_partition(
    log: TopicReader, where: PartitionId, *, start: int = 0, end: int | None = None, follow: bool = False
) -> AsyncIterator[list[Judged]]:
    """Yield the records from `start` up to `end` (None: the log's end now, or for ever with `follow`).

    The verdict on a record depends on all before it, so the log is read from its beginning whatever `start` is.
    Raises `LogUnavailable`, `NotContiguous`.
    """
    first, now = await log.bounds()
    if first > 0:
        raise LogUnavailable(
            f"{where} begins at offset {first}, not 0: what came before cannot be judged. Restore it."
        )
    judge = Judge(where)
    stop = None if follow else (now if end is None else min(end, now))
    async for records in log.read(0, stop):
        judged = [judge.judge(stored) for stored in records]
        wanted = [one for one in judged if one.position.offset >= start]
        if wanted:
            yield wanted
