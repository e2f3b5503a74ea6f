"""Nodes of one partition under any commands, with the oracle beside them: who is alive, by the plainest of means."""

from dataclasses import dataclass, replace
from typing import Any

from streams.domain.decider import TIMER, Context, Rejected, Requester, Tick
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider, heartbeat
from streams.domain.nodes import events as e
from streams.domain.nodes.limits import MAX_UNSWEPT
from streams.domain.nodes.node import Node
from streams.domain.nodes.replies import NodeJoined
from streams.replay.nodes.invariants import NodeInvariants
from tests.property.verified import Verified
from tests.unit.nodes.spec import REGISTRATION

NAMES = ("n0", "n1", "n2")
TIMEOUT = 1_000


@dataclass
class Alive:
    """The oracle's word on a node that is alive."""

    session: str
    client: str
    heard_at: int
    suspected: bool = False


class Nodes:
    """Three nodes, one lease clock, one event number; every event there was."""

    def __init__(self) -> None:
        self.states: dict[str, Node] = dict.fromkeys(NAMES, self.initial())
        self.alive: dict[str, Alive] = {}
        self.unswept: dict[str, list[str]] = {name: [] for name in NAMES}
        self.sessions: dict[str, list[str]] = {name: [f"{name}:0"] for name in NAMES}
        self.log: list[tuple[str, e.Event]] = []
        self.now, self.number = 0, 1
        self.verified = Verified(NodeInvariants())

    @staticmethod
    def initial() -> Node:
        state = decider.initial("dev/n0")
        assert isinstance(state, Node)
        return state

    def decide(self, name: str, command: Any, who: Requester) -> Any:
        decision = decider.decide(command, who, self.states[name], Context(self.now, 0, self.number))
        self.verified.tell(name, command, who, self.now, self.number, decision.events, decision.reply)
        self.number += len(decision.events)
        for event in decision.events:
            self.fold(name, event)
        return decision.reply

    def fold(self, name: str, event: e.Event) -> None:
        self.log.append((name, event))
        spread = isinstance(event, e.NodesHeard)
        for key in (
            heartbeat.heard_keys("dev", event) if isinstance(event, e.NodesHeard) else (f"dev/{name}",)
        ):
            each = key.removeprefix("dev/")
            after = decider.evolve(self.states[each], event)
            assert isinstance(after, Node)
            assert spread or after is not self.states[each], event
            self.states[each] = after

    def register(self, name: str, client: str, replaces: int) -> None:
        known = self.alive.get(name)
        old = "" if replaces < 0 else self.sessions[name][replaces % len(self.sessions[name])]
        command = c.RegisterNode(name, replace(REGISTRATION, timeout_ms=TIMEOUT), old)
        barred_until = self.states[name].past.barred_until
        reply = self.decide(name, command, Requester("p", client, "", 1))
        if known is not None and known.client == client and old != known.session:
            assert reply == NodeJoined(known.session, TIMEOUT, TIMEOUT // 5, existed=True)
        elif known is not None and old != known.session:
            assert _code(reply) == "NODE_ALIVE"
        elif known is None and barred_until > self.now:
            assert _code(reply) == "NODE_FLAPPING"
        elif len(self.unswept[name]) + (known is not None) >= MAX_UNSWEPT:
            assert _code(reply) == "SESSIONS_UNSWEPT"
        else:
            self.end(name)
            assert reply.session not in self.sessions[name]
            self.sessions[name].append(reply.session)
            self.alive[name] = Alive(reply.session, client, self.now)

    def end(self, name: str) -> None:
        gone = self.alive.pop(name, None)
        if gone is not None:
            self.unswept[name].append(gone.session)

    def beats(self, sent: list[tuple[str, str, int]]) -> None:
        """Heartbeats that are gathered: (node, client, which of the node's sessions)."""
        passed = []
        for name, client, index in sent:
            session = self.sessions[name][index % len(self.sessions[name])]
            command, who = c.Heartbeat(name, session, index % 10, "PASSING"), Requester("p", client, "", 1)
            known = self.alive.get(name)
            counts = known is not None and (known.session, known.client) == (session, client)
            assert (heartbeat.refuse(command, who, self.states[name]) is None) is counts
            if counts:
                passed.append((who, command))
        if passed:
            self.decide(passed[0][1].name, heartbeat.join(tuple(passed)), TIMER)
        for _, command in passed:
            self.alive[command.name] = replace(self.alive[command.name], heard_at=self.now, suspected=False)

    def stray(self, name: str, index: int) -> None:
        """A beat of any session that is logged all the same: only the live session's changes something."""
        session = self.sessions[name][index % len(self.sessions[name])]
        before, known = self.states[name], self.alive.get(name)
        event = e.NodesHeard(
            self.now, (heartbeat.join(((TIMER, c.Heartbeat(name, session, 0, "WARNING")),))).beats
        )
        after = decider.evolve(before, event)
        assert (after is not before) is (known is not None and known.session == session)

    def leave(self, name: str, client: str, how: str) -> None:
        known = self.alive.get(name)
        session = self.sessions[name][-1]
        command: Any = c.EvictNode(name, "", "") if how == "evict" else c.DeregisterNode(name, session)
        reply = self.decide(name, command, Requester("p", client, "", 1))
        if how == "evict" or (known is not None and known.client == client):
            self.end(name)
        elif known is not None:
            assert _code(reply) == "NOT_YOURS"

    def sweep(self, name: str, index: int) -> None:
        session = self.sessions[name][index % len(self.sessions[name])]
        reply = self.decide(name, c.SweepDone(name, session, 1), TIMER)
        known = self.alive.get(name)
        if known is not None and known.session == session:
            assert _code(reply) == "SESSION_ALIVE"
            return
        assert reply.recorded is (session in self.unswept[name])
        self.unswept[name] = [each for each in self.unswept[name] if each != session]

    def pass_time(self, by_ms: int) -> None:
        """The clock moves, and then the timers of all that are due run, as often as they are."""
        self.now += by_ms
        for name in NAMES:
            while (due := decider.next_deadline(self.states[name])) is not None and due <= self.now:
                events = len(self.log)
                self.decide(name, Tick(), TIMER)
                assert len(self.log) > events, "a timer that was due decided nothing"
            known = self.alive.get(name)
            if known is None:
                continue
            silent = self.now - known.heard_at
            known.suspected = silent >= TIMEOUT // 2
            if silent >= TIMEOUT:
                self.end(name)

    def check(self) -> None:
        for name, state in self.states.items():
            known, member = self.alive.get(name), state.member
            assert (None if member is None else member.session) == (None if known is None else known.session)
            if known is not None:
                assert (state.pulse.at, state.pulse.suspected) == (known.heard_at, known.suspected)
            assert [ended.session for ended in state.past.unswept] == self.unswept[name]
            assert len(self.unswept[name]) <= MAX_UNSWEPT

    def check_log(self) -> None:
        """What the log alone says: it folds to the state, one session lives at a time, nobody dies unsuspected."""
        assert self.verified.complaints == []
        states = dict.fromkeys(NAMES, self.initial())
        live: dict[str, str] = {}
        tokens = list[int]()
        suspected = list[str]()
        heard = dict[str, int]()
        for name, event in self.log:
            keys = [b.name for b in event.beats] if isinstance(event, e.NodesHeard) else [name]
            for key in keys:
                states[key] = decider.evolve(states[key], event)  # type: ignore[assignment]
            match event:
                case e.NodesHeard(at):
                    heard |= dict.fromkeys(keys, at)
                    suspected = [each for each in suspected if each not in keys]
                case e.NodeSuspected():
                    suspected.append(name)
                case e.NodeRegistered(session=session, token=token, at=at):
                    assert name not in live
                    live[name], heard[name] = session, at
                    suspected = [each for each in suspected if each != name]
                    tokens.append(token)
                case e.NodeDied(session=session, at=at, evidence=evidence):
                    assert live.pop(name) == session
                    assert evidence.heard_at == heard[name] <= at - TIMEOUT
                    assert name in suspected
                case e.NodeLeft(session=session):
                    assert live.pop(name) == session
        assert states == self.states
        assert tokens == sorted(tokens)


def _code(reply: Any) -> str:
    assert isinstance(reply, Rejected)
    return reply.code
