"""`given(events).when(command, by).then(events).answers(reply)`, for locks.

Generation 0, so that the token of an event is its number. Time is 0 unless `at` moves it; the next event's
number follows the greatest token or ticket given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Settled, Tick
from streams.domain.locks import decider
from streams.domain.locks.commands import (
    EXCLUSIVE,
    SHARED,
    AbortWait,
    AcquireLock,
    Command,
    DowngradeLock,
    Mode,
    ReleaseLock,
    RenewLock,
    Transaction,
    UpgradeLock,
    WaitEdge,
    WithdrawLock,
)
from streams.domain.locks.events import (
    Event,
    LockGranted,
    LockTerms,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
    WithdrawCause,
)
from streams.domain.locks.replies import Reply
from streams.domain.locks.state import FREE, Lock
from streams.domain.session import SessionGone

NAME = "orders/42"
TTL = 10_000
WAIT = 30_000
DELAY = LockTerms(5_000, None, "")
CYCLE = (WaitEdge("t1", "a", 11, "t2", 7), WaitEdge("t2", "b", 12, "t1", 8))


def who(name: str, sequence: int = 1, session: str = "") -> Requester:
    return Requester("alice", f"client-{name}", name, sequence, session)


def acquire(
    mode: Mode = EXCLUSIVE,
    *,
    ttl_ms: int = TTL,
    wait_ms: int = 0,
    priority: int = 0,
    lock_delay_ms: int = 0,
    transaction: Transaction | None = None,
) -> AcquireLock:
    return AcquireLock(NAME, mode, ttl_ms, wait_ms, priority, lock_delay_ms, transaction)


def renew(token: int, ttl_ms: int = TTL) -> RenewLock:
    return RenewLock(NAME, token, ttl_ms)


def release(token: int) -> ReleaseLock:
    return ReleaseLock(NAME, token)


def upgrade(token: int, wait_ms: int = 0) -> UpgradeLock:
    return UpgradeLock(NAME, token, wait_ms)


def downgrade(token: int) -> DowngradeLock:
    return DowngradeLock(NAME, token)


def withdraw(sequence: int) -> WithdrawLock:
    return WithdrawLock(NAME, sequence)


def abort(ticket: int, cycle: tuple[WaitEdge, ...] = CYCLE) -> AbortWait:
    return AbortWait(NAME, ticket, cycle)


def granted(
    name: str,
    token: int,
    mode: Mode = EXCLUSIVE,
    *,
    at: int = 0,
    sequence: int = 1,
    ticket: int | None = None,
    ttl: int = TTL,
    terms: LockTerms | None = None,
) -> LockGranted:
    w = who(name, sequence)
    return LockGranted(w.principal, w.client, w.handle, sequence, token, mode, ttl, at + ttl, terms, ticket)


def waiting(
    name: str,
    ticket: int,
    mode: Mode = EXCLUSIVE,
    *,
    at: int = 0,
    position: int = 1,
    priority: int = 0,
    sequence: int = 1,
    wait: int = WAIT,
    terms: LockTerms | None = None,
) -> LockWaitStarted:
    w = who(name, sequence)
    return LockWaitStarted(
        w.principal,
        w.client,
        w.handle,
        sequence,
        ticket,
        position,
        mode,
        priority,
        TTL,
        at + wait,
        terms,
        None,
    )


def upgrade_waiting(
    name: str, ticket: int, share: int, *, at: int = 0, sequence: int = 2, wait: int = WAIT
) -> LockWaitStarted:
    w = who(name, sequence)
    return LockWaitStarted(
        w.principal, w.client, w.handle, sequence, ticket, 1, EXCLUSIVE, 9, TTL, at + wait, None, share
    )


def upgraded(
    name: str, share: int, token: int, expires_at: int, *, ticket: int | None = None, sequence: int = 2
) -> LockUpgraded:
    w = who(name, sequence)
    return LockUpgraded(w.principal, w.client, w.handle, sequence, share, token, expires_at, ticket)


def timed_out(name: str, ticket: int, sequence: int = 1) -> LockWaitTimedOut:
    w = who(name, sequence)
    return LockWaitTimedOut(w.principal, w.client, w.handle, sequence, ticket)


def withdrawn(
    name: str, ticket: int, cause: WithdrawCause = "CANCELLED", sequence: int = 1
) -> LockWaitWithdrawn:
    w = who(name, sequence)
    return LockWaitWithdrawn(w.principal, w.client, w.handle, sequence, ticket, cause)


def aborted(name: str, ticket: int, sequence: int = 1) -> LockWaitAborted:
    w = who(name, sequence)
    return LockWaitAborted(w.principal, w.client, w.handle, sequence, ticket, CYCLE)


def sharers(*names: str, first: int = 1) -> tuple[LockGranted, ...]:
    return tuple(granted(name, first + index, SHARED) for index, name in enumerate(names))


def given(*events: Event) -> Spec:
    state = decider.initial(NAME)
    number = 1
    for event in events:
        state = decider.evolve(state, event)
        number = max(number, _number(event) + 1)
    return Spec(state, 0, number, None)


def _number(event: Event) -> int:
    if isinstance(event, LockGranted | LockUpgraded):
        return event.token
    return event.ticket if isinstance(event, LockWaitStarted) else 0


class Spec:
    """A lock, a time, and the decision last taken on it."""

    def __init__(self, state: Lock, now: int, number: int, decision: Decision[Event, Reply] | None) -> None:
        self.state = state
        self.now = now
        self.number = number
        self._decision = decision

    def at(self, now: int) -> Spec:
        return Spec(self.state, now, self.number, self._decision)

    def when(self, command: Command, by: str, sequence: int = 1) -> Spec:
        return self._decide(command, who(by, sequence))

    def when_by(self, requester: Requester, command: Command | SessionGone) -> Spec:
        return self._decide(command, requester)

    def tick(self) -> Spec:
        return self._decide(Tick(), TIMER)

    def _decide(self, command: Command | Tick | SessionGone, requester: Requester) -> Spec:
        context = Context(now=self.now, generation=0, next_number=self.number)
        decision = decider.decide(command, requester, self.state, context)
        state = self.state
        for event in decision.events:
            state = decider.evolve(state, event)
        assert decision.after is None or decision.after == state
        return Spec(state, self.now, self.number + len(decision.events), decision)

    @property
    def decision(self) -> Decision[Event, Reply]:
        assert self._decision is not None, "when() comes first"
        return self._decision

    def then(self, *events: Event) -> Spec:
        assert self.decision.events == events
        return self

    def answers(self, reply: Reply, *, waiting: bool = False) -> Spec:
        assert self.decision.reply == reply
        assert self.decision.waiting is waiting
        return self

    def refuses(self, code: str, *hints: str, retry_after_ms: int | None = None) -> Spec:
        reply = self.decision.reply
        assert isinstance(reply, Rejected)
        assert reply.code == code
        assert self.decision.events == ()
        assert not self.decision.waiting
        assert reply.retry_after_ms == retry_after_ms
        for hint in hints:
            assert hint in reply.message, reply.message
        return self

    def settles(self, *settled: tuple[str, int, Any]) -> Spec:
        """Each is (who, sequence, reply), or (who, sequence, code) for a rejection."""
        found = [s for event in self.decision.events if (s := decider.settles(event)) is not None]
        assert [_plain(s) for s in found] == list(settled)
        return self

    def due(self, deadline: int | None) -> Spec:
        assert decider.next_deadline(self.state) == deadline
        return self

    def free(self) -> Spec:
        assert self.state == FREE
        return self

    def holders(self, *names: str) -> Spec:
        assert tuple(holder.handle for holder in self.state.holders) == names
        return self

    def queue(self, *names: str) -> Spec:
        assert tuple(waiter.handle for waiter in self.state.waiters) == names
        return self

    def repeat(self, times: int, step: Callable[[Spec, int], Spec]) -> Spec:
        spec = self
        for index in range(times):
            spec = step(spec, index)
        return spec


def _plain(settled: Settled) -> tuple[str, int, Any]:
    assert settled.principal == "alice"
    reply = settled.reply
    return (
        settled.client.removeprefix("client-"),
        settled.sequence,
        reply.code if isinstance(reply, Rejected) else reply,
    )
