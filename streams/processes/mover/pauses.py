"""Who is waited for, until when, and how large a batch a target takes. Pure: the time comes in.

Keeps only those that are in trouble: sources that do not answer, targets that are full or do not answer.
"""

from streams.domain.value import value
from streams.processes.mover.moves import Lane, Source

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
MAX_BATCH = 100

Party = Source | str
"""A source, or the name of a target."""


@value
class Pause:
    """One that is waited for."""

    code: str
    why: str
    since_s: float
    until_s: float
    pause_s: float


class Pauses:
    """Pauses that double, up to `LONGEST_PAUSE_S`; batches that halve, and grow again."""

    def __init__(self) -> None:
        self.paused: dict[Party, Pause] = {}
        self._sizes: dict[str, int] = {}
        self._held: dict[Source, float] = {}

    def size(self, target: str) -> int:
        """Return how many messages the target is offered at once."""
        return self._sizes.get(target, MAX_BATCH)

    def too_many(self, target: str) -> bool:
        """Say that a batch was too large for the room there is; False: it was of one message."""
        size = self.size(target)
        self._sizes[target] = max(1, size // 2)
        return size > 1

    def trouble(self, party: Party, code: str, why: str, now: float, retry_after_s: float | None) -> None:
        """Wait for a party for longer than the last time."""
        before = self.paused.get(party)
        pause_s = FIRST_PAUSE_S if before is None else min(LONGEST_PAUSE_S, before.pause_s * 2)
        wait_s = max(pause_s, min(LONGEST_PAUSE_S, retry_after_s or 0.0))
        since_s = now if before is None else before.since_s
        self.paused[party] = Pause(code, why, since_s, now + wait_s, pause_s)

    def well(self, party: Party) -> None:
        """A party did what it was asked."""
        self.paused.pop(party, None)
        if isinstance(party, str):
            size = self._sizes.pop(party, MAX_BATCH) * 2
            if size < MAX_BATCH:
                self._sizes[party] = size

    def hold_back(self, source: Source, until_s: float) -> None:
        """Leave a source to another mover until then."""
        self._held[source] = until_s

    def ready_at(self, lane: Lane) -> float:
        """Return from when on the lane may have its turn."""
        parties: tuple[Party, ...] = (lane.source, lane.target)
        pauses = [self.paused[each].until_s for each in parties if each in self.paused]
        return max([self._held.get(lane.source, 0.0), *pauses])

    def is_troubled(self, target: str) -> bool:
        """Say whether the target has to be tried with care: by one lane at a time."""
        return target in self.paused or target in self._sizes

    def forget(self, now: float, sources: set[Source], targets: set[str]) -> None:
        """Forget whom nobody needs any more."""
        self._held = {each: until for each, until in self._held.items() if until > now}
        kept = {each: pause for each, pause in self.paused.items() if each in sources or each in targets}
        self.paused = kept
        self._sizes = {each: size for each, size in self._sizes.items() if each in targets}
