"""Commands of the direct lane until they are decided: most in a queue, some gathered with their like for a while."""

from collections.abc import Sequence

from streams.engine.backlog import Backlog
from streams.engine.gather import Gather
from streams.engine.pending import Pending
from streams.engine.settings import OwnerSettings
from streams.log.ports import Clock
from streams.log.vocabulary import Vocabulary


class WaitingRoom:
    """Bounded by count and by bytes."""

    def __init__(self, vocabulary: Vocabulary, settings: OwnerSettings, clock: Clock) -> None:
        self.queue = Backlog()
        self.gather = Gather(settings.coalesce_ms)
        self._vocabulary = vocabulary
        self._settings = settings
        self._clock = clock

    def __len__(self) -> int:
        return len(self.queue) + self.gather.size

    @property
    def bytes(self) -> int:
        """What the commands took on the way here."""
        return self.queue.bytes + self.gather.bytes

    def has_room(self, pending: Pending) -> bool:
        """Say whether `pending` fits."""
        bounds = self._settings
        return len(self) < bounds.max_queued and self.bytes + pending.size <= bounds.max_queued_bytes

    def add(self, pending: Pending) -> bool:
        """Take `pending` in, behind all others; return whether that is news: one more that is gathered is none."""
        if self._is_gathered(pending):
            return self.gather.add(pending, self._clock.monotonic_ms())
        self.queue.append(pending)
        return True

    def put_back(self, again: Sequence[Pending]) -> None:
        """Take in commands whose decision was taken back, ahead of all others, in their order."""
        for pending in reversed(again):
            if self._is_gathered(pending):
                self.gather.add(pending, self._clock.monotonic_ms())
            else:
                self.queue.appendleft(pending)

    def take_all(self) -> list[Pending]:
        """Take out everything."""
        waiting = [*self.queue, *self.gather.take_all()]
        self.queue.clear()
        return waiting

    def _is_gathered(self, pending: Pending) -> bool:
        if pending.command is None or pending.refusal is not None:
            return False
        return self._vocabulary.specs[type(pending.command)].coalesce is not None
