"""Following all partitions of a kind from the logs alone: what counts depends on all that stands before."""

from collections.abc import Callable, Mapping

from storage.kafka.tail import KafkaLogTail
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import LogTail
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tidelock.cli import show
from tidelock.cli.topics import partitions_of


async def follow(
    tail: LogTail, ends: Mapping[PartitionId, int], words: Vocabulary, tell: Callable[[AcceptedCommit], None]
) -> None:
    """Tell of each commit that counts behind `ends`, for ever. Raises `LogUnavailable`, `LogHalt`."""
    readers = {where: CommitReader(where, words) for where in ends}
    async for batch in tail.read(dict.fromkeys(ends, 0)):
        for where, records in batch.items():
            for stored in records:
                accepted = readers[where].read(stored)
                if accepted is not None and stored.offset >= ends[where]:
                    tell(accepted)


async def watch_from_now(kafka: str, words: Vocabulary, tell: Callable[[AcceptedCommit], None]) -> None:
    """Tell of each commit of the kind from now on, until Ctrl-C. Raises `NothingToTalkTo`, and as `follow` does."""
    ends = await partitions_of(kafka, [words.kind.name], None)
    show.err.print("watching from now on; Ctrl-C ends it", style="dim")
    await follow(KafkaLogTail(kafka), ends, words, tell)
