"""Many deaths at once: whether that is a mass failure, and whether the brake holds. Pure.

Time is that of the logs (`LogTime`), about the same for all partitions. Deaths come one by one, so the first half of
a mass failure would be swept before it can be told from ordinary deaths. Therefore suspicions count, too: while so
many nodes are dead or about to be, the brake is not pulled, but sessions that ended by silence wait. That lasts until
the suspects have died, or should have.
"""

from collections.abc import Collection

from streams.domain.nodes.brake import RELEASED, Brake, evolve
from streams.domain.nodes.commands import PullBrake
from streams.domain.nodes.events import BrakePulled, BrakeReleased, Evidence, OfBrakeEvent
from streams.domain.nodes.limits import BEATS_A_TIMEOUT

GRACE_MS = 500
"""How much later than it is due a verdict may stand in the log."""


class MassFailures:
    """The brake of one tenant as its log has it, and what speaks for pulling it."""

    def __init__(self) -> None:
        self.brake: Brake = RELEASED
        self.asked: PullBrake | None = None
        """Asked for, and not seen in the log yet."""
        self._refused: PullBrake | None = None
        self._now_ms = 0
        self._deaths: dict[str, int] = {}
        """When each node died last."""
        self._suspects: dict[str, int] = {}
        """Until when each has to have died, or it was heard."""

    def pass_time(self, at_ms: int) -> None:
        """The logs have come to this time."""
        self._now_ms = max(self._now_ms, at_ms)

    def fold(self, event: OfBrakeEvent) -> None:
        """Fold an event of the brake. The deaths that it was pulled for do not count again after its release."""
        self.brake = evolve(self.brake, event)
        if isinstance(event, BrakePulled | BrakeReleased):
            self.asked = None
        if isinstance(event, BrakeReleased):
            self._deaths.clear()

    def suspect(self, node: str, evidence: Evidence, at_ms: int) -> None:
        """The node is silent for half its timeout."""
        left_ms = evidence.interval_ms * BEATS_A_TIMEOUT - evidence.silent_ms + GRACE_MS
        self._suspects[node] = at_ms + min(left_ms, self.brake.settings.window_ms)

    def die(self, node: str, at_ms: int) -> None:
        """The node died of silence."""
        self._suspects.pop(node, None)
        self._deaths[node] = at_ms

    def speak(self, node: str) -> None:
        """The node registered, or left."""
        self._suspects.pop(node, None)

    def judge(self, live: Collection[str]) -> PullBrake | None:
        """Return what to ask the brake, if that is due."""
        if self.brake.pulled or self.asked is not None:
            return None
        dead = self._dead()
        of = _of(dead, live)
        if not self._are_many(len(dead), of):
            return None
        window_ms = self.brake.settings.window_ms
        cause = f"{len(dead)} of {of} nodes died within {window_ms} ms"
        pull = PullBrake(len(dead), of, window_ms, cause)
        if pull == self._refused:
            return None
        self.asked = pull
        return pull

    def answered(self, *, pulled: bool) -> None:
        """The brake knows. If it is not pulled then (unarmed, or just released), these deaths were told of only."""
        if not pulled:
            self.asked = None
            self._deaths.clear()

    def refused(self) -> None:
        """The brake was configured otherwise than was read so far."""
        self._refused, self.asked = self.asked, None

    @property
    def suspected(self) -> int:
        """How many nodes were silent for half their timeout, and have not died, left or had time to speak since."""
        return sum(until > self._now_ms for until in self._suspects.values())

    def holds(self, live: Collection[str]) -> bool:
        """Say whether sessions that ended by silence have to wait."""
        if self.brake.pulled:
            return True
        return self.brake.settings.armed and (self.asked is not None or self._looms(live))

    def _looms(self, live: Collection[str]) -> bool:
        now_ms = self._now_ms
        self._suspects = {node: until for node, until in self._suspects.items() if until > now_ms}
        if not self._suspects:
            return False
        dead = self._dead()
        return self._are_many(len(dead.union(self._suspects)), _of(dead, live))

    def _dead(self) -> set[str]:
        since_ms = self._now_ms - self.brake.settings.window_ms
        self._deaths = {node: at_ms for node, at_ms in self._deaths.items() if at_ms > since_ms}
        return set(self._deaths)

    def _are_many(self, count: int, of: int) -> bool:
        settings = self.brake.settings
        return count >= settings.min_dead and count * 100 >= settings.fraction * of


def _of(dead: set[str], live: Collection[str]) -> int:
    """Return how many nodes there were: those that have come back are dead and live."""
    return len(live) + sum(node not in live for node in dead)
