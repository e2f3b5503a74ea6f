"""The fold of one partition: keys, answers, ended sessions, parked keys, pushes."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.decider import Settled
from streams.domain.locks.commands import EXCLUSIVE
from streams.domain.locks.events import LockGranted, LockReleased, LockWaitStarted
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.replies import LockHeld
from streams.log.fold import PartitionState
from streams.log.records import Commit, LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import SessionEnded, TimerFailed
from tests.unit.engine import toy
from tests.unit.log.records import A, decision, with_changes

MARK = 1_700_000_000_000
LOCK_WORDS = Vocabulary(LOCKS)


def snapshot(state: PartitionState) -> object:
    """Everything that the accepted fold is, in a form that compares."""
    answers = {client: (dict(entry.answers), entry.floor) for client, entry in state.answers.clients.items()}
    clocks = (state.events, state.lease_ms, state.mark_ms)
    return (
        dict(state.keys),
        answers,
        dict(state.ended_sessions),
        dict(state.parked),
        dict(state.answers.far),
        clocks,
    )


def commit(*decisions: LoggedDecision, lease_ms: int = 0, mark_ms: int = MARK) -> Commit:
    return Commit(A, bytes(32), 1, lease_ms, mark_ms, 1, None, decisions)


def logged(*events: Any, key: str = "dev/k", **changed: Any) -> LoggedDecision:
    encoded = tuple(map(toy.VOCABULARY.encode_event, events))
    return decision(key=key, events=encoded, **{"deadline_ms": MARK + 60_000} | changed)


def state_after(*commits: Commit) -> PartitionState:
    state = PartitionState(toy.VOCABULARY)
    for one in commits:
        state.commit(one)
    return state


def test_events_fold_into_the_key_of_their_decision() -> None:
    state = state_after(
        commit(logged(toy.Added(2, ""), toy.Added(3, "")), logged(toy.Added(1, ""), key="dev/l"))
    )
    assert state.state_of("dev/k").total == 5
    assert state.state_of("dev/l").total == 1
    assert state.events == 3


def test_the_token_of_the_next_event_counts_every_event_of_the_partition() -> None:
    state = state_after(commit(logged(toy.Added(2, ""))))
    state.generation = 3
    assert state.context(0, 1).token(0) == (3 << 48) | 2


def test_a_key_back_in_its_initial_state_is_forgotten() -> None:
    state = state_after(commit(logged(toy.Armed(5, ""))), commit(logged(toy.Rang(5))))
    assert state.keys == {}


def test_an_event_with_keys_of_its_own_folds_into_each_of_them() -> None:
    state = state_after(commit(logged(toy.Beaten(("a", "b"), 9), key="dev/beats")))
    assert {key: each.beat_at for key, each in state.keys.items()} == {"dev/a": 9, "dev/b": 9}


def test_an_event_with_keys_of_its_own_folds_into_those_of_its_decisions_tenant() -> None:
    state = state_after(commit(logged(toy.Beaten(("a",), 9), key="other/beats", tenant="other")))
    assert list(state.keys) == ["other/a"]


def test_an_event_with_keys_of_its_own_may_end_a_wait_and_is_asked_once() -> None:
    asked: list[object] = []

    class Settling(toy.ToyDecider):
        def settles(self, event: toy.Event) -> Settled | None:
            asked.append(event)
            return Settled("app", "c1", 4, toy.Alive(9))

    state = PartitionState(toy.VOCABULARY)
    state._decider = Settling()
    state.begin(0, MARK)
    state.decided(logged(sequence=4, waiting=True), [])
    beaten = toy.Beaten(("a", "b"), 9)
    (push,) = state.decided(logged(key="dev/beats", client="c2"), [beaten])
    assert asked == [beaten]
    assert (push.client, push.sequence, push.key, push.reply) == ("c1", 4, "dev/beats", toy.Alive(9))
    answer = state.answers.find(("app", "c1"), 4)
    assert answer is not None and not answer.waiting


def test_a_session_stays_ended_until_the_mark_passes() -> None:
    state = state_after(commit(logged(SessionEnded("s1", MARK + 10_000, "why"), key="")))
    assert state.ended_sessions == {"dev/s1": SessionEnded("s1", MARK + 10_000, "why")}
    state.begin(0, MARK + 9_999)
    assert state.ended_sessions
    state.begin(0, MARK + 10_000)
    assert state.ended_sessions == {}


def test_a_session_stays_ended_until_lease_time_passes_too_however_it_is_stretched() -> None:
    state = state_after(commit(logged(SessionEnded("s1", MARK + 10_000, "why", 60_000), key="")))
    assert state.ended_of == {"dev": 1}
    for day in range(1, 4):
        state.begin(10_000 * day, MARK + 86_400_000 * day)
        assert state.ended_sessions
    state.begin(59_999, MARK + 86_400_000 * 5)
    assert state.ended_sessions
    state.begin(60_000, MARK + 86_400_000 * 5 + 2_000)
    assert (state.ended_sessions, state.ended_of) == ({}, {})


def test_ended_sessions_are_counted_by_tenant_also_when_they_are_taken_back() -> None:
    state = state_after(commit(logged(SessionEnded("s1", MARK + 10_000, "why", 60_000), key="")))
    state.undo.recording = True
    savepoint = state.undo.mark()
    state.decided(logged(key=""), [SessionEnded("s1", MARK + 9, "why"), SessionEnded("s2", MARK + 9, "why")])
    assert state.ended_of == {"dev": 2}
    state.undo.back_to(savepoint)
    assert state.ended_of == {"dev": 1}


def test_a_parked_key_is_tried_again_once_something_happens_to_it() -> None:
    state = state_after(commit(logged(toy.Armed(5, "explode"))), commit(logged(TimerFailed("boom"))))
    assert state.parked == {"dev/k": "boom"}
    state.restore()
    assert state.deadlines.next() is None
    state.commit(commit(logged()))
    assert state.parked == {"dev/k": "boom"}
    state.commit(commit(logged(toy.Added(1, ""))))
    assert state.parked == {}
    assert state.deadlines.next() == 5


def parked_state() -> PartitionState:
    state = state_after(commit(logged(toy.Armed(5, "explode"))), commit(logged(TimerFailed("boom"))))
    state.restore()
    assert state.deadlines.next() is None
    return state


@pytest.mark.parametrize("event", [toy.Beaten(("elsewhere",), 1), toy.Seen()], ids=["other keys", "nothing"])
def test_a_parked_key_is_tried_again_although_the_command_did_not_change_it(event: toy.Event) -> None:
    state = parked_state()
    state.commit(commit(logged(event)))
    assert state.parked == {}
    assert state.deadlines.next() == 5


def test_a_parked_key_stays_parked_when_another_keys_event_folds_into_it() -> None:
    state = parked_state()
    state.commit(commit(logged(toy.Beaten(("k",), 1), key="dev/beats")))
    assert state.parked == {"dev/k": "boom"}
    assert state.deadlines.next() is None


def test_a_timer_that_fails_again_parks_its_key_again() -> None:
    state = parked_state()
    state.commit(commit(logged(TimerFailed("again"))))
    assert state.parked == {"dev/k": "again"}
    assert state.deadlines.next() is None


def test_ended_sessions_are_not_looked_through_at_every_commit() -> None:
    state = PartitionState(toy.VOCABULARY)
    state.begin(0, MARK)
    for number in range(1_000):
        state.decided(logged(key=""), [SessionEnded(f"s{number}", MARK + 10**8 + number, "why")])
    looked = Looked(state.ended_sessions)
    state.ended_sessions = looked
    for second in range(1, 100):
        state.begin(0, MARK + 1_000 * second)
    assert looked.times == 0
    state.begin(0, MARK + 10**8 + 1_000)
    assert state.ended_sessions == {}


class Looked(dict[str, SessionEnded]):
    """Counts how often it is looked through, or into."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()

    def items(self) -> Any:
        self.times += 1
        return super().items()

    def get(self, *arguments: Any) -> Any:
        self.times += 1
        return super().get(*arguments)


