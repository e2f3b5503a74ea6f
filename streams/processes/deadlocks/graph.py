"""All locks as the logs tell them so far, and who waits and holds where. Pure.

Of a holder without a transaction it keeps the lock's state and nothing else: nobody's circle goes through it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streams.domain.locks.events import (
    LockExpired,
    LockGranted,
    LockReleased,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.evolve import evolve
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.state import FREE, Lock, holder_index
from streams.log.positions import PartitionId
from streams.processes.deadlocks.blockers import Blocker, Reach, blockers, index_of, number_of
from streams.processes.deadlocks.edges import Edge, Node, Wait, node_of, transaction_of

LOCK_EVENTS: Final = frozenset(LOCKS.events)


class WaitGraph:
    """The wait-for graph. Edges are not stored: they follow from the locks' states."""

    def __init__(self) -> None:
        self.changed: dict[Node, None] = {}
        """Nodes that got an edge, or were got an edge to, since somebody last cleared this."""
        self._locks: dict[PartitionId, dict[str, Lock]] = {}
        self._waits: dict[Node, dict[Wait, None]] = {}
        self._holds: dict[Node, dict[tuple[PartitionId, str], int]] = {}

    def restore(self, where: PartitionId, locks: Mapping[str, Lock]) -> None:
        """Take the locks of a partition as they stand; every wait counts as new."""
        self._locks[where] = dict(locks)
        for key, lock in locks.items():
            for holder in lock.holders:
                self._held(where, key, holder, +1)
            for waiter in lock.waiters:
                self._started(where, key, waiter)

    def fold(self, where: PartitionId, key: str, event: Any) -> None:
        """Move the lock `key` on by one event. What is no lock's own event changes nothing."""
        if type(event) not in LOCK_EVENTS:
            return
        locks = self._locks.setdefault(where, {})
        before = locks.get(key, FREE)
        after = evolve(before, event)
        if after is FREE:
            locks.pop(key, None)
        else:
            locks[key] = after
        match event:
            case LockWaitStarted():
                self._started(where, key, after.waiters[event.position - 1])
            case LockGranted():
                self._ended(where, key, before, event.ticket)
                self._held(where, key, after.holders[-1], +1)
                self._passed_the_queue(where, key, after, event.ticket)
            case LockReleased() | LockExpired():
                self._held(where, key, before.holders[holder_index(before.holders, event.token) or 0], -1)
            case LockUpgraded():
                self._ended(where, key, before, event.ticket)
                self._passed_the_queue(where, key, after, event.ticket)
            case LockWaitTimedOut() | LockWaitWithdrawn() | LockWaitAborted():
                self._ended(where, key, before, event.ticket)
            case _:
                pass

    def edges_from(self, node: Node, reach: Reach) -> Iterator[Edge]:
        """Yield the edges of `node` to those of its waits' blockers that `reach` names, itself left out."""
        for wait in self._waits.get(node, ()):
            lock = self._lock(wait.where, wait.key)
            index = index_of(lock, wait.ticket)
            assert index is not None, "the index of waits and the locks tell the same"
            for blocker in reach(lock, index):
                other = node_of(wait.where, wait.key, blocker)
                if other is not None and other != node:
                    yield Edge(node, wait, transaction_of(lock.waiters[index]), other, number_of(blocker))

    def is_awaited(self, node: Node) -> bool:
        """Say whether anybody may wait for `node`: it holds what somebody waits for, or somebody queues behind it."""
        if any(self._lock(*place).waiters for place in self._holds.get(node, ())):
            return True
        waits = self._waits.get(node, ())
        return any(self._lock(wait.where, wait.key).waiters[-1].ticket != wait.ticket for wait in waits)

    def is_waiting(self, wait: Wait) -> bool:
        """Say whether the ticket still waits."""
        return index_of(self._lock(wait.where, wait.key), wait.ticket) is not None

    def stands(self, edge: Edge) -> bool:
        """Say whether the edge is as it was: the same ticket, kept waiting by the same token or ticket."""
        lock = self._lock(edge.wait.where, edge.wait.key)
        index = index_of(lock, edge.wait.ticket)
        return index is not None and any(number_of(one) == edge.number for one in blockers(lock, index))

    def _lock(self, where: PartitionId, key: str) -> Lock:
        return self._locks.get(where, {}).get(key, FREE)

    def _started(self, where: PartitionId, key: str, waiter: Blocker) -> None:
        node = node_of(where, key, waiter)
        assert node is not None, "whoever waits is a node"
        self._waits.setdefault(node, {})[Wait(where, key, number_of(waiter))] = None
        self.changed[node] = None

    def _ended(self, where: PartitionId, key: str, before: Lock, ticket: int | None) -> None:
        index = None if ticket is None else index_of(before, ticket)
        if index is None:
            return
        waiter = before.waiters[index]
        node = node_of(where, key, waiter)
        assert node is not None, "whoever waits is a node"
        waits = self._waits[node]
        del waits[Wait(where, key, waiter.ticket)]
        if not waits:
            del self._waits[node]

    def _held(self, where: PartitionId, key: str, holder: Blocker, change: int) -> None:
        node = node_of(where, key, holder)
        if node is None:
            return
        holds, place = self._holds.setdefault(node, {}), (where, key)
        holds[place] = holds.get(place, 0) + change
        if not holds[place]:
            del holds[place]
        if not holds:
            del self._holds[node]

    def _passed_the_queue(self, where: PartitionId, key: str, after: Lock, ticket: int | None) -> None:
        """Whoever got what it did not wait for is new to all who wait."""
        if ticket is None and after.waiters:
            node = node_of(where, key, after.holders[-1])
            if node is not None:
                self.changed[node] = None
