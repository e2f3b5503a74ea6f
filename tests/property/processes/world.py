"""Partitions that decide by the real decider, detectors that hear of it late, and a naive judge who sees all."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.locks import decider
from streams.domain.locks.commands import (
    AbortWait,
    AcquireLock,
    DowngradeLock,
    Mode,
    ReleaseLock,
    Transaction,
    UpgradeLock,
    WaitEdge,
    WithdrawLock,
)
from streams.domain.locks.state import FREE, Lock
from streams.log.positions import PartitionId
from streams.processes.deadlocks.detector import Abort, DeadlockDetector, Effect, SendBarrier
from tests.property.processes import naive

PARTITIONS = tuple(PartitionId("locks", number) for number in range(3))
LOCKS_EACH = 2
ACTORS = 6
TENANT = "t"
Change = tuple[str, Any]


@dataclass(frozen=True)
class Step:
    """One thing that happens; the numbers pick among what is there."""

    verb: str
    actor: int = 0
    lock: int = 0
    pick: int = 0
    mode: Mode = "EXCLUSIVE"
    priority: int = 0


@dataclass
class Partition:
    """One partition's truth: the locks, and its log as (events so far, changes)."""

    where: PartitionId
    locks: dict[str, Lock] = field(default_factory=dict)
    events: int = 0
    log: list[tuple[int, list[Change]]] = field(default_factory=list)