def test_a_wait_that_ends_is_a_push_and_the_answer_from_then_on() -> None:
    state = PartitionState(LOCK_WORDS)
    wait = LockWaitStarted("app", "c2", "h", 4, 2, 1, EXCLUSIVE, 0, 1000, 9000, None, None)
    granted = LockGranted("app", "c2", "h", 4, 3, EXCLUSIVE, 1000, 1000, None, 2)
    first = LockGranted("app", "c1", "h", 1, 1, EXCLUSIVE, 1000, 1000, None, None)
    state.begin(0, MARK)
    state.decided(decision(client="c1"), [first])
    state.decided(
        decision(client="c2", sequence=4, waiting=True, reply=b"wait", deadline_ms=MARK + 60_000), [wait]
    )
    (push,) = state.decided(decision(client="c1", sequence=2), [LockReleased(1), granted])
    assert (push.principal, push.client, push.sequence, push.key) == ("app", "c2", 4, "dev/k")
    assert push.reply == LockHeld(3, EXCLUSIVE, 1000)
    answer = state.answers.find(("app", "c2"), 4)
    assert answer is not None and not answer.waiting
    assert LOCK_WORDS.decode_reply(answer.reply) == LockHeld(3, EXCLUSIVE, 1000)


EVENTS = st.one_of(
    st.builds(toy.Added, st.integers(1, 3), st.just("")),
    st.builds(toy.Armed, st.integers(1, 30), st.just("")),
    st.builds(toy.Rang, st.just(1)),
    st.builds(toy.Kept, st.binary(max_size=3)),
    st.builds(toy.Beaten, st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple), st.just(1)),
    st.builds(TimerFailed, st.just("boom")),
    st.builds(SessionEnded, st.sampled_from(["s1", "s2"]), st.integers(MARK, MARK + 9_000), st.just("why")),
)
DECISIONS = st.builds(
    lambda events, key, client, sequence, floor, waiting, deadline, hashed: with_changes(
        logged(*events, key=key),
        client=client, sequence=sequence, floor=floor, waiting=waiting,
        deadline_ms=MARK + deadline, hash=b"h" * 16 if hashed else b"",
    ),
    st.lists(EVENTS, max_size=3), st.sampled_from(["dev/a", "dev/b", "dev/c"]), st.sampled_from("xy"),
    st.integers(0, 6), st.integers(0, 4), st.booleans(), st.integers(-2_000, 8_000), st.booleans(),
)  # fmt: skip
COMMITS = st.builds(
    lambda decisions, lease, mark: commit(*decisions, lease_ms=lease, mark_ms=MARK + mark),
    st.lists(DECISIONS, max_size=4),
    st.integers(0, 50),
    st.integers(0, 9_000),
)


