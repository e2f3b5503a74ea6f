"""The tail of one partition's log: what Faust hands in, judged once for all lanes, its newest stretches kept.

It never waits. Whoever feeds it asks first whether it has room, and from where it wants to be fed: records that come
twice are passed over, a hole makes it ask for the missing ones.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from streams.log.accepted import CommitReader
from streams.log.checkpoint import Checkpoint
from streams.log.ports import Stored
from streams.log.positions import PartitionId, Position
from streams.log.reader import LogHalt, NotContiguous
from streams.log.vocabulary import Vocabulary
from streams.projector.settings import LaneSettings
from streams.projector.stretch import Stretch, stretches


class Follower(Protocol):
    """What a tail needs to know of a lane."""

    @property
    def position(self) -> int:
        """The offset that it folds next."""

    @property
    def needs(self) -> int:
        """The offset from which it would have to read again if its write under way failed."""

    @property
    def moving(self) -> bool:
        """Whether it folds and writes now, and has done so of late."""

    def wake(self) -> None:
        """There is something new."""


class Tail:
    """The newest stretches of one partition's log."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary, settings: LaneSettings) -> None:
        self.where = where
        self.most_bytes = settings.ring_bytes
        """Bytes kept for lanes that move; the process divides what it has among its tails."""
        self.halted: LogHalt | None = None
        """Why it goes no further. Lanes get all that comes before."""
        self.wanted: int | None = None
        """From which offset it must be fed next, whatever the feeder did before."""
        self.moved_s = time.monotonic()
        self._vocabulary = vocabulary
        self._settings = settings
        self._reader: CommitReader | None = None
        self._ring: deque[Stretch] = deque()
        self._starts: dict[int, Stretch] = {}
        self._bytes = 0
        self._followers: list[Follower] = []
        self._asked_for: int | None = None
        """Where the last hole began: met there again, it is the log's own."""

    @property
    def next_offset(self) -> int | None:
        """The offset that it reads next; None before it has begun."""
        return None if self._reader is None else self._reader.next_offset

    @property
    def held_bytes(self) -> int:
        """Stored bytes of what it keeps."""
        return self._bytes

    def follow(self, follower: Follower) -> None:
        """Wake `follower` at news, and wait for it while it moves."""
        self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Wake and wait for it no more."""
        self._followers.remove(follower)

    def begin(self, checkpoint: Checkpoint) -> None:
        """Begin at a lane's checkpoint; or come to it, if that is much further than here."""
        here = self.next_offset
        if here is not None and checkpoint.next_offset <= here + self._settings.ahead:
            return
        self._reader = CommitReader(self.where, self._vocabulary, checkpoint)
        self.wanted, self.halted, self._asked_for = checkpoint.next_offset, None, None
        self._clear()
        self._wake()

    def leave(self, checkpoint: Checkpoint) -> None:
        """Read no more of the log that `checkpoint` is of, which is gone; a lane that begins anew begins it again."""
        if self._reader is not None and self._reader.checkpoint.genesis == checkpoint.genesis:
            self._reader, self.wanted, self.halted, self._asked_for = None, None, None, None
            self._clear()

    def again(self) -> None:
        """The feeder has lost its place: it must be told anew."""
        if self._reader is not None:
            self.wanted = self._reader.next_offset

    def feed(self, records: Sequence[Stored]) -> Iterator[None]:
        """Judge records in order; yields between stretches, so that others get their turn."""
        fresh = self._contiguous(records)
        if not fresh or self._reader is None:
            return
        reader = self._reader
        try:
            for stretch in stretches(reader, fresh, self._settings.stretch_bytes):
                if self._reader is not reader:
                    return  # it began elsewhere meanwhile
                self._keep(stretch)
                yield
        except LogHalt as halt:
            if self._reader is reader:
                self.halted = halt
                self._wake()

    def has_room(self) -> bool:
        """Whether it may be fed: it has begun, reads on, and its lanes keep up, or somebody else makes room."""
        if self._reader is None or self.halted is not None:
            return False
        self._trim()
        return self._bytes <= self.most_bytes

    def reaches(self, offset: int) -> bool:
        """Whether a lane at `offset` gets all that follows from here."""
        if self._reader is None:
            return False
        return (self._ring[0].start if self._ring else self._reader.next_offset) <= offset

    def after(self, offset: int) -> Stretch | None:
        """Return the stretch that holds the record at `offset`, if it is there. Raises `LogHalt` where that ends."""
        found = self._starts.get(offset)
        if found is None and self._ring and offset < self._ring[-1].end:  # lanes at the end ask most often
            found = next((each for each in self._ring if each.start <= offset < each.end), None)
        if found is None and self.halted is not None and self._reader is not None:
            raise self.halted
        return found

    def _contiguous(self, records: Sequence[Stored]) -> Sequence[Stored]:
        """Return what is new of `records`; nothing, if some are missing before them: then those are wanted."""
        expected = self.next_offset
        if expected is None or self.halted is not None or self.wanted is not None:
            return ()
        fresh = [record for record in records if record.offset >= expected]
        if not fresh:
            return ()
        if fresh[0].offset != expected:
            self._missing(expected, fresh[0].offset)
            return ()
        self._asked_for = None
        return fresh

    def _missing(self, expected: int, found: int) -> None:
        if self._asked_for == expected:
            self.halted = NotContiguous(Position(self.where, found), expected)
            self._wake()
            return
        self.wanted = self._asked_for = expected

    def _keep(self, stretch: Stretch) -> None:
        self._ring.append(stretch)
        self._starts[stretch.start] = stretch
        self._bytes += stretch.size
        self.moved_s = time.monotonic()
        self._trim()
        self._wake()

    def _trim(self) -> None:
        while self._bytes > self.most_bytes and not self._is_needed(self._ring[0]):
            oldest = self._ring.popleft()
            del self._starts[oldest.start]
            self._bytes -= oldest.size

    def _is_needed(self, oldest: Stretch) -> bool:
        """Whether a lane that moves is not past it. While none moves nothing is given up: nobody gains by it."""
        near = [each for each in self._followers if each.position >= oldest.start]
        waited = [each for each in near if each.moving] or near
        return any(each.needs < oldest.end for each in waited)

    def _clear(self) -> None:
        self._ring.clear()
        self._starts.clear()
        self._bytes = 0

    def _wake(self) -> None:
        for follower in self._followers:
            follower.wake()
