"""What the hub knows of one partition: how far it is, and the newest commits, for those who have just missed them."""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from operator import attrgetter

from api.subscriptions.cursor import Place
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt

_offset = attrgetter("offset")


class Lane:
    """One partition, as far as it was read."""

    def __init__(self, where: PartitionId, start: Checkpoint, ring_bytes: int) -> None:
        self.where = where
        self.next_offset = start.next_offset
        self.genesis = start.genesis
        self.halted: LogHalt | None = None
        self.ring_start = start.next_offset
        """Every commit that counts from this offset on is in the ring."""
        self._ring: deque[AcceptedCommit] = deque()
        self._bytes = 0
        self._ring_bytes = ring_bytes
        self._awaited: list[tuple[Place, asyncio.Future[None]]] = []

    @property
    def awaited(self) -> int:
        """How many wait for it to move on."""
        return len(self._awaited)

    @property
    def place(self) -> Place:
        """What comes next."""
        return self.next_offset, 0

    def keep(self, commit: AcceptedCommit) -> None:
        """Put `commit` into the ring; the oldest make room."""
        self._ring.append(commit)
        self._bytes += len(commit.stored)
        while self._bytes > self._ring_bytes:
            oldest = self._ring.popleft()
            self._bytes -= len(oldest.stored)
            self.ring_start = oldest.offset + 1

    def passed(self, next_offset: int) -> None:
        """Move on; wake whoever waited for it."""
        self.next_offset = next_offset
        if self._awaited:
            place = self.place
            due = [future for awaited, future in self._awaited if awaited <= place]
            self._awaited = [one for one in self._awaited if one[0] > place]
            for future in due:
                if not future.done():
                    future.set_result(None)

    def since(self, place: Place) -> Iterator[AcceptedCommit]:
        """Yield the commits at or behind `place`, which is not before `ring_start`."""
        ring = self._ring
        for index in range(bisect_left(ring, place[0], key=_offset), len(ring)):
            yield ring[index]

    async def reached(self, place: Place, within_s: float) -> bool:
        """Wait until the lane is at `place` or further on. False: it did not get there in time."""
        if place <= self.place:
            return True
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append((place, reached))
        try:
            async with asyncio.timeout(within_s):
                await reached
        except TimeoutError:
            return False
        finally:
            if reached.cancelled():
                self._awaited = [one for one in self._awaited if one[1] is not reached]
        return True