@dataclass
class Observer:
    """One detector with its tails and with what it has under way."""

    detector: DeadlockDetector = field(default_factory=DeadlockDetector)
    read: dict[PartitionId, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    under_way: deque[Effect] = field(default_factory=deque)
    answered: deque[tuple[SendBarrier, int]] = field(default_factory=deque)
    """Barriers that were decided; the detector does not know yet."""
    seen: dict[int, frozenset[WaitEdge]] = field(default_factory=dict)
    """All true edges at the moment that each candidate's barriers were sent."""


class World:
    """Everything, and the checks."""

    def __init__(self, detectors: int) -> None:
        self.partitions = {where: Partition(where) for where in PARTITIONS}
        self.observers = [Observer() for _ in range(detectors)]
        self.now = 1_000
        self.sequence = 0
        self.aborts = 0

    # ── steps ───────────────────────────────────────────────────────────────────────────────────────────────

    def play(self, step: Step) -> None:
        """Let one thing happen."""
        partition = self.partitions[PARTITIONS[step.lock % len(PARTITIONS)]]
        name = f"{partition.where.partition}.{step.lock // len(PARTITIONS) % LOCKS_EACH}"
        if step.verb not in {"read", "command", "deliver"}:
            self._user(step, partition, name)
        elif self.observers:
            self._observe(step, partition, self.observers[step.actor % len(self.observers)])

    def _observe(self, step: Step, partition: Partition, observer: Observer) -> None:
        match step.verb:
            case "read":
                self._read(observer, partition.where, 1 + step.pick % 3)
            case "command":
                self._do_one(observer, step.pick)
            case "deliver" if observer.answered:
                observer.answered.rotate(-step.pick)
                barrier, number = observer.answered.popleft()
                self._take(observer, observer.detector.passed(barrier, number))
            case _:
                pass

    def restart(self) -> None:
        """Start a detector where a read model may stand: in each partition at another place of its log."""
        observer = Observer()
        self.observers.append(observer)
        for place, partition in enumerate(self.partitions.values()):
            read = len(partition.log) * place // len(PARTITIONS)
            locks: dict[str, Lock] = {}
            for _, changes in partition.log[:read]:
                for key, event in changes:
                    locks[key] = decider.evolve(locks.get(key, FREE), event)
            observer.read[partition.where] = read
            observer.detector.restore(partition.where, partition.log[read - 1][0] if read else 0, locks)
        self._take(observer, observer.detector.look())

    def settle(self) -> None:
        """Let everything arrive and be done, in turns, until nothing more happens."""
        for _ in range(10_000):
            busy = [self._settle(observer) for observer in self.observers]
            if not any(busy):
                return
        raise AssertionError("detectors never come to rest")

    def _settle(self, observer: Observer) -> bool:
        busy = False
        for where in PARTITIONS:
            busy |= self._read(observer, where, 1_000)
        while observer.under_way:
            self._do_one(observer, 0)
            busy = True
        while observer.answered:
            self._take(observer, observer.detector.passed(*observer.answered.popleft()))
            busy = True
        return busy

    # ── users ───────────────────────────────────────────────────────────────────────────────────────────────

    def _user(self, step: Step, partition: Partition, name: str) -> None:
        who = Requester("app", f"c{step.actor}", "h", self._next())
        lock = partition.locks.get(f"{TENANT}/{name}", FREE)
        held = next((h for h in lock.holders if h.client == who.client), None)
        match step.verb:
            case "pass":
                self.now += 1 + step.pick * 6
                self._tick()
            case "acquire":
                # the last actor has no transaction
                transaction = (
                    Transaction(f"T{step.actor}", step.actor % 4) if step.actor < ACTORS - 1 else None
                )
                ttl_ms, wait_ms = (100 if step.pick == 7 else 80_000), (60 if step.pick == 5 else 80_000)
                acquire = AcquireLock(
                    name, step.mode, ttl_ms, wait_ms, step.priority, 30 if step.pick == 3 else 0, transaction
                )
                self._decide(partition, name, acquire, who)
            case "release" if held is not None:
                self._decide(partition, name, ReleaseLock(name, held.token), who)
            case "upgrade" if held is not None:
                self._decide(partition, name, UpgradeLock(name, held.token, 80_000), who)
            case "downgrade" if held is not None:
                self._decide(partition, name, DowngradeLock(name, held.token), who)
            case "withdraw":
                waits = [w.sequence for w in lock.waiters if w.client == who.client]
                if waits:
                    self._decide(partition, name, WithdrawLock(name, waits[0]), who)
            case _:
                pass

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence

    def _tick(self) -> None:
        for partition in self.partitions.values():
            for key, lock in list(partition.locks.items()):
                due = decider.next_deadline(lock)
                if due is not None and due <= self.now:
                    self._decide(partition, key.partition("/")[2], Tick(), TIMER)

    def _decide(self, partition: Partition, name: str, command: Any, who: Requester) -> Any:
        key = f"{TENANT}/{name}"
        lock = partition.locks.get(key, FREE)
        decision = decider.decide(command, who, lock, Context(self.now, 0, partition.events + 1))
        for event in decision.events:
            lock = decider.evolve(lock, event)
        partition.locks[key] = lock
        partition.events += len(decision.events)
        if decision.events:
            partition.log.append((partition.events, [(key, event) for event in decision.events]))
        return decision.reply

    # ── detectors ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, observer: Observer, where: PartitionId, count: int) -> bool:
        start = observer.read[where]
        commits = self.partitions[where].log[start : start + count]
        for events, changes in commits:
            observer.detector.fold(where, events, changes)
        observer.read[where] += len(commits)
        self._take(observer, observer.detector.look())
        return bool(commits)

    def _take(self, observer: Observer, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendBarrier):
                observer.seen.setdefault(effect.candidate, self.edges())
            else:
                self._judge(observer, effect)
            observer.under_way.append(effect)

    def _do_one(self, observer: Observer, pick: int) -> None:
        """Have one barrier or abort decided, not always the oldest, sometimes (7) twice."""
        if not observer.under_way:
            return
        observer.under_way.rotate(-(pick % 3))
        effect = observer.under_way.popleft()
        if pick == 7:
            observer.under_way.append(effect)
        if not observer.detector.wants(effect):
            return
        partition = self.partitions[effect.where]
        if isinstance(effect, SendBarrier):
            observer.answered.append((effect, partition.events + 1))
        else:
            command = AbortWait(effect.name, effect.ticket, effect.cycle)
            self._decide(partition, effect.name, command, Requester("app", "detector", "", self._next()))

    # ── the judge ───────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, observer: Observer, abort: Abort) -> None:
        self.aborts += 1
        true = observer.seen[abort.candidate]
        assert set(abort.cycle) <= true, (
            f"{set(abort.cycle) - true} did not stand when the barriers were sent"
        )
        follows = zip(abort.cycle, (*abort.cycle[1:], abort.cycle[0]), strict=True)
        assert all(one.blocker == next_.transaction for one, next_ in follows), "no circle"
        ages = [(int(e.transaction[1:]) % 4, e.transaction) for e in abort.cycle if e.transaction]
        victim = abort.cycle[0]
        assert (int(victim.transaction[1:]) % 4, victim.transaction) == max(ages), "not the youngest"
        assert victim.ticket == abort.ticket

    def edges(self) -> frozenset[WaitEdge]:
        """Return all that wait for another now."""
        return frozenset(edge for edge, _, _ in self._all_edges())

    def circles(self) -> set[naive.Node]:
        """Return the nodes that are in a circle now."""
        return naive.circular((one, other) for _, one, other in self._all_edges())

    def _all_edges(self) -> Iterator[tuple[WaitEdge, naive.Node, naive.Node]]:
        for partition in self.partitions.values():
            for key, lock in partition.locks.items():
                yield from naive.edges(partition.where, key, lock)
