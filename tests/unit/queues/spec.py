"""`queue(settings).when(command, by).then(events).answers(reply)`, for queues.

Generation 0, so that the token of an event is its number, counted from 1. Time is 0 unless `at` moves it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Settled, Tick
from streams.domain.queues import commands as c
from streams.domain.queues import decider
from streams.domain.queues import events as e
from streams.domain.queues.commands import Command, Header, NewMessage, Origin, Receipt
from streams.domain.queues.replies import Delivery, EnqueueResult, MessagesAccepted, Reply
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.queues.standing import standing
from streams.domain.queues.state import Queue, members
from streams.domain.session import SessionGone

NAME = "orders"
LEASE = 30_000
SETTINGS = QueueSettings(
    max_attempts=3,
    lease_ms=LEASE,
    backoff_min_ms=1_000,
    backoff_max_ms=60_000,
    backoff_factor=200,
    jitter=0,
    dead_letter_queue=None,
    dedup_window_ms=300_000,
    max_depth=1_000,
    max_bytes=1_000_000,
    overflow="REFUSE",
    max_payload_bytes=131_072,
    default_priority=4,
    aging_ms=0,
    paused=False,
    broadcast=False,
)
ROUTE = QueueRoute(1, 1, 1)


def new(
    payload: bytes = b"x",
    *,
    group: str | None = None,
    key: str | None = None,
    priority: int = -1,
    delay_ms: int = 0,
    dedup_id: str | None = None,
    headers: tuple[Header, ...] = (),
    home: int = 0,
    origin: Origin | None = None,
) -> NewMessage:
    return NewMessage(payload, group, key, priority, delay_ms, dedup_id, headers, home, origin)


def who(name: str = "a", sequence: int = 1, principal: str = "alice") -> Requester:
    return Requester(principal, f"client-{name}", name, sequence)


def kept(
    payload: bytes = b"x", *, group: str | None = None, priority: int = 4, ready_at: int = 0, **rest: Any
) -> e.EnqueuedMessage:
    known: dict[str, Any] = {"key": None, "dedup_id": None, "headers": (), "stray": False, "origin": None}
    return e.EnqueuedMessage(payload, group, priority=priority, ready_at=ready_at, **(known | rest))


def put(*messages: NewMessage, epoch: int = 0, shard: int = 0) -> c.EnqueueMessages:
    return c.EnqueueMessages(NAME, shard, epoch, messages)


def take(most: int = 1, *, wait_ms: int = 0, lease_ms: int = 0, subscription: str = "") -> c.ReceiveMessages:
    return c.ReceiveMessages(NAME, 0, subscription, most, wait_ms, lease_ms)


def accepted(*results: tuple[int, Any]) -> MessagesAccepted:
    return MessagesAccepted(1, tuple(EnqueueResult(number, outcome) for number, outcome in results))


def receipts(*pairs: tuple[int, int]) -> tuple[Receipt, ...]:
    return tuple(Receipt(number, token) for number, token in pairs)


def ack(*pairs: tuple[int, int], subscription: str = "") -> c.AckMessages:
    return c.AckMessages(NAME, 0, subscription, receipts(*pairs))


def nack(
    *pairs: tuple[int, int], delay_ms: int = -1, reason: str = "", returned: bool = False
) -> c.NackMessages:
    return c.NackMessages(NAME, 0, "", receipts(*pairs), delay_ms, reason, returned)


def extend(*pairs: tuple[int, int], lease_ms: int = 0) -> c.ExtendLeases:
    return c.ExtendLeases(NAME, 0, "", receipts(*pairs), lease_ms)


def redrive(*numbers: int, limit: int = 500, **changed: Any) -> c.RedriveMessages:
    asked: dict[str, Any] = {"group": None, "reason": None, "to": None, "dry_run": False, "after": 0}
    return c.RedriveMessages(NAME, 0, "", numbers, limit=limit, **(asked | changed))


def purge(state: c.State, limit: int = 100, after: int = 0, subscription: str = "") -> c.PurgeMessages:
    return c.PurgeMessages(NAME, 0, subscription, state, limit, after)


def peek(state: c.State | None = None, after: int = 0, limit: int = 100) -> c.PeekMessages:
    return c.PeekMessages(NAME, 0, "", state, after, limit)


def queue(*, route: QueueRoute = ROUTE, **changed: Any) -> Spec:
    """A queue that is there; `changed` are settings. Its incarnation is 1, the next token 2."""
    created = c.CreateQueue(NAME, 0, replace(SETTINGS, **changed), route)
    return Spec(decider.initial(NAME), 0, 1, None).when(created)


class Spec:
    """A shard, a time, and the decision last taken on it."""

    def __init__(
        self, state: Queue, now: int, number: int, decision: Decision[e.Event, Reply] | None
    ) -> None:
        self.state, self.now, self.number, self._decision = state, now, number, decision

    def at(self, now: int) -> Spec:
        return Spec(self.state, now, self.number, self._decision)

    def when(self, command: Command, by: str = "a", sequence: int = 1, principal: str = "alice") -> Spec:
        return self._decide(command, who(by, sequence, principal))

    def when_by(self, requester: Requester, command: Command | SessionGone) -> Spec:
        return self._decide(command, requester)

    def tick(self) -> Spec:
        return self._decide(Tick(), TIMER)

    def _decide(self, command: Command | Tick | SessionGone, requester: Requester) -> Spec:
        decision = decider.decide(command, requester, self.state, Context(self.now, 0, self.number))
        state = self.state
        for event in decision.events:
            state = decider.evolve(state, event)
        assert decision.after is None or decision.after == state
        return Spec(state, self.now, self.number + len(decision.events), decision)

    @property
    def decision(self) -> Decision[e.Event, Reply]:
        assert self._decision is not None, "when() comes first"
        return self._decision

    @property
    def reply(self) -> Any:
        return self.decision.reply

    def then(self, *events: e.Event) -> Spec:
        assert self.decision.events == events
        return self

    def answers(self, reply: Reply, *, waiting: bool = False) -> Spec:
        assert self.decision.reply == reply
        assert self.decision.waiting is waiting
        return self

    def refuses(self, code: str, *hints: str) -> Spec:
        reply = self.decision.reply
        assert isinstance(reply, Rejected)
        assert (reply.code, self.decision.events, self.decision.waiting) == (code, (), False)
        for hint in hints:
            assert hint in reply.message, reply.message
        return self

    def settles(self, *settled: tuple[str, int, Any]) -> Spec:
        """Each is (who, sequence, numbers), or (who, sequence, code) for a rejection."""
        found = [s for event in self.decision.events if (s := decider.settles(event)) is not None]
        assert [_plain(s) for s in found] == list(settled)
        return self

    def due(self, deadline: int | None) -> Spec:
        assert decider.next_deadline(self.state) == deadline
        return self

    def gets(self, *numbers: int) -> Spec:
        """The delivery that was answered has these messages."""
        assert [each.message for each in self.reply.messages] == list(numbers)
        return self

    def stands(self, subscription: str = "", **states: str) -> Spec:
        """Messages m1, m2, ... stand so; there are no others."""
        sub = self.state.subscriptions[subscription]
        found = {f"m{number}": standing(sub, number) for number, _ in members(self.state, sub).after(0)}
        assert found == states
        return self


def _plain(settled: Settled) -> tuple[str, int, Any]:
    reply = settled.reply
    if isinstance(reply, Rejected):
        return settled.client.removeprefix("client-"), settled.sequence, reply.code
    assert isinstance(reply, Delivery)
    return settled.client.removeprefix("client-"), settled.sequence, [m.message for m in reply.messages]
