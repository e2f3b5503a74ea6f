"""The end of a session: its waits and leases end, others get what it held."""

from __future__ import annotations

import pytest

from streams.domain.decider import TIMER, Requester
from streams.domain.locks.commands import EXCLUSIVE, SHARED, AcquireLock
from streams.domain.locks.events import (
    LockExpired,
    LockReleased,
    LockTerms,
    LockWaitStarted,
    LockWaitWithdrawn,
)
from streams.domain.locks.limits import MAX_EVENTS
from streams.domain.locks.replies import LockHeld
from streams.domain.locks.sessions import sessions_of
from streams.domain.session import SESSION_ENDED, SessionGone
from tests.unit.locks.spec import DELAY, TTL, Spec, given, granted, waiting, who

GONE = SessionGone("n1:7", "node n1 was silent for 5,000 ms (nodes/3@9)")
OURS, DELAYED = LockTerms(0, None, "n1:7"), LockTerms(5_000, None, "n1:7")
OTHERS = LockTerms(0, None, "n2:8")


def over(spec: Spec) -> Spec:
    return spec.when_by(TIMER, GONE)


def test_an_acquire_carries_the_session_it_acts_for() -> None:
    asker = Requester("alice", "client-a", "a", 1, "n1:7")
    spec = given().when_by(asker, AcquireLock("orders/42", EXCLUSIVE, 30_000))
    (event,) = spec.decision.events
    assert event.terms == OURS  # type: ignore[union-attr]
    assert sessions_of(spec.state) == ("n1:7",)
    waits = spec.when_by(
        Requester("bob", "c", "b", 1, "n2:8"), AcquireLock("orders/42", EXCLUSIVE, 1_000, 60_000)
    )
    assert sessions_of(waits.state) == ("n1:7", "n2:8")


def test_its_leases_end_and_the_next_in_line_is_granted() -> None:
    spec = over(given(granted("a", 1, terms=OURS), waiting("b", 2, terms=OTHERS)))
    expired, grant = spec.decision.events
    assert expired == LockExpired(1, None, GONE.cause)
    assert (grant.handle, grant.ticket) == (who("b").handle, 2)  # type: ignore[union-attr]
    assert sessions_of(spec.state) == ("n2:8",)


def test_a_lock_delay_is_kept() -> None:
    spec = over(given(granted("a", 1, terms=DELAYED), waiting("b", 2)).at(100))
    spec.then(LockExpired(1, 5_100, GONE.cause))


def test_its_waits_end_and_are_answered() -> None:
    spec = over(given(granted("a", 1), waiting("b", 2, terms=OURS), waiting("c", 3, position=2)))
    (event,) = spec.decision.events
    assert isinstance(event, LockWaitWithdrawn) and (event.ticket, event.cause) == (2, "SESSION_ENDED")
    spec.settles(("b", 1, SESSION_ENDED.code)).queue("c")


def test_what_others_have_stays() -> None:
    spec = given(
        granted("a", 1, SHARED, terms=OTHERS), granted("b", 2, SHARED, terms=OURS), granted("c", 3, SHARED)
    )
    over(spec).holders("a", "c")


def test_what_a_session_never_had_is_left_alone() -> None:
    assert over(given(granted("a", 1, terms=OTHERS))).decision.events == ()


@pytest.mark.parametrize("sharers", [1_000])
def test_many_leases_end_over_several_decisions(sharers: int) -> None:
    spec = given(*(granted(f"h{number}", number, SHARED, terms=OURS) for number in range(1, sharers + 1)))
    rounds = 0
    while sessions_of(spec.state):
        spec, rounds = over(spec), rounds + 1
        assert 0 < len(spec.decision.events) <= MAX_EVENTS + 3
    assert rounds > 2 and not spec.state.holders


@pytest.mark.parametrize("session", ["n1:9", ""], ids=["the next one", "none"])
def test_what_an_earlier_session_of_the_handle_holds_is_not_the_next_ones(session: str) -> None:
    """Else the end of the earlier one, which is on its way, would take what the next one trusts."""
    asker, ask = who("a", 2, session), AcquireLock("orders/42", EXCLUSIVE, 1_000, 60_000)
    alone = given(granted("a", 1, terms=OURS)).when_by(asker, ask)
    released, anew = alone.decision.events
    assert (released, anew.token) == (LockReleased(1), 3)  # type: ignore[union-attr]
    assert sessions_of(alone.state) == ((session,) if session else ())
    assert over(alone).decision.events == ()
    crowded = given(granted("a", 1, terms=OURS), waiting("b", 2, terms=OTHERS)).when_by(asker, ask)
    crowded.holders("b").queue("a")


def test_what_has_expired_keeps_its_lock_delay_though_the_next_session_of_its_handle_asks() -> None:
    before = given(granted("a", 1, terms=DELAYED), waiting("b", 2)).at(TTL)
    spec = before.when_by(who("a", 2, "n1:9"), AcquireLock("orders/42", EXCLUSIVE, 1_000, 60_000))
    assert isinstance(spec.decision.events[0], LockExpired)
    spec.holders().queue("b", "a").due(TTL + 5_000)


@pytest.mark.parametrize("session", ["n1:9", ""], ids=["the next one", "none"])
def test_a_wait_of_an_earlier_session_does_not_keep_the_handle_from_asking(session: str) -> None:
    """It was told ALREADY_WAITING until the end of the earlier one had come; the wait ends as that would have it."""
    asker, ask = who("a", 2, session), AcquireLock("orders/42", EXCLUSIVE, 1_000, 60_000)
    before = given(granted("b", 1), waiting("a", 2, terms=OURS), waiting("c", 3, position=2))
    spec = before.when_by(asker, ask).queue("c", "a")
    ended, anew = spec.decision.events
    assert isinstance(ended, LockWaitWithdrawn) and (ended.ticket, ended.cause) == (2, "SESSION_ENDED")
    assert isinstance(anew, LockWaitStarted) and anew.position == 2
    spec.settles(("a", 1, SESSION_ENDED.code))
    assert over(spec).decision.events == ()
    spec.when_by(who("a", 3, session), ask).refuses("ALREADY_WAITING")


def test_who_cannot_have_it_and_does_not_wait_leaves_the_earlier_wait_to_its_session() -> None:
    before = given(granted("b", 1), waiting("a", 2, terms=OURS))
    before.when_by(who("a", 2, "n1:9"), AcquireLock("orders/42", EXCLUSIVE, 1_000)).refuses(
        "LOCK_BUSY"
    ).queue("a")


def test_a_late_command_of_the_earlier_session_takes_nothing_from_the_next() -> None:
    ask = AcquireLock("orders/42", EXCLUSIVE, 1_000, 60_000)
    held = given(granted("a", 1, sequence=5, terms=OURS)).when_by(who("a", 4, "n1:3"), ask)
    assert held.decision.events == () and isinstance(held.decision.reply, LockHeld)
    waits = given(granted("b", 1)).when_by(who("a", 5, "n1:7"), ask).when_by(who("a", 4, "n1:3"), ask)
    waits.refuses("ALREADY_WAITING").queue("a")


def test_a_handle_gets_the_same_answer_again_for_its_session_and_what_is_of_none() -> None:
    ask = AcquireLock("orders/42", EXCLUSIVE, 1_000, 0)
    for terms in (OURS, DELAY):
        spec = given(granted("a", 1, terms=terms)).when_by(who("a", 2, "n1:7"), ask)
        assert spec.decision.events == () and isinstance(spec.decision.reply, LockHeld)
