"""Many deaths at once: whether that is a mass failure, and whether the brake holds. Pure.

Deaths come one by one, so the first half of a mass failure would be swept before it can be told from ordinary deaths.
Therefore suspicions count, too: while so many nodes are dead or about to be, the brake is not pulled, but sessions
that ended by silence wait. That lasts until the suspects have died, or should have.

How long ago that was is told by the time of its own partition's log (`LogTime`), and by this process's clock since it
was read. The logs' times are not compared with each other: one that a broker's clock put ahead once stays ahead, and
all that happens in the others would be long ago. Only of what is read while catching up nothing but the logs' times
tell the age: there the newest counts.
"""

from collections.abc import Collection

from streams.domain.nodes.brake import RELEASED, Brake, evolve
from streams.domain.nodes.commands import PullBrake
from streams.domain.nodes.events import BrakePulled, BrakeReleased, Evidence, OfBrakeEvent
from streams.domain.nodes.limits import BEATS_A_TIMEOUT
from streams.domain.value import value
from streams.log.positions import PartitionId

GRACE_MS = 500
"""How much later than it is due a verdict may stand in the log."""


@value
class Told:
    """When something happened to a node."""

    where: PartitionId
    at_ms: int
    """By the log of its partition."""
    read_s: float | None
    """When it was read, by this process's clock; None: in catching up."""


class MassFailures:
    """The brake of one tenant as its log has it, and what speaks for pulling it."""

    def __init__(self) -> None:
        self.brake: Brake = RELEASED
        self.asked: PullBrake | None = None
        """Asked for, and not seen in the log yet."""
        self._refused: PullBrake | None = None
        self.now_s = 0.0
        """This process's clock, as it is told."""
        self._now_ms: dict[PartitionId, int] = {}
        """To which time each log is read."""
        self._deaths: dict[str, Told] = {}
        """When each node died last."""
        self._suspects: dict[str, tuple[Told, int]] = {}
        """When each was suspected, and within so many ms it has to have died, or it was heard."""

    def pass_time(self, where: PartitionId, at_ms: int) -> None:
        """The log of a partition has come to this time."""
        self._now_ms[where] = at_ms

    def fold(self, event: OfBrakeEvent) -> None:
        """Fold an event of the brake. The deaths that it was pulled for do not count again after its release."""
        self.brake = evolve(self.brake, event)
        if isinstance(event, BrakePulled | BrakeReleased):
            self.asked = None
        if isinstance(event, BrakeReleased):
            self._deaths.clear()

    def suspect(self, node: str, evidence: Evidence, told: Told) -> None:
        """The node is silent for half its timeout."""
        left_ms = evidence.interval_ms * BEATS_A_TIMEOUT - evidence.silent_ms + GRACE_MS
        self._suspects[node] = told, min(left_ms, self.brake.settings.window_ms)

    def die(self, node: str, told: Told) -> None:
        """The node died of silence."""
        self._suspects.pop(node, None)
        self._deaths[node] = told

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
        return sum(self._is_within(told, left_ms) for told, left_ms in self._suspects.values())

    def holds(self, live: Collection[str]) -> bool:
        """Say whether sessions that ended by silence have to wait."""
        if self.brake.pulled:
            return True
        return self.brake.settings.armed and (self.asked is not None or self._looms(live))

    def _looms(self, live: Collection[str]) -> bool:
        self._suspects = {
            node: (told, left_ms)
            for node, (told, left_ms) in self._suspects.items()
            if self._is_within(told, left_ms)
        }
        if not self._suspects:
            return False
        dead = self._dead()
        return self._are_many(len(dead.union(self._suspects)), _of(dead, live))

    def _dead(self) -> set[str]:
        window_ms = self.brake.settings.window_ms
        self._deaths = {node: told for node, told in self._deaths.items() if self._is_within(told, window_ms)}
        return set(self._deaths)

    def _is_within(self, told: Told, ms: int) -> bool:
        """Say whether it is less than so long ago."""
        if told.read_s is None:
            return max(self._now_ms.values()) - told.at_ms < ms
        return self._now_ms[told.where] - told.at_ms < ms and (self.now_s - told.read_s) * 1000 < ms

    def _are_many(self, count: int, of: int) -> bool:
        settings = self.brake.settings
        return count >= settings.min_dead and count * 100 >= settings.fraction * of


def _of(dead: set[str], live: Collection[str]) -> int:
    """Return how many nodes there were: those that have come back are dead and live."""
    return len(live) + sum(node not in live for node in dead)
