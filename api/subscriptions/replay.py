"""Commits that the hub no longer has, read from the log again: few readers at a time, and one for all who wait.

Whoever comes while all readers are busy waits. The first who gets one takes along those who wait for about the same
part of the same log: when hundreds resume at once, it is read a few times, and not once for each. Who does not keep
pace is left behind (`seat`).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from api.subscriptions.errors import CursorExpired
from api.subscriptions.seat import Seat, Turn
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import LogMarks

TURN_BYTES = 64 * 1024
"""So much is judged before others get their turn."""
READERS = 4
NEAR = 10_000
"""Records between two who go together: nobody waits for more than that to be read for somebody else."""
PACE_S = 1.0
"""How long one may keep others waiting."""


class Replays:
    """Reads stretches of logs."""

    def __init__(
        self,
        marks: LogMarks,
        log_of: Callable[[PartitionId], TopicReader],
        vocabulary: Vocabulary,
        readers: int = READERS,
        pace_s: float = PACE_S,
    ) -> None:
        self.scans = 0
        """How often a stretch was begun."""
        self.listeners = 0
        """How many are read to, or wait for it."""
        self._marks = marks
        self._log_of = log_of
        self._vocabulary = vocabulary
        self._pace_s = pace_s
        self._readers = asyncio.Semaphore(readers)
        self._waiting: dict[Seat, None] = {}
        self._leading: set[asyncio.Task[None]] = set()

    async def turns(self, where: PartitionId, start: int, end: int) -> AsyncGenerator[Turn]:
        """Yield what counts, of `start` up to `end`; it may begin before, and stop before or go on behind.

        Raises `CursorExpired`, `LogUnavailable`, `SinkUnavailable`, `LogHalt`.
        """
        seat = Seat(where, start, end)
        self.listeners += 1
        self._waiting[seat] = None
        leading = asyncio.create_task(self._lead(seat), name="read a log again")
        self._leading.add(leading)
        leading.add_done_callback(self._leading.discard)
        try:
            while (turn := await seat.next()) is not None:
                yield turn
        finally:
            self.listeners -= 1
            seat.leave()
            if seat in self._waiting:
                del self._waiting[seat]
                leading.cancel()

    async def _lead(self, seat: Seat) -> None:
        """Read for `seat` and those who go with it, unless it went with somebody else."""
        async with self._readers:
            if seat not in self._waiting:
                return
            seats = [each for each in self._waiting if each.near(seat, NEAR)]
            for each in seats:
                del self._waiting[each]
            try:
                await self._serve(seats)
            except Exception as error:  # whatever it is, it is theirs
                for each in seats:
                    each.end(error)
            finally:
                for each in seats:
                    each.end()

    async def _serve(self, seats: list[Seat]) -> None:
        while seats:
            start, end = min(each.start for each in seats), max(each.end_at for each in seats)
            try:
                await self._scan(seats[0].where, start, end, seats)
                seats = []
            except CursorExpired as error:
                for each in seats:
                    if each.start == start:
                        each.end(error)
                seats = [each for each in seats if each.start > start]

    async def _scan(self, where: PartitionId, start: int, end: int, seats: list[Seat]) -> None:
        self.scans += 1
        async with aclosing(self._read(where, start, end)) as turns:
            async for turn in turns:
                seats = await self._given(turn, seats)
                if not seats:
                    return

    async def _given(self, turn: Turn, seats: list[Seat]) -> list[Seat]:
        """Give everybody the turn; return those who are ready for the next, in time."""
        until = asyncio.get_running_loop().time() + self._pace_s
        for seat in seats:
            seat.give(turn)
        ready: list[Seat] = []
        for seat in seats:
            while not await seat.ready(until) and not seat.left:
                if len(seats) > 1 or self._waiting:
                    seat.end()
                    break
                until = asyncio.get_running_loop().time() + self._pace_s
            else:
                if not seat.left:
                    ready.append(seat)
        return ready

    async def _read(self, where: PartitionId, start: int, end: int) -> AsyncGenerator[Turn]:
        log, mark = self._log_of(where), await self._marks.mark_before(where, start)
        first, _ = await log.bounds()
        if mark.next_offset < first:
            raise CursorExpired(
                f"{Position(where, start)} cannot be read any more: the log begins at {first}, and nothing earlier "
                "says how it stood there. Subscribe again without `after`."
            )
        reader = CommitReader(where, self._vocabulary, mark)
        commits: list[AcceptedCommit] = []
        taken = 0
        async for records in log.read(mark.next_offset, end):
            for stored in records:
                commit = reader.read(stored)
                if commit is not None and commit.offset >= start:
                    commits.append(commit)
                taken += len(stored.value or b"")
                if taken >= TURN_BYTES:
                    if commits:
                        yield Turn(commits, stored.offset + 1)
                    commits, taken = [], 0
                    await asyncio.sleep(0)
        yield Turn(commits, end)
