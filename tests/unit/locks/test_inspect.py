"""InspectLock: a read that is ordered like a write."""

from streams.domain.locks.commands import EXCLUSIVE, SHARED, InspectLock, Transaction
from streams.domain.locks.events import LockTerms
from streams.domain.locks.replies import LockHolder, LockState, LockWaiter
from tests.unit.locks.spec import DELAY, NAME, TTL, WAIT, given, granted, sharers, upgrade_waiting, waiting

INSPECT = InspectLock(NAME)


def test_a_free_lock() -> None:
    given().when(INSPECT, "x").then().answers(LockState("FREE", (), (), 0, 0, None))


def test_holder_and_waiters_with_tokens_and_tickets() -> None:
    transaction = Transaction("t1", 5)
    spec = given(granted("a", 7), waiting("b", 8, SHARED, priority=3, terms=LockTerms(0, transaction, "")))
    spec.when(INSPECT, "x").then().answers(
        LockState(
            EXCLUSIVE,
            (LockHolder("alice", "client-a", "a", 7, EXCLUSIVE, TTL, None),),
            (LockWaiter("alice", "client-b", "b", 8, SHARED, 3, WAIT, None, transaction),),
            1,
            1,
            None,
        )
    )


def test_a_waiting_upgrade_names_its_share() -> None:
    reply = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1)).when(INSPECT, "x").decision.reply
    assert isinstance(reply, LockState)
    assert reply.mode == SHARED
    assert [waiter.upgrade_of for waiter in reply.waiters] == [1]


def test_a_lock_delay_shows() -> None:
    spec = given(granted("a", 7, terms=DELAY)).at(TTL).tick()
    spec.when(INSPECT, "x").answers(LockState("FREE", (), (), 0, 0, TTL + 5_000))


def test_long_lists_are_cut_and_counted() -> None:
    spec = given(*(granted(f"s{index}", index + 1, SHARED) for index in range(150)))
    reply = spec.when(INSPECT, "x").decision.reply
    assert isinstance(reply, LockState)
    assert len(reply.holders) == 100
    assert reply.holder_count == 150
