"""Commits that the hub no longer has, read from the log again: few readers at a time, judged as ever, streamed."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

from api.subscriptions.errors import CursorExpired
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import LogMarks

TURN_BYTES = 64 * 1024
"""So much is judged before others get their turn."""
READERS = 4


class Replays:
    """Reads stretches of logs."""

    def __init__(
        self,
        marks: LogMarks,
        log_of: Callable[[PartitionId], TopicReader],
        vocabulary: Vocabulary,
        readers: int = READERS,
    ) -> None:
        self.permits = asyncio.Semaphore(readers)
        self._marks = marks
        self._log_of = log_of
        self._vocabulary = vocabulary

    async def read(self, where: PartitionId, start: int, end: int) -> AsyncGenerator[list[AcceptedCommit]]:
        """Yield what counts from `start` up to `end`, turn by turn.

        Raises `CursorExpired`, `LogUnavailable`, `SinkUnavailable`, `LogHalt`. Takes no permit: its user does.
        """
        log, mark = self._log_of(where), await self._marks.mark_before(where, start)
        first, _ = await log.bounds()
        if mark.next_offset < first:
            raise CursorExpired(
                f"{Position(where, start)} cannot be read any more: the log begins at {first}, and nothing earlier "
                "says how it stood there. Subscribe again without `after`."
            )
        reader = CommitReader(where, self._vocabulary, mark)
        async for records in log.read(mark.next_offset, end):
            turn: list[AcceptedCommit] = []
            taken = 0
            for stored in records:
                commit = reader.read(stored)
                if commit is not None and commit.offset >= start:
                    turn.append(commit)
                taken += len(stored.value or b"")
                if taken >= TURN_BYTES:
                    yield turn
                    turn, taken = [], 0
                    await asyncio.sleep(0)
            yield turn


class Scan:
    """One stretch being read under a permit, which its user loses by keeping it too long between two entries."""

    def __init__(self, replays: Replays, where: PartitionId, start: int, end: int, stall_s: float) -> None:
        self.read = replays.read(where, start, end)
        self.lost = False
        self._permits = replays.permits
        self._stall_s = stall_s
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Scan":
        await self._permits.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._closing is not None:
            await self._closing
            return
        await self.read.aclose()
        self._permits.release()

    @contextmanager
    def while_away(self) -> Iterator[None]:
        """Stop the clock of whoever has the last entry when the next one is asked for."""
        stalled = asyncio.get_running_loop().call_later(self._stall_s, self._lose)
        try:
            yield
        finally:
            stalled.cancel()

    def _lose(self) -> None:
        self.lost = True
        self._closing = asyncio.get_running_loop().create_task(self._give_up())

    async def _give_up(self) -> None:
        await self.read.aclose()
        self._permits.release()
