"""Whether a partition's log is still the one that a read model was built from.

Offsets say nothing about that: a topic that was deleted and made anew has the same ones, and the accept rule, which
goes on from a checkpoint of the old log, would find everything in the new one void, and keep silent.
"""

from streams.log.checkpoint import Checkpoint
from streams.log.genesis import genesis_of
from streams.log.ports import LogUnavailable, TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.reader import LogHalt


class LogReplaced(LogHalt):
    """The log begins with another genesis than the one that was read before."""

    code = "LOG_REPLACED"

    def __init__(self, where: PartitionId, projection: str) -> None:
        super().__init__(
            Position(where, 0),
            f"this is not the log that {projection} was built from: the topic was made anew, or the database is "
            f"another stack's. If this log is the right one: `tidelock projection rebuild {projection}`.",
        )


class LogEndsEarly(LogUnavailable):
    """The log ends before what was read of it."""

    code = "LOG_ENDS_EARLY"

    def __init__(self, where: PartitionId, end: int, next_offset: int) -> None:
        super().__init__(
            f"{where} ends at offset {end}; it was read up to {next_offset} before. "
            "If that lasts, acknowledged records are gone: restore the log, or rebuild what was read from it."
        )


async def check_log(log: TopicReader, where: PartitionId, at: Checkpoint, projection: str) -> None:
    """Return if the log goes on from `at`. Raises `LogReplaced`, `LogEndsEarly`, `LogUnavailable`."""
    if not at.next_offset:
        return
    first, end = await log.bounds()
    if at.genesis is not None and first == 0 and end and await genesis_of(log) != at.genesis:
        raise LogReplaced(where, projection)
    if end < at.next_offset:
        raise LogEndsEarly(where, end, at.next_offset)
