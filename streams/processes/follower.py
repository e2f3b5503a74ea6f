"""Tailing logs for as long as a process lives: what counts, batch by batch; what cannot be read now is tried again."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping

from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import LogTail, LogUnavailable, Stored
from streams.log.positions import PartitionId

RETRY_S = 0.2


class Follower:
    """Reads on from where its readers stand."""

    def __init__(
        self, readers: Iterable[CommitReader], tail: LogTail, trouble: Callable[[Exception], None]
    ) -> None:
        self.readers = {reader.where: reader for reader in readers}
        self.tailing = False
        """Whether the logs could be read when it was last tried."""
        self._tail = tail
        self._trouble_with_logs = trouble

    async def batches(
        self, several: Collection[PartitionId] | None = None
    ) -> AsyncGenerator[Iterator[AcceptedCommit], None]:
        """Yield what comes, for ever; iterate over each to its end. Those raise `LogHalt`. `several`: None: all."""
        read = self.readers if several is None else several
        while True:
            self.tailing = True
            try:
                starts = {where: self.readers[where].next_offset for where in read}
                async for batch in self._tail.read(starts):
                    yield self._accepted(batch)
            except LogUnavailable as error:
                self.tailing = False
                self._trouble_with_logs(error)
            await asyncio.sleep(RETRY_S)

    def _accepted(self, batch: Mapping[PartitionId, list[Stored]]) -> Iterator[AcceptedCommit]:
        for where, records in batch.items():
            read = self.readers[where].read
            for stored in records:
                accepted = read(stored)
                if accepted is not None:
                    yield accepted
