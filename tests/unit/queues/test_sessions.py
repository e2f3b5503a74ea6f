"""The end of a session: its receives end, its messages return as after a lease that ran out."""

from __future__ import annotations

from streams.domain.decider import TIMER, Requester
from streams.domain.queues import events as e
from streams.domain.queues.limits import MAX_EVENTS
from streams.domain.queues.sessions import sessions_of
from streams.domain.session import SessionGone
from tests.unit.queues.spec import Spec, extend, new, put, queue, take

OURS, OTHERS = "n1:7", "n2:8"
GONE = SessionGone(OURS, "node n1 was silent for 5,000 ms (nodes/3@9)")


def by(session: str, name: str = "c", sequence: int = 1) -> Requester:
    return Requester("alice", f"client-{name}", name, sequence, session)


def over(spec: Spec) -> Spec:
    return spec.when_by(TIMER, GONE)


def test_messages_return_with_the_attempt_counted_and_say_why() -> None:
    spec = queue().when(put(new(), new())).when_by(by(OURS), take(2))
    assert sessions_of(spec.state) == (OURS,)
    over(spec).then(
        e.MessagesReturned("", "SESSION_ENDED", GONE.cause, (e.Return(1, 1_000, 1), e.Return(2, 1_000, 1)))
    ).stands(m1="DELAYED", m2="DELAYED")


def test_at_the_limit_they_die() -> None:
    spec = over(queue(max_attempts=1).when(put(new())).when_by(by(OURS), take()))
    assert isinstance(spec.decision.events[0], e.MessagesDied)
    spec.stands(m1="DEAD")


def test_an_extended_lease_is_still_the_sessions() -> None:
    spec = queue().when(put(new())).when_by(by(OURS), take()).at(10).when_by(by(OURS), extend((1, 3)))
    assert sessions_of(spec.state) == (OURS,)
    over(spec).stands(m1="DELAYED")


def test_receives_that_wait_end_and_the_messages_of_others_stay() -> None:
    spec = queue().when(put(new())).when_by(by(OTHERS, "o"), take())
    spec = over(spec.when_by(by(OURS, "w", 4), take(wait_ms=9_000)))
    spec.settles(("w", 4, "SESSION_ENDED")).stands(m1="LEASED")
    assert sessions_of(spec.state) == (OTHERS,)


def test_what_returns_goes_to_who_waits() -> None:
    spec = queue(backoff_min_ms=0, backoff_max_ms=0).when(put(new())).when_by(by(OURS), take())
    spec = over(spec.when_by(by(OTHERS, "o", 5), take(wait_ms=9_000)))
    spec.settles(("o", 5, [1]))
    assert sessions_of(spec.state) == (OTHERS,)


def test_much_ends_over_several_decisions() -> None:
    spec = queue().when(put(*[new() for _ in range(450)]))
    for sequence in range(450):
        spec = spec.when_by(by(OURS, sequence=sequence), take())
    rounds = 0
    while sessions_of(spec.state):
        spec, rounds = over(spec), rounds + 1
        assert 0 < len(spec.decision.events) <= MAX_EVENTS + 2
    assert rounds > 1
