"""Locks on two partitions, and a detector that is told of every event at once."""

from streams.domain.decider import Context, Requester
from streams.domain.locks import decider
from streams.domain.locks.commands import (
    AbortWait,
    AcquireLock,
    Command,
    DowngradeLock,
    Mode,
    ReleaseLock,
    Transaction,
    UpgradeLock,
)
from streams.domain.locks.events import Event
from streams.domain.locks.state import FREE, Lock
from streams.log.positions import PartitionId
from streams.processes.deadlocks.detector import Abort, DeadlockDetector, Effect, SendBarrier

P0, P1 = PartitionId("locks", 0), PartitionId("locks", 1)
FOR_LONG_MS = 60_000


class Scene:
    """Locks by name; a name that begins with `q` lies in partition 1, all others in 0."""

    def __init__(self, detector: DeadlockDetector | None = None) -> None:
        self.detector = detector or DeadlockDetector()
        self.locks: dict[str, Lock] = {}
        self.events = {P0: 0, P1: 0}
        self.decided: list[tuple[PartitionId, str, tuple[Event, ...]]] = []
        """(partition, key, events) of all decisions."""
        self._sequence = 0

    def acquire(
        self, client: str, name: str, mode: Mode = "EXCLUSIVE", *, priority: int = 0, started_ms: int = 0
    ) -> "Scene":
        """Have the transaction of a client's name (lower case: none) ask for a lock, and wait for it."""
        transaction = Transaction(client, started_ms) if client.isupper() else None
        return self._do(
            client, AcquireLock(name, mode, FOR_LONG_MS, FOR_LONG_MS, priority, transaction=transaction)
        )

    def upgrade(self, client: str, name: str) -> "Scene":
        """Have a sharer ask for more, and wait for it."""
        return self._do(client, UpgradeLock(name, self.token(client, name), FOR_LONG_MS))

    def downgrade(self, client: str, name: str) -> "Scene":
        """Have a holder share."""
        return self._do(client, DowngradeLock(name, self.token(client, name)))

    def release(self, client: str, name: str) -> "Scene":
        """Have a holder let go."""
        return self._do(client, ReleaseLock(name, self.token(client, name)))

    def abort(self, effect: Effect) -> "Scene":
        """Do what the detector wants."""
        assert isinstance(effect, Abort)
        return self._do("detector", AbortWait(effect.name, effect.ticket, effect.cycle))

    def token(self, client: str, name: str) -> int:
        """Return the token of a holder."""
        return next(holder.token for holder in self.locks[name].holders if holder.client == client)

    def pass_barriers(self, effects: list[Effect]) -> list[Effect]:
        """Answer barriers as of now; return what the detector wants then."""
        wanted: list[Effect] = []
        for effect in effects:
            assert isinstance(effect, SendBarrier)
            wanted += self.detector.passed(effect, self.events[effect.where] + 1)
        return wanted

    def aborts(self) -> list[Abort]:
        """Look, and have every barrier answered at once; return the aborts."""
        effects = self.pass_barriers(self.detector.look())
        assert all(isinstance(effect, Abort) for effect in effects)
        return [effect for effect in effects if isinstance(effect, Abort)]

    def _do(self, client: str, command: Command) -> "Scene":
        where, lock = (P1 if command.name.startswith("q") else P0), self.locks.get(command.name, FREE)
        self._sequence += 1
        who = Requester("app", client, "h", self._sequence)
        decision = decider.decide(command, who, lock, Context(1, 0, self.events[where] + 1))
        assert decision.events, decision.reply
        for event in decision.events:
            lock = decider.evolve(lock, event)
        self.locks[command.name] = lock
        self.events[where] += len(decision.events)
        self.decided.append((where, f"dev/{command.name}", decision.events))
        changes = [(f"dev/{command.name}", event) for event in decision.events]
        self.detector.fold(where, self.events[where], changes)
        return self


def circle_of_two(scene: Scene) -> Scene:
    """A holds `p` and waits for `q`; B, the younger, the other way round."""
    scene.acquire("A", "p", started_ms=1).acquire("B", "q", started_ms=2)
    return scene.acquire("A", "q", started_ms=1).acquire("B", "p", started_ms=2)
