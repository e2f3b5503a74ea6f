"""One lock under random commands and virtual time, checked after every step. Not a test itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Tick
from streams.domain.locks import acquire, decider, draft, state
from streams.domain.locks.commands import (
    AbortWait,
    AcquireLock,
    Command,
    DowngradeLock,
    InspectLock,
    Mode,
    ReleaseLock,
    RenewLock,
    Transaction,
    UpgradeLock,
    WaitEdge,
    WithdrawLock,
)
from streams.domain.locks.events import Event
from streams.domain.locks.replies import LockHeld, LockWaiting, LockWithdrawn, Reply, WaitAborted
from streams.domain.locks.state import FREE
from tests.property.locks.ledger import Ledger

NAME = "lock"
CYCLE = (WaitEdge("t1", "lock", 1, "t2", 2),)


@dataclass(frozen=True)
class Limits:
    """The bounds, small enough to be met by chance."""

    events: int = 3
    overtaken: int = 2
    sharers: int = 4
    waiters: int = 6

    @contextmanager
    def applied(self) -> Iterator[None]:
        with (
            patch.object(draft, "MAX_EVENTS", self.events),
            patch.object(acquire, "MAX_OVERTAKEN", self.overtaken),
            patch.object(state, "MAX_SHARERS", self.sharers),
            patch.object(acquire, "MAX_WAITERS", self.waiters),
        ):
            yield


@dataclass(frozen=True)
class Step:
    """One random step: what, by whom, `pick` chooses among what there is to be named."""

    verb: str
    actor: int = 0
    pick: int = 0
    mode: Mode = "EXCLUSIVE"
    ttl_ms: int = 100
    wait_ms: int = 0
    priority: int = 0
    lock_delay_ms: int = 0


class World:
    """Plays steps on one lock, live and in the ledger."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ledger = Ledger(limits.overtaken)
        self.state = FREE
        self.now = 0
        self.number = 1
        self.sequence = 0
        self.log: list[Event] = []

    def play(self, step: Step) -> None:
        if step.verb == "pass":
            self.now += step.pick
        elif step.verb == "tick":
            self.tick()
        else:
            self.sequence += 1
            who = Requester("alice", f"c{step.actor % 2}", f"h{step.actor}", self.sequence)
            self.command(self._command(step), who)

    def _command(self, step: Step) -> Command:
        match step.verb:
            case "acquire":
                transaction = Transaction(f"t{step.actor}", step.pick) if step.pick % 2 else None
                wishes = (step.ttl_ms, step.wait_ms, step.priority, step.lock_delay_ms, transaction)
                return AcquireLock(NAME, step.mode, *wishes)
            case "renew":
                return RenewLock(NAME, self._token(step), step.ttl_ms)
            case "release":
                return ReleaseLock(NAME, self._token(step))
            case "upgrade":
                return UpgradeLock(NAME, self._token(step), step.wait_ms)
            case "downgrade":
                return DowngradeLock(NAME, self._token(step))
            case "withdraw":
                known = [sequence for _, sequence in self.ledger.started] or [self.sequence - 1]
                return WithdrawLock(NAME, known[-1 - step.pick % len(known)])
            case "abort":
                tickets = [*self.ledger.waits, 1]
                return AbortWait(NAME, tickets[step.pick % len(tickets)], CYCLE)
            case _:
                return InspectLock(NAME)

    def _token(self, step: Step) -> int:
        """Mostly the actor's own token, else somebody's, else nobody's."""
        own = [token for token, lease in self.ledger.leases.items() if lease.who[2] == f"h{step.actor}"]
        if own and step.pick % 4:
            return own[0]
        tokens = [*self.ledger.leases, 1]
        return tokens[step.pick % len(tokens)]

    def command(self, command: Command, who: Requester) -> Decision[Event, Reply]:
        was_due = self._due()
        decision = self._decide(command, who)
        self._check_answer(command, who, decision)
        if not was_due and len(decision.events) < self.limits.events:
            assert not self._due(), "left to the timer what was its own to do"
        self._repeat_is_harmless(command, who, decision)
        return decision

    def tick(self) -> None:
        """One Tick: something happens iff something was due."""
        was_due = self._due()
        decision = self._decide(Tick(), TIMER)
        if not was_due:
            assert decision.events == (), "a Tick that was not due did something"
            return
        assert decision.events, "a due Tick did nothing"
        if self._due():
            assert len(decision.events) >= self.limits.events, "stopped early"

    def ticks(self) -> None:
        """Tick until nothing is due; then nobody holds or waits past its time, and nobody waits for nothing."""
        for _ in range(1_000):
            if not self._due():
                break
            self.tick()
        else:
            raise AssertionError("Ticks without end")
        assert all(lease.expires_at > self.now for lease in self.ledger.leases.values())
        assert all(waiter.wait_until > self.now for waiter in self.state.waiters)
        if not self.state.delay_until:
            assert state.grantable(self.state) is None, "a lost wake-up"
            assert self.state.holders or not self.state.waiters, "waiting for nobody"

    def run_out(self) -> None:
        """Let time pass until the lock is forgotten: every wait must have ended, once."""
        for _ in range(1_000):
            self.ticks()
            deadline = decider.next_deadline(self.state)
            if deadline is None:
                break
            self.now = deadline
        else:
            raise AssertionError("never at rest")
        assert self.state == FREE
        assert sorted(self.ledger.settled) == sorted(self.ledger.started), "a wait without an end"

    def _decide(self, command: Command | Tick, who: Requester) -> Decision[Event, Reply]:
        context = Context(now=self.now, generation=0, next_number=self.number)
        before = repr(self.state)
        decision = decider.decide(command, who, self.state, context)
        assert decider.decide(command, who, self.state, context) == decision, "not deterministic"
        assert repr(self.state) == before, "the state was changed in place"
        assert len(decision.events) <= self.limits.events + 3, "too many events"
        priority = command.priority if isinstance(command, AcquireLock) else None
        for index, event in enumerate(decision.events):
            self.state = decider.evolve(self.state, event)
            self.ledger.record(event, context.token(index), self.now, priority)
            self._agrees()
        self.number += len(decision.events)
        self.log.extend(decision.events)
        return decision

    def _due(self) -> bool:
        deadline = decider.next_deadline(self.state)
        return deadline is not None and deadline <= self.now

    def _agrees(self) -> None:
        ledger = self.ledger
        live = {
            h.token: ((h.principal, h.client, h.handle), h.mode, h.expires_at) for h in self.state.holders
        }
        assert live == {token: (x.who, x.mode, x.expires_at) for token, x in ledger.leases.items()}
        assert sorted(waiter.ticket for waiter in self.state.waiters) == sorted(ledger.waits)
        assert self.state.delay_until == ledger.delay_until
        if not (ledger.leases or ledger.waits or ledger.delay_until):
            assert self.state == FREE, "a free lock is not the initial state"

    def _check_answer(self, command: Command, who: Requester, decision: Decision[Event, Reply]) -> None:
        ledger, reply = self.ledger, decision.reply
        assert decision.waiting == isinstance(reply, LockWaiting)
        if isinstance(reply, Rejected):
            assert decision.events == (), "a rejection with events"
        elif isinstance(reply, LockHeld):
            lease = ledger.leases[reply.token]
            assert lease.who == (who.principal, who.client, who.handle)
            assert (lease.mode, lease.expires_at) == (reply.mode, reply.expires_at)
            assert lease.expires_at > self.now, "told that it holds what is over"
        elif isinstance(reply, LockWaiting):
            assert self.state.waiters[reply.position - 1].ticket == reply.ticket
        if isinstance(command, WithdrawLock):
            gone = (who.client, command.acquire_sequence)
            assert all((w.who[1], w.sequence) != gone for w in ledger.waits.values()), "left a waiter behind"

    def _repeat_is_harmless(self, command: Command, who: Requester, first: Decision[Event, Reply]) -> None:
        """The same wish once more, as a new command: nothing more happens to the lock."""
        if isinstance(command, RenewLock | InspectLock) or isinstance(first.reply, Rejected):
            return
        context = Context(now=self.now, generation=0, next_number=self.number)
        if self._due():
            return
        again = decider.decide(command, who, self.state, context)
        assert again.events == ()
        match first.reply:
            case LockHeld():
                assert again.reply == first.reply or isinstance(command, UpgradeLock)
            case LockWithdrawn(outcome="DOWNGRADED"):
                assert again.reply == first.reply
            case LockWithdrawn():
                assert again.reply == LockWithdrawn("NOTHING", None)
            case WaitAborted():
                assert again.reply == WaitAborted(first.reply.ticket, aborted=False)
            case _:
                assert isinstance(again.reply, Rejected)
