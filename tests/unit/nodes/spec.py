"""`node().when(command, by).then(events).answers(reply)`, for nodes, services and the brake.

Generation 0, so that the token of an event is its number, counted from 1. Time is 0 unless `at` moves it.
"""

from __future__ import annotations

from typing import Any

from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Tick
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider
from streams.domain.nodes import events as e
from streams.domain.nodes.heartbeat import Heartbeats
from streams.domain.nodes.inspect import State
from streams.domain.nodes.names import node_of, session_of, token_of
from streams.domain.nodes.replies import Reply
from streams.domain.session import SessionGone

NAME = "n1"
SERVICE = "pay"
TIMEOUT = 5_000
SESSION = session_of(NAME, 1, "alice")
REGISTRATION = c.Registration("10.0.0.1:80", "z1", (c.Label("role", "db"),), 8, (), TIMEOUT)
SETTINGS = c.BrakeSettings(fraction=50, min_dead=3, window_ms=10_000, auto_release_ms=0, armed=True)


def sealed(text: str, principal: str = "alice") -> str:
    """Return the session that `node:token` stands for."""
    return session_of(node_of(text), token_of(text), principal)


def who(
    name: str = "a",
    sequence: int = 1,
    principal: str = "alice",
    session: str = SESSION,
    roles: tuple[str, ...] = (),
) -> Requester:
    return Requester(principal, f"client-{name}", name, sequence, session, roles)


def join(registration: c.Registration = REGISTRATION, replaces: str = "", name: str = NAME) -> c.RegisterNode:
    return c.RegisterNode(name, registration, replaces)


def joined(token: int = 1, at: int = 0, by: str = "a", principal: str = "alice") -> e.NodeRegistered:
    session = session_of(NAME, token, principal)
    return e.NodeRegistered(NAME, session, token, principal, f"client-{by}", at, REGISTRATION)


def beat(
    session: str = SESSION, load: int = 3, health: c.Health = "PASSING", name: str = NAME
) -> c.Heartbeat:
    return c.Heartbeat(name, session, load, health)


def heard(at: int, token: int = 1, load: int = 3, health: c.Health = "PASSING") -> e.NodesHeard:
    return e.NodesHeard(at, (e.Beat(NAME, token, load, health),))


def offer(instance: str = "i1", **changed: Any) -> c.RegisterInstance:
    asked: dict[str, Any] = {
        **{"address": "10.0.0.1:81", "zone": "z1", "weight": 100, "metadata": ()},
        **{"healthy": True, "rise": 2, "fall": 3, "draining": False},
    }
    return c.RegisterInstance(SERVICE, instance, **(asked | changed))


def offered(version: int, instance: str = "i1", session: str = SESSION, **changed: Any) -> e.Instance:
    known: dict[str, Any] = {
        **{"principal": "alice", "address": "10.0.0.1:81", "zone": "z1", "weight": 100, "metadata": ()},
        **{"rise": 2, "fall": 3, "healthy": True, "reason": "", "draining": False},
    }
    return e.Instance(instance, session, version=version, **(known | changed))


def watch(known: int, wait_ms: int = 1_000) -> c.WatchService:
    return c.WatchService(SERVICE, known, wait_ms)


def check(passing: bool, streak: int, instance: str = "i1", reason: str = "r") -> c.ReportHealth:
    return c.ReportHealth(SERVICE, instance, passing, streak, reason)


def nobody() -> Spec:
    """A node that never was."""
    return Spec(decider.initial(f"dev/{NAME}"), 0, 1, None)


def node(registration: c.Registration = REGISTRATION) -> Spec:
    """A node of client `a`; its session is `SESSION`, the next token 2."""
    return nobody().when(join(registration))


def service() -> Spec:
    """A service without instances."""
    return Spec(decider.initial(f"dev/service:{SERVICE}"), 0, 1, None)


def brake() -> Spec:
    """The brake as it is at first."""
    return Spec(decider.initial("dev/brake"), 0, 1, None)


class Spec:
    """The state of a key, a time, and the decision last taken on it."""

    def __init__(
        self, state: State, now: int, number: int, decision: Decision[e.Event, Reply] | None
    ) -> None:
        self.state, self.now, self.number, self._decision = state, now, number, decision

    def at(self, now: int) -> Spec:
        return Spec(self.state, now, self.number, self._decision)

    def when(
        self,
        command: c.Command,
        by: str = "a",
        sequence: int = 1,
        principal: str = "alice",
        session: str = SESSION,
        roles: tuple[str, ...] = (),
    ) -> Spec:
        return self._decide(command, who(by, sequence, principal, session, roles))

    def tick(self) -> Spec:
        return self._decide(Tick(), TIMER)

    def gone(self, session: str, cause: str = "SILENT 9") -> Spec:
        return self._decide(SessionGone(session, cause), TIMER)

    def folds(self, *events: e.Event) -> Spec:
        state = self.state
        for event in events:
            state = decider.evolve(state, event)
        return Spec(state, self.now, self.number + len(events), None)

    def _decide(self, command: c.Command | Heartbeats | SessionGone | Tick, requester: Requester) -> Spec:
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
        """Each is (who, sequence, (version, changed)), or (who, sequence, code) for a rejection."""
        found = [s for event in self.decision.events if (s := decider.settles(event)) is not None]
        plain = [(s.client.removeprefix("client-"), s.sequence, _plain(s.reply)) for s in found]
        assert plain == list(settled)
        return self

    def due(self, deadline: int | None) -> Spec:
        assert decider.next_deadline(self.state) == deadline
        return self


def _plain(reply: Any) -> Any:
    return reply.code if isinstance(reply, Rejected) else (reply.version, reply.changed)
