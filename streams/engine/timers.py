"""What the engine itself has keys decide: what is due, and what the end of a session leaves."""

from streams.domain.decider import TIMER, Decision, Tick
from streams.domain.session import SessionGone
from streams.engine.draft import CommitDraft, NoRoom, Savepoint
from streams.log.fold import PartitionState
from streams.wire.messages import SessionEnded, TimerFailed

MOST = 100
"""Decisions of this sort in one commit, a few milliseconds of them: answers go out and commands come in between."""
LOOKS = 1_000
"""Keys that are asked for one commit what a session still holds of them: of most that it used it may hold nothing."""


class TimerIdle(Exception):
    """A due timer decided nothing, and would be due for ever."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the timer of {key} was due and decided nothing")


class Timers:
    """Has keys decide for one commit; what raises is told in `failures` and parks its key, visibly."""

    def __init__(self, draft: CommitDraft, failures: list[str]) -> None:
        self._draft = draft
        self._state: PartitionState = draft.state
        self._failures = failures

    def run(self, most: int = MOST) -> None:
        """Decide what is due, then what sessions that have ended still hold: up to so many decisions in the commit."""
        while self._has_room(most) and (key := self._state.deadlines.pop(self._draft.lease_ms)) is not None:
            self.tick(key)
        self.end_sessions(most)

    def end_sessions(self, most: int) -> None:
        """Have keys let go of what sessions that have ended still hold: up to so many decisions in the commit."""
        for _ in range(LOOKS):
            if not self._has_room(most) or (found := self._state.next_ending()) is None:
                return
            self._end(*found)

    def _has_room(self, most: int) -> bool:
        return not self._draft.full and len(self._draft.decisions) < most

    def tick(self, key: str) -> None:
        """Decide what is due on `key`; a timer that raises parks its key."""
        draft, next_deadline = self._draft, self._draft.decider.next_deadline
        state = self._state.keys.get(key)
        deadline = None if state is None or key in self._state.parked else next_deadline(state)
        if deadline is None:
            return
        if deadline > draft.lease_ms:
            self._state.deadlines.schedule(key, deadline)
            return
        savepoint = draft.save()
        try:
            context = self._state.context(draft.lease_ms, draft.head.active)
            decision = draft.decider.decide(Tick(), TIMER, state, context)
            if not decision.events:
                raise TimerIdle(key)
            draft.append_timer(key, "Tick", decision)
        except NoRoom:
            self._later(key, deadline, savepoint)
            return
        except Exception as error:
            draft.restore(savepoint)
            self._park(key, deadline, error)
            return
        after = self._state.keys.get(key)
        again = None if after is None else next_deadline(after)
        if again is not None:
            self._state.deadlines.schedule(key, again)

    def _park(self, key: str, deadline: int, error: Exception) -> None:
        savepoint, failed = self._draft.save(), TimerFailed(repr(error)[:500])
        try:
            self._draft.append_timer(key, "Tick", Decision((failed,), None))
            self._failures.append(f"timer of {key}: {error!r}")
        except NoRoom:
            self._later(key, deadline, savepoint)

    def _later(self, key: str, deadline: int, savepoint: Savepoint) -> None:
        self._draft.restore(savepoint)
        self._state.deadlines.schedule(key, deadline)
        self._draft.close()

    def _end(self, ended: SessionEnded, key: str) -> None:
        """Have `key` let go of what a session holds; what raises stays until its lease is over."""
        draft, state, session = self._draft, self._state, ended.session
        savepoint = draft.save()
        try:
            context = state.context(draft.lease_ms, draft.head.active)
            gone = SessionGone(session, ended.cause)
            decision = draft.decider.decide(gone, TIMER, state.state_of(key), context)
            if decision.events:
                draft.append_timer(key, "SessionGone", decision)
            if not state.holds(session, key):
                state.let_go(session, key)
            elif not decision.events:
                raise TimerIdle(key)
        except NoRoom:
            draft.restore(savepoint)
            draft.close()
        except Exception as error:
            draft.restore(savepoint)
            state.let_go(session, key)
            self._failures.append(f"end of session {session} on {key}: {error!r}")
