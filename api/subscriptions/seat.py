"""One subscriber's place with a reader of the log: it takes turns at its own pace, and keeps few of them waiting."""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import cached_property

from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId

TURNS = 2
"""So many wait for a seat; then the reader waits for it, and not for long."""


class Turn:
    """Some commits of one partition, in order, and the offset that comes next: one object for all who take it."""

    def __init__(self, commits: list[AcceptedCommit], next_offset: int) -> None:
        self.commits = commits
        self.next_offset = next_offset

    def of(self, key: str | None) -> Iterable[AcceptedCommit]:
        """Return the commits with decisions on `key`; without one, all."""
        return self.commits if key is None else self._by_key.get(key, ())

    @cached_property
    def _by_key(self) -> dict[str, list[AcceptedCommit]]:
        found: dict[str, list[AcceptedCommit]] = {}
        for commit in self.commits:
            for key in {decision.key for decision in commit.commit.decisions}:
                found.setdefault(key, []).append(commit)
        return found


class Seat:
    """Where one subscriber wants to begin, and the turns that wait for it."""

    def __init__(self, where: PartitionId, start: int, end_at: int) -> None:
        self.where, self.start, self.end_at = where, start, end_at
        self.left = False
        """Nobody sits there any more."""
        self._turns: deque[Turn] = deque()
        self._ended = False
        self._error: Exception | None = None
        self._came = asyncio.Event()
        self._room = asyncio.Event()

    def near(self, other: "Seat", records: int) -> bool:
        """Say whether both begin at about the same place."""
        return self.where == other.where and abs(self.start - other.start) <= records

    async def next(self) -> Turn | None:
        """Return the next turn when there is one; None at the end. Raises what the reader met."""
        while not self._turns:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._came.clear()
            await self._came.wait()
        turn = self._turns.popleft()
        self._room.set()
        return turn

    def leave(self) -> None:
        """Say that nobody sits there any more."""
        self.left = True
        self._turns.clear()
        self._room.set()

    def give(self, turn: Turn) -> None:
        """Have it take `turn`, when it likes."""
        self._turns.append(turn)
        if len(self._turns) >= TURNS:
            self._room.clear()
        self._came.set()

    def end(self, error: Exception | None = None) -> None:
        """Give it no more. Once it has ended it stays so."""
        if not self._ended:
            self._ended, self._error = True, error
            self._came.set()

    async def ready(self, until: float) -> bool:
        """Wait for room for one more turn, until that time of the event loop."""
        if len(self._turns) < TURNS:
            return True
        try:
            async with asyncio.timeout_at(until):
                await self._room.wait()
        except TimeoutError:
            return False
        return True
