"""What the logs say of deadlocks: each that was broken, and whether it was one. Knows nothing of the detector."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from storage.kafka.log import KafkaTopicReader
from streams.domain.locks.commands import Transaction
from streams.domain.locks.events import (
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.kind import LOCKS
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary

PARTITIONS = [PartitionId("locks", number) for number in range(4)]
WORDS = Vocabulary(LOCKS)


@dataclass
class Stay:
    """One hold or wait: from when to when, by the broker's clock."""

    key: str
    mode: str
    transaction: Transaction
    since_ms: float
    until_ms: float = inf


@dataclass
class Proof:
    """All stays by (partition, token or ticket), and all aborts."""

    stays: dict[tuple[PartitionId, int], Stay] = field(default_factory=dict)
    aborts: list[tuple[PartitionId, LockWaitAborted]] = field(default_factory=list)
    timed_out: int = 0

    def take(self, accepted: AcceptedCommit) -> None:
        """Take what a commit says."""
        for decided in accepted.decided:
            for event in decided.events:
                self._event(accepted, decided.decision.key, event)

    def _event(self, at: AcceptedCommit, key: str, event: Any) -> None:
        now, where = at.time_ms, at.where
        match event:
            case LockGranted():
                if event.ticket is not None:
                    self.stays[where, event.ticket].until_ms = now
                self.stays[where, event.token] = _stay(key, event, now)
            case LockWaitStarted():
                self.stays[where, event.ticket] = _stay(key, event, now)
            case LockReleased() | LockExpired():
                self.stays[where, event.token].until_ms = now
            case LockWaitAborted() | LockWaitTimedOut() | LockWaitWithdrawn():
                self.stays[where, event.ticket].until_ms = now
                if isinstance(event, LockWaitAborted):
                    self.aborts.append((where, event))
                self.timed_out += isinstance(event, LockWaitTimedOut)
            case LockUpgraded() | LockDowngraded():
                raise AssertionError("nobody here changes a mode")
            case _:
                pass

    def check(self) -> None:
        """Fail on an abort that broke no deadlock, or took another than its youngest."""
        places = {ticket: where for where, ticket in self.stays}
        assert places
        for where, abort in self.aborts:
            self._check(where, abort)

    def _check(self, where: PartitionId, abort: LockWaitAborted) -> None:
        cycle = abort.cycle
        since, until = 0.0, inf
        ages = []
        for edge, after in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            waiter, blocker = self._of(edge.lock, edge.ticket), self._of(edge.lock, edge.blocker_token)
            assert waiter.transaction.id == edge.transaction
            assert blocker.transaction.id == edge.blocker == after.transaction
            assert "EXCLUSIVE" in {waiter.mode, blocker.mode}, "two who share are in nobody's way"
            since = max(since, waiter.since_ms, blocker.since_ms)
            until = min(until, waiter.until_ms, blocker.until_ms)
            ages.append((waiter.transaction.started_ms, waiter.transaction.id))
        assert since <= until, f"at no moment did all of {cycle} stand"
        victim = self.stays[where, abort.ticket].transaction
        assert (victim.started_ms, victim.id) == max(ages)

    def _of(self, lock: str, number: int) -> Stay:
        found = [
            stay for (_, each), stay in self.stays.items() if each == number and stay.key.endswith(f"/{lock}")
        ]
        assert len(found) == 1
        return found[0]


def _stay(key: str, event: LockGranted | LockWaitStarted, now: int) -> Stay:
    assert event.terms is not None
    assert event.terms.transaction is not None
    return Stay(key, event.mode, event.terms.transaction, now)


async def read(kafka: str) -> Proof:
    """Read all logs to their end."""
    proof = Proof()
    for where in PARTITIONS:
        log, reader = KafkaTopicReader(kafka, where.log_topic, where.partition), CommitReader(where, WORDS)
        _, end = await log.bounds()
        async for records in log.read(0, end):
            for stored in records:
                accepted = reader.read(stored)
                if accepted is not None:
                    proof.take(accepted)
    return proof
