"""A lane's own reading of the log, for as long as it is further back than its partition's tail reaches."""

import asyncio
from collections import deque
from contextlib import aclosing

from streams.log.accepted import CommitReader
from streams.log.checkpoint import Checkpoint
from streams.log.ports import LogUnavailable, TopicReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projector.identity import LogEndsEarly
from streams.projector.pace import Pace, full_speed
from streams.projector.stretch import Stretch, stretches

MOST_WAITING = 4
"""Stretches judged ahead of the fold."""


class CatchUp:
    """Reads from a checkpoint to the log's end as it is now, ahead of the lane by a few stretches."""

    def __init__(
        self,
        where: PartitionId,
        vocabulary: Vocabulary,
        log: TopicReader,
        start: Checkpoint,
        stretch_bytes: int,
        wake: asyncio.Event,
        pace: Pace = full_speed,
    ) -> None:
        self._reader = CommitReader(where, vocabulary, start)
        self._log = log
        self._stretch_bytes = stretch_bytes
        self._pace = pace
        self._wake = wake
        self._waiting: deque[Stretch] = deque()
        self._room = asyncio.Event()
        self._reading = asyncio.create_task(self._read(), name=f"catch up {where}")
        self._reading.add_done_callback(self._ended)

    @property
    def over(self) -> bool:
        """Whether it has come to the end that the log had, and all is taken."""
        done = self._reading.done() and not self._waiting
        return done and not self._reading.cancelled() and self._reading.exception() is None

    def take(self) -> Stretch | None:
        """Return the next stretch, if one is there. Raises `LogHalt`, `LogUnavailable`."""
        if self._waiting:
            self._room.set()
            return self._waiting.popleft()
        if self._reading.done():
            self._reading.result()
        return None

    def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()

    def _ended(self, reading: asyncio.Task[None]) -> None:
        if not reading.cancelled():
            reading.exception()  # it may be closed before anybody takes it
        self._wake.set()

    async def _read(self) -> None:
        first, end = await self._log.bounds()
        if end <= self._reader.next_offset:
            raise LogEndsEarly(self._reader.where, end, self._reader.next_offset)
        if self._reader.next_offset < first:
            raise LogUnavailable(
                f"{self._reader.where} begins at offset {first}; what stands from {self._reader.next_offset} on "
                "cannot be read any more. Restore it."
            )
        async with aclosing(self._log.read(self._reader.next_offset, end)) as reading:  # type: ignore[type-var]
            async for records in reading:
                for stretch in stretches(self._reader, records, self._stretch_bytes):
                    await self._pace(sum(len(each.commit.decisions) for each in stretch.commits))
                    await self._offer(stretch)

    async def _offer(self, stretch: Stretch) -> None:
        self._waiting.append(stretch)
        self._wake.set()
        while len(self._waiting) >= MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        await asyncio.sleep(0)
