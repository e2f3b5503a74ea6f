"""The one reader of a process: tails all logs of a kind from the newest known place, judges, feeds the hub.

Kafka away is waited for, and read on from where it stopped: nothing is lost and nothing comes twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from random import uniform

import structlog

from api.subscriptions.hub import Hub
from api.subscriptions.replay import TURN_BYTES
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import LogTail, LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.projections.ports import LogMarks, SinkUnavailable

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
EARLIER = 4096
"""So many records before the end a fresh node begins, so that it has what those who come from another one missed."""

Ends = Callable[[], Awaitable[Mapping[PartitionId, int]]]
"""Asks for all partitions and the ends of their logs. Raises `LogUnavailable`."""


class Tail:
    """Feeds one hub, for ever."""

    def __init__(
        self,
        hub: Hub,
        tail: LogTail,
        ends: Ends,
        marks: LogMarks,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        earlier: int = EARLIER,
    ) -> None:
        self._hub = hub
        self._tail = tail
        self._ends = ends
        self._marks = marks
        self._earlier = earlier
        self._readers: dict[PartitionId, CommitReader] = {}
        self._first_pause_s = self._pause_s = first_pause_s
        self._log = structlog.get_logger("tidelock.api.tail")

    async def run(self) -> None:
        """Find the partitions and tail them until cancelled."""
        while not self._readers:
            try:
                await self._open()
            except (LogUnavailable, SinkUnavailable) as error:
                await self._wait(error)
        while True:
            try:
                await self._follow()
            except LogUnavailable as error:
                await self._wait(error)

    async def _open(self) -> None:
        ends = await self._ends()
        if not ends:
            raise LogUnavailable("there are no logs yet; a worker makes them.")
        starts = {where: await self._start(where, end) for where, end in ends.items()}
        self._readers = {
            where: CommitReader(where, self._hub.vocabulary, start) for where, start in starts.items()
        }
        self._hub.open(starts)

    async def _start(self, where: PartitionId, end: int) -> Checkpoint:
        mark = await self._marks.mark_before(where, max(0, end - self._earlier))
        return START if mark.next_offset > end else mark

    async def _wait(self, error: Exception) -> None:
        self._log.warning("the logs cannot be tailed now; trying again", error=str(error))
        await asyncio.sleep(uniform(0.5, 1) * self._pause_s)  # noqa: S311 - spreads nodes, keeps no secret
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)

    async def _follow(self) -> None:
        lanes = self._hub.lanes
        starts = {
            where: reader.next_offset
            for where, reader in self._readers.items()
            if lanes[where].halted is None
        }
        async for fetched in self._tail.read(starts):
            self._pause_s = self._first_pause_s
            for where, records in fetched.items():
                if lanes[where].halted is None:
                    await self._take(where, records)

    async def _take(self, where: PartitionId, records: Iterable[Stored]) -> None:
        reader, lane = self._readers[where], self._hub.lanes[where]
        taken = 0
        for stored in records:
            try:
                commit = reader.read(stored)
            except LogHalt as error:
                self._log.error("a partition cannot be read on", code=error.code, error=str(error))
                self._hub.halt(where, error)
                return
            if commit is not None:
                self._hub.feed(commit)
            else:
                lane.genesis = reader.checkpoint.genesis
                lane.passed(stored.offset + 1)
            taken += len(stored.value or b"")
            if taken >= TURN_BYTES:
                taken = 0
                await asyncio.sleep(0)