@settings(deadline=None)
@given(st.lists(COMMITS, max_size=5), st.lists(COMMITS, max_size=4), st.lists(COMMITS, max_size=4))
def test_folds_that_are_undone_never_were(
    kept: list[Commit], void: list[Commit], later: list[Commit]
) -> None:
    expected, state = state_after(*kept), state_after(*kept)
    state.undo.recording = True
    for one in void:
        state.commit(one)
    state.undo.back_to(0)
    state.undo.recording = False
    assert snapshot(state) == snapshot(expected)
    for one in later:
        state.commit(one)
        expected.commit(one)
    assert snapshot(state) == snapshot(expected)


@settings(deadline=None)
@given(st.lists(COMMITS, max_size=6))
def test_every_fold_of_one_log_agrees(commits: list[Commit]) -> None:
    assert snapshot(state_after(*commits)) == snapshot(state_after(*commits))


@settings(deadline=None)
@given(st.lists(COMMITS, min_size=1, max_size=6), st.data())
def test_forgetting_accepted_steps_keeps_them_through_an_undo(
    commits: list[Commit], data: st.DataObject
) -> None:
    accepted = data.draw(st.integers(0, len(commits)))
    expected, state = state_after(*commits[:accepted]), PartitionState(toy.VOCABULARY)
    state.undo.recording = True
    steps = 0
    for number, one in enumerate(commits):
        state.commit(one)
        if number < accepted:
            steps = state.undo.mark()
    state.undo.forget(steps)
    state.undo.back_to(0)
    assert snapshot(state) == snapshot(expected)


def test_a_key_that_is_gone_has_no_deadline_left() -> None:
    state = PartitionState(LOCK_WORDS)
    state.begin(0, MARK)
    granted = LockGranted("app", "c1", "h", 1, 1, EXCLUSIVE, 1000, 1000, None, None)
    state.decided(decision(client="c1"), [granted])
    assert state.next_deadline() == 1000
    state.decided(decision(client="c1", sequence=2), [LockReleased(1)])
    assert state.next_deadline() is None
