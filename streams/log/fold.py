"""The accepted fold: one partition's whole state, from its log and nothing else.

The owner folds what it just decided, every other reader folds what it reads; both go through `decided`.
"""

from collections.abc import Sequence
from typing import Any

from streams.domain.decider import Context
from streams.domain.value import value
from streams.log.agenda import Agenda
from streams.log.answers import Answers, StoredAnswer
from streams.log.deadlines import Deadlines
from streams.log.holdings import Holdings
from streams.log.records import Commit, LoggedDecision
from streams.log.undo import Undo
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.wire.keys import key_of, tenant_of
from streams.wire.messages import SessionEnded, TimerFailed


@value
class Settlement:
    """A push: the final outcome of a command that waited."""

    principal: str
    client: str
    sequence: int
    key: str
    reply: object
    stored: bytes


class PartitionState:
    """Every key's state, the answers, the ended sessions and the counters of one partition."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.undo = Undo()
        self.keys: dict[str, Any] = {}
        self.answers = Answers(self.undo)
        self.ended_sessions: dict[str, SessionEnded] = {}
        """By tenant and session; each stays ended until mark and lease time have passed what it says."""
        self.ended_of: dict[str, int] = {}
        """How many of those each tenant has."""
        self.parked: dict[str, str] = {}
        """Keys whose timer failed, with the error; commanded again, they are tried again."""
        self.events = 0
        self.lease_ms = 0
        self.mark_ms = 0
        self.deadlines = Deadlines()
        self.holdings = Holdings()
        self._sessions = Agenda[str](self.undo)
        self._vocabulary = vocabulary
        self._decider = vocabulary.kind.decider
        self._event_keys = vocabulary.kind.event_keys
        self._sessions_of = vocabulary.kind.sessions_of
        self.generation = 0

    def context(self, lease_ms: int, level: int) -> Context:
        """Return the context in which the next decision is made."""
        return Context(lease_ms, self.generation, self.events + 1, level)

    def state_of(self, key: str) -> Any:
        """Return the state of `key`; of an untouched key, its initial state."""
        state = self.keys.get(key)
        return self._decider.initial(key) if state is None else state

    def begin(self, lease_ms: int, mark_ms: int) -> None:
        """Start folding one commit: move the clocks, forget what the mark has passed."""
        self.undo.assign(self, "lease_ms", lease_ms)
        self.undo.assign(self, "mark_ms", mark_ms)
        self.undo.assign(self, "events", self.events)
        self.answers.sweep(mark_ms)
        for session in self._sessions.take_before(mark_ms // 1000):
            self._forget(session)

    def _forget(self, session: str) -> None:
        """Forget that the session ended, or look again when the mark has passed what is left."""
        ended = self.ended_sessions.get(session)
        if ended is None:
            return
        left_ms = max(ended.forget_after_ms - self.mark_ms, ended.forget_after_lease_ms - self.lease_ms)
        if left_ms > 0:
            self._sessions.put((self.mark_ms + left_ms - 1) // 1000, session)
            return
        self.undo.drop(self.ended_sessions, session)
        self._count_ended(tenant_of(session), -1)

    def _count_ended(self, tenant: str, more: int) -> None:
        count = self.ended_of.get(tenant, 0) + more
        if count:
            self.undo.put(self.ended_of, tenant, count)
        else:
            self.undo.drop(self.ended_of, tenant)

    def commit(self, commit: Commit) -> None:
        """Fold an accepted commit as read from the log. Raises `UnknownSchema` on an event it does not know."""
        self.begin(commit.lease_ms, commit.mark_ms)
        decode = self._vocabulary.decode_event
        for decision in commit.decisions:
            self.decided(decision, [decode(event) for event in decision.events])

    def decided(self, decision: LoggedDecision, events: Sequence[Any], after: Any = None) -> list[Settlement]:
        """Fold one decision; `events` are its decoded events. Return the waits it ended.

        `after`: the key's state as the events leave it, if whoever decided has folded them (`Decision.after`).
        """
        if decision.hash:
            meta = decision.meta
            answer = StoredAnswer(decision.hash, decision.reply, meta.deadline_ms, decision.waiting)
            self.answers.record((decision.principal, meta.client), meta.sequence, meta.floor, answer)
        if not events:
            return []
        key = decision.key
        was_parked = key in self.parked
        if was_parked:
            self.undo.drop(self.parked, key)
        self.events += len(events)
        if after is not None:
            self._keep(key, after)
        else:
            self._fold(decision, events, was_parked=was_parked)
        if self.holdings.recording and decision.meta.session is not None:
            self._note(key_of(decision.tenant, decision.meta.session), key)
        settles, settlements = self._decider.settles, list[Settlement]()
        for event in events:
            settled = None if type(event) in ENGINE_EVENTS else settles(event)
            if settled is not None:
                settlements.append(self._settle(key, settled))
        return settlements

    def _fold(self, decision: LoggedDecision, events: Sequence[Any], *, was_parked: bool) -> None:
        key, evolve = decision.key, self._decider.evolve
        before = state = self.state_of(key)
        for event in events:
            kind = type(event)
            if kind is SessionEnded:
                session = key_of(decision.tenant, event.session)
                if session not in self.ended_sessions:
                    self._count_ended(decision.tenant, 1)
                self.undo.put(self.ended_sessions, session, event)
                self.holdings.end(session, event)
                self._sessions.put((event.forget_after_ms - 1) // 1000, session)
            elif kind is TimerFailed:
                self.undo.put(self.parked, key, event.error)
            elif kind in self._event_keys:
                if state is not before:
                    self._keep(key, state)
                self._spread(decision.tenant, event)
                before = state = self.state_of(key)
            else:
                state = evolve(state, event)
        if state is not before or was_parked:
            self._keep(key, state)

    def next_deadline(self) -> int | None:
        """Return when a key that is still there comes up next, or None."""
        deadlines = self.deadlines
        while (due := deadlines.next()) is not None and deadlines.next_key() not in self.keys:
            deadlines.pop(due)
        return due

    def next_ending(self) -> tuple[SessionEnded, str] | None:
        """Return a session that has ended, and a key that may still hold something for it."""
        return self.holdings.next_ending()

    def restore(self) -> None:
        """Derive the deadlines and the holdings anew from the keys' states."""
        self._restore_deadlines()
        self.holdings = holdings = Holdings()
        if self._sessions_of is None:
            return
        holdings.recording = True
        for key, state in self.keys.items():
            for session in self._held(key, state):
                holdings.note(session, key)
        for session, ended in self.ended_sessions.items():
            holdings.end(session, ended)

    def holds(self, session: str, key: str) -> bool:
        """Say whether something of `key` belongs to `session`."""
        return self._sessions_of is not None and session in self._sessions_of(self.state_of(key))

    def let_go(self, session: str, key: str) -> None:
        """Note that `session`, of the key's tenant, holds nothing of `key`."""
        self.holdings.let_go(key_of(tenant_of(key), session), key)

    def _note(self, session: str, key: str) -> None:
        if key in self.keys and self.holdings.note(session, key):
            self.holdings.keep(key, self._held(key, self.keys[key]))

    def _held(self, key: str, state: Any) -> list[str]:
        """Return the sessions that something of the key belongs to, as `ended_sessions` has them."""
        tenant, sessions_of = tenant_of(key), self._sessions_of
        return [] if sessions_of is None else [key_of(tenant, session) for session in sessions_of(state)]

    def _restore_deadlines(self) -> None:
        entries = []
        for key, state in self.keys.items():
            deadline = self._decider.next_deadline(state)
            if deadline is not None and key not in self.parked:
                entries.append((deadline, key))
        self.deadlines.rebuild(entries)

    def _keep(self, key: str, state: Any) -> None:
        if state is self._decider.initial(key):
            self.undo.drop(self.keys, key)
            self.holdings.forget(key)
            return
        self.undo.put(self.keys, key, state)
        deadline = None if key in self.parked else self._decider.next_deadline(state)
        if deadline is not None:
            self.deadlines.schedule(key, deadline)

    def _spread(self, tenant: str, event: Any) -> None:
        """Fold `event` into all the keys that it names."""
        for key in self._event_keys[type(event)](tenant, event):
            self._keep(key, self._decider.evolve(self.state_of(key), event))

    def _settle(self, key: str, settled: Any) -> Settlement:
        stored = self._vocabulary.encode_reply(settled.reply)
        self.answers.settle((settled.principal, settled.client), settled.sequence, stored, self.mark_ms)
        return Settlement(settled.principal, settled.client, settled.sequence, key, settled.reply, stored)
