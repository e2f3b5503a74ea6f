"""`cache(settings).when(command, by).then(events).answers(reply)`, for caches.

Generation 0, so that the token of an event is its number, counted from 1. Time is 0 unless `at` moves it. A client `a`
that joined is known by its attachment: `spec.of["a"]`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches import decider
from streams.domain.caches import events as e
from streams.domain.caches.inspect import attached, view
from streams.domain.caches.replies import Calls, Listening, Reply
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.state import Cache
from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Settled, Tick
from streams.domain.session import SessionGone

NAME = "prices"
LEASE = 10_000
SETTINGS = CacheSettings(
    mode="STRICT",
    write_policy="BACK",
    max_entries=1_000,
    max_bytes=1_000_000,
    max_value_bytes=65_536,
    ttl_ms=0,
    read_lease_ms=LEASE,
    fill_lease_ms=5_000,
)


def who(name: str = "a", sequence: int = 1, session: str = "") -> Requester:
    return Requester("alice", name, "", sequence, session)


def cache(**changed: Any) -> Spec:
    """A cache that is there; `changed` are settings. Its incarnation is 1, the next token 2."""
    created = c.CreateCache(NAME, 0, replace(SETTINGS, **changed))
    return Spec(decider.initial(NAME), 0, 1, None, {}, {}).when(created, "operator")


class Spec:
    """A shard, a time, and the decision last taken on it."""

    def __init__(
        self,
        state: Cache,
        now: int,
        number: int,
        decision: Decision[e.Event, Reply] | None,
        of: dict[str, int],
        sequences: dict[str, int],
    ) -> None:
        self.state, self.now, self.number, self._decision = state, now, number, decision
        self.of, self.sequences = of, sequences

    def at(self, now: int) -> Spec:
        return Spec(self.state, now, self.number, self._decision, self.of, self.sequences)

    # ── commands ────────────────────────────────────────────────────────────────────────────────────────

    def when(self, command: Any, by: str = "a", session: str = "") -> Spec:
        """The client's sequences count from 1."""
        sequence = self.sequences.get(by, 0) + 1
        spec = self._decide(command, who(by, sequence, session))
        spec.sequences[by] = sequence
        return spec

    def tick(self) -> Spec:
        return self._decide(Tick(), TIMER)

    def gone(self, session: str, cause: str = "node 7 died") -> Spec:
        return self._decide(SessionGone(session, cause), TIMER)

    def settle(self) -> Spec:
        """Tick until nothing is due."""
        spec = self
        while (due := decider.next_deadline(spec.state)) is not None and due <= spec.now:
            spec = spec.tick()
            assert spec.decision.events, "a Tick that was due decided nothing"
        return spec

    def _decide(self, command: Any, requester: Requester) -> Spec:
        decision = decider.decide(command, requester, self.state, Context(self.now, 0, self.number))
        state = self.state
        for event in decision.events:
            state = decider.evolve(state, event)
        assert decision.after is None or decision.after == state
        assert not (isinstance(decision.reply, Rejected) and decision.waiting)
        of, number = dict(self.of), self.number + len(decision.events)
        for event in decision.events:
            if isinstance(event, e.ListenerJoined):
                of[event.client] = event.attachment
        return Spec(state, self.now, number, decision, of, dict(self.sequences))

    def join(self, *names: str, session: str = "") -> Spec:
        spec = self
        for name in names:
            spec = spec.when(c.Listen(NAME, 0, 0, 0, (), spec.of.get(name, 0)), name, session)
            assert isinstance(spec.reply, Listening), spec.reply
        return spec

    def listen(self, by: str, after: int = 0, dropped: tuple[tuple[str, int], ...] = ()) -> Spec:
        refs = tuple(c.LineRef(entry, token) for entry, token in dropped)
        return self.when(c.Listen(NAME, 0, self.of[by], after, refs, 0), by)

    def read(
        self, entry: str, by: str = "a", *, fill: bool = False, wait_ms: int = 1_000, keep: bool = True
    ) -> Spec:
        attachment = self.of.get(by, 0) if keep else 0
        return self.when(c.ReadEntry(NAME, 0, entry, attachment, fill, wait_ms), by)

    def write(
        self,
        entry: str,
        value: bytes,
        by: str = "a",
        *,
        keep: c.LineState = "INVALID",
        line: int = 0,
        tags: tuple[str, ...] = (),
        ttl_ms: int = -1,
        if_version: int = -1,
        wait_ms: int = 1_000,
    ) -> Spec:
        given = (NAME, 0, entry, value, tags, ttl_ms, if_version, self.of.get(by, 0), keep, line, wait_ms)
        return self.when(c.WriteEntry(*given), by)

    def delete(self, entry: str, by: str = "a", *, if_version: int = -1, wait_ms: int = 1_000) -> Spec:
        command = c.DeleteEntry(NAME, 0, entry, if_version, self.of.get(by, 0), 0, wait_ms)
        return self.when(command, by)

    def write_back(
        self, entry: str, line: int, value: bytes | None, by: str = "a", keep: c.LineState = "SHARED"
    ) -> Spec:
        return self.when(c.WriteBack(NAME, 0, entry, self.of[by], line, value, keep), by)

    def fill(
        self,
        entry: str,
        token: int,
        value: bytes,
        by: str = "a",
        *,
        keep: c.LineState = "EXCLUSIVE",
        tags: tuple[str, ...] = (),
    ) -> Spec:
        attachment = self.of.get(by, 0)
        best: c.LineState = keep if attachment else "INVALID"
        return self.when(c.FillEntry(NAME, 0, entry, token, value, tags, -1, attachment, best), by)

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────

    @property
    def decision(self) -> Decision[e.Event, Reply]:
        assert self._decision is not None, "when() comes first"
        return self._decision

    @property
    def reply(self) -> Any:
        return self.decision.reply

    def then(self, *events: type) -> Spec:
        """The decision has events of these types."""
        assert [type(event) for event in self.decision.events] == list(events)
        return self

    def answers(self, reply: Reply, *, waiting: bool = False) -> Spec:
        assert self.decision.reply == reply
        assert self.decision.waiting is waiting
        return self

    def waits(self) -> Spec:
        assert self.decision.waiting, self.reply
        return self

    def gets(self, state: str, value: bytes | None) -> Spec:
        """The answer is a read, with such a line and value."""
        assert not self.decision.waiting
        assert self.reply.state == state
        assert self.value_of(self.reply) == value
        return self

    def value_of(self, reply: Any) -> bytes | None:
        if not reply.found:
            return None
        (found,) = attached(self.state, reply)
        assert not getattr(found, "gone", False)
        value: bytes = getattr(found, "value")  # noqa: B009 - one of two types
        return value

    def refuses(self, code: str, *hints: str) -> Spec:
        reply = self.decision.reply
        assert isinstance(reply, Rejected), reply
        assert (reply.code, self.decision.events, self.decision.waiting) == (code, (), False)
        for hint in hints:
            assert hint in reply.message, reply.message
        return self

    def settles(self, *settled: tuple[str, int, Any]) -> Spec:
        """Each is (client, sequence, outcome): a code, the calls of a Listen, or the type of another answer."""
        found = [s for event in self.decision.events if (s := decider.settles(event)) is not None]
        assert [self._plain(s) for s in found] == list(settled)
        return self

    def _plain(self, settled: Settled) -> tuple[str, int, Any]:
        reply: Any = settled.reply
        if isinstance(reply, Rejected):
            return settled.client, settled.sequence, reply.code
        if isinstance(reply, Calls):
            return settled.client, settled.sequence, _calls(self.state, reply)
        return settled.client, settled.sequence, type(reply).__name__

    def calls(self, *expected: str) -> Spec:
        """The Listen is answered with these calls, as 'KIND entry'."""
        assert isinstance(self.reply, Calls), self.reply
        assert _calls(self.state, self.reply) == list(expected)
        return self

    def lines(self, entry: str, **states: str) -> Spec:
        """Clients hold the entry so, and no others."""
        assert {line.client: line.state for line in view(self.state, entry).lines} == states
        return self

    def token(self, entry: str, by: str) -> int:
        return self.state.entries[entry].lines[self.of[by]].token

    def holds(self, entry: str, value: bytes | None) -> Spec:
        found = self.state.entries.get(entry)
        assert (None if found is None else found.value) == value
        return self

    def due(self, deadline: int | None) -> Spec:
        assert decider.next_deadline(self.state) == deadline
        return self


def _calls(state: Cache, reply: Calls) -> list[str]:
    return [
        f"{call.kind} {call.entry}".strip() for call in attached(state, reply) if isinstance(call, e.LineCall)
    ]
