"""The read model `locks`: what each event leaves in which row."""

import json

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import SHARED, Transaction
from streams.domain.locks.events import (
    LockDelayEnded,
    LockDowngraded,
    LockExpired,
    LockReleased,
    LockRenewed,
    LockTerms,
)
from streams.domain.locks.replies import LockHeld
from streams.log.records import LoggedDecision
from streams.projections.locks import tables
from streams.projections.locks.projections import LOCKS
from streams.projections.projection import PoisonDecision
from streams.windows.sketch import Sketch
from streams.wire.messages import SessionEnded, TimerFailed
from tests.unit.locks.spec import (
    CYCLE,
    aborted,
    granted,
    sharers,
    timed_out,
    upgrade_waiting,
    upgraded,
    waiting,
    withdrawn,
)
from tests.unit.projections.spec import Moment, Spec, at, commits, did
from tests.unit.projections.spec import given as given_of
from tests.unit.replay.logbook import WHERE, WORDS, decision

TERMS = LockTerms(5_000, Transaction("t1", 77), "")
SPELLS = "from_event role token to_event ended"


def given(*moments: Moment) -> Spec:
    return given_of(LOCKS, *moments)


def test_a_grant_makes_a_lock_of_a_free_one() -> None:
    spec = given(at(1_000, did(granted("a", 1, terms=TERMS))))
    spec.shows(tables.LOCKS, "tenant name mode holder_count waiter_count token spells since_ms changed_offset",
               ("dev", "orders/42", "EXCLUSIVE", 1, 0, 1, 1, 1_000, 2))  # fmt: skip
    spec.shows(
        tables.LOCK_HISTORY,
        "role principal client handle token until_lease_ms lock_delay_ms transaction_id transaction_started_ms "
        "from_offset from_ms spell to_event ended",
        ("HOLDER", "alice", "client-a", "a", 1, 10_000, 5_000, "t1", 77, 2, 1_000, 1, None, None),
    )


def test_a_lock_that_is_released_has_no_row_and_a_history() -> None:
    given(at(1_000, did(granted("a", 1))), at(4_000, did(LockReleased(1)))).shows(tables.LOCKS, "name").shows(
        tables.LOCK_HISTORY, SPELLS + " to_offset to_ms", (1, "HOLDER", 1, 2, "RELEASED", 3, 4_000)
    )


def test_what_comes_and_goes_within_a_stretch_is_one_row_of_history() -> None:
    fold = LOCKS.fold(WHERE, WORDS)
    for accepted in commits(at(0, did(granted("a", 1))), at(0, did(waiting("b", 2))),
                            at(0, did(withdrawn("b", 2))), at(0, did(LockReleased(1)))):  # fmt: skip
        fold.commit(accepted)
    changes = fold.take()
    assert {table: len(rows) for table, rows in changes.inserted.items()} == {
        tables.LOCK_HISTORY: 2,
        tables.LOCK_WINDOWS: 1,
    }
    assert not changes.put
    assert not fold.take()


def test_a_lock_that_was_free_in_between_keeps_its_row_and_counts_its_spells_anew() -> None:
    spec = Spec(LOCKS)
    first, *rest = commits(
        at(0, did(granted("a", 1))), at(5, did(LockReleased(1))), at(9, did(granted("b", 3)))
    )
    spec.fold.commit(first)
    spec.take()
    for accepted in rest:
        spec.fold.commit(accepted)
    assert tables.LOCKS not in spec.take().inserted
    spec.shows(tables.LOCKS, "token spells since_ms", (3, 1, 9))
    spec.shows(tables.LOCK_HISTORY, "from_event spell", (1, 1), (3, 1))


def test_a_grant_after_a_wait_ends_the_wait_and_begins_the_hold() -> None:
    given(
        at(0, did(granted("a", 1))),
        at(10, did(waiting("b", 2, priority=3))),
        at(50, did(LockReleased(1), granted("b", 4, ticket=2))),
    ).shows(
        tables.LOCK_HISTORY,
        SPELLS + " spell priority",
        (1, "HOLDER", 1, 3, "RELEASED", 1, None),
        (2, "WAITER", 2, 4, "GRANTED", 2, 3),
        (4, "HOLDER", 4, None, None, 3, None),
    ).shows(tables.LOCK_WAITERS, "ticket")


def test_a_waiter_has_a_row_as_long_as_it_waits_and_the_lock_their_order() -> None:
    given(
        at(0, did(granted("a", 1))), at(10, did(waiting("b", 2))), at(20, did(waiting("c", 3, priority=9)))
    ).shows(tables.LOCKS, "waiter_count waiting", (2, (3, 2))).shows(
        tables.LOCK_WAITERS,
        "ticket handle priority wait_until_lease_ms since_offset since_ms",
        (2, "b", 0, 30_000, 3, 10),
        (3, "c", 9, 30_000, 4, 20),
    )


def test_a_renewed_lease_is_two_spells_under_one_token_and_one_hold() -> None:
    spec = given(
        at(0, did(granted("a", 1))), at(500, did(LockRenewed(1, 99_000))), at(900, did(LockReleased(1)))
    )
    spec.shows(
        tables.LOCK_HISTORY,
        SPELLS + " until_lease_ms",
        (1, "HOLDER", 1, 2, "RENEWED", 10_000),
        (2, "HOLDER", 1, 3, "RELEASED", 99_000),
    )
    spec.shows(tables.LOCK_WINDOWS, "grants holds", (1, _counted(900)))


def test_an_upgrade_that_waited_ends_the_wait_and_the_share() -> None:
    spec = given(
        at(0, *[did(event) for event in sharers("a", "b")]),
        at(10, did(upgrade_waiting("a", 3, share=1))),
        at(30, did(LockReleased(2), upgraded("a", 1, 5, 20_000, ticket=3))),
    )
    spec.shows(
        tables.LOCK_HISTORY,
        SPELLS + " mode upgrade_of sequence",
        (1, "HOLDER", 1, 5, "UPGRADED", "SHARED", None, 1),
        (2, "HOLDER", 2, 4, "RELEASED", "SHARED", None, 1),
        (3, "WAITER", 3, 5, "GRANTED", "EXCLUSIVE", 1, 2),
        (5, "HOLDER", 5, None, None, "EXCLUSIVE", 1, 2),
    )
    (row,) = spec.rows[tables.LOCKS].values()
    (holder,) = json.loads(row[8])
    assert (holder["sequence"], holder["upgrade_sequence"], holder["since_ms"]) == (1, 2, 0)


def test_what_was_asked_for_once_holds_through_upgrade_renewal_and_downgrade() -> None:
    given(
        at(0, did(granted("a", 1, SHARED, terms=TERMS))),
        at(0, did(upgraded("a", 1, 2, 20_000))),
        at(0, did(LockRenewed(2, 30_000))),
        at(0, did(LockDowngraded(2))),
    ).shows(
        tables.LOCK_HISTORY,
        "token sequence mode ttl_ms until_lease_ms upgrade_of lock_delay_ms transaction_id ended",
        (1, 1, "SHARED", 10_000, 10_000, None, 5_000, "t1", "UPGRADED"),
        (2, 2, "EXCLUSIVE", 10_000, 20_000, 1, 5_000, "t1", "RENEWED"),
        (2, 2, "EXCLUSIVE", 10_000, 30_000, 1, 5_000, "t1", "DOWNGRADED"),
        (2, 2, "SHARED", 10_000, 30_000, 1, 5_000, "t1", None),
    )


def test_a_downgraded_lease_goes_on_as_a_share() -> None:
    given(at(0, did(granted("a", 1))), at(5, did(LockDowngraded(1)))).shows(
        tables.LOCK_HISTORY,
        SPELLS + " mode",
        (1, "HOLDER", 1, 2, "DOWNGRADED", "EXCLUSIVE"),
        (2, "HOLDER", 1, None, None, "SHARED"),
    ).shows(tables.LOCKS, "mode token", ("SHARED", 1))


def test_a_lock_in_its_lock_delay_is_free_but_not_forgotten() -> None:
    held = at(0, did(granted("a", 1, terms=TERMS)))
    expired = at(10, did(LockExpired(1, 15_000, "")))
    given(held, expired).shows(
        tables.LOCKS, "mode holder_count delay_until_lease_ms token", ("FREE", 0, 15_000, None)
    ).shows(tables.LOCK_HISTORY, SPELLS, (1, "HOLDER", 1, 2, "EXPIRED"))
    given(held, expired, at(20, did(LockDelayEnded()))).shows(tables.LOCKS, "name")


@pytest.mark.parametrize(
    ("ending", "told", "refusals"),
    [
        (timed_out("b", 2), "TIMED_OUT", 1),
        (withdrawn("b", 2), "WITHDRAWN", 0),
        (aborted("b", 2), "ABORTED", 1),
    ],
)
def test_a_wait_that_ends_without_a_grant_says_how(ending: object, told: str, refusals: int) -> None:
    given(at(0, did(granted("a", 1))), at(10, did(waiting("b", 2))), at(40, did(ending))).shows(
        tables.LOCK_HISTORY, SPELLS, (1, "HOLDER", 1, None, None), (2, "WAITER", 2, 3, told)
    ).shows(tables.LOCK_WAITERS, "ticket").shows(
        tables.LOCK_WINDOWS, "grants refusals waits", (1, refusals, _counted(30))
    )


def test_a_deadlock_is_kept_with_its_victim_and_its_cycle() -> None:
    spec = given(
        at(0, did(granted("a", 1))), at(10, did(waiting("b", 2, terms=TERMS))), at(40, did(aborted("b", 2)))
    )
    spec.shows(
        tables.DEADLOCKS,
        "event tenant name ticket transaction_id handle offset_ at_ms",
        (3, "dev", "orders/42", 2, "t1", "b", 4, 40),
    )
    (row,) = spec.rows[tables.DEADLOCKS].values()
    cycle = json.loads(row[tables.DEADLOCKS.columns.index("cycle")])
    assert [(edge["transaction"], edge["ticket"], edge["blocker_token"]) for edge in cycle] == [
        (edge.transaction, edge.ticket, edge.blocker_token) for edge in CYCLE
    ]


def test_every_sixty_fourth_spell_of_a_busy_stretch_names_all_that_are_open() -> None:
    moments = [at(0, did(granted("a", 1, SHARED)))]
    for number in range(2, 200, 2):
        moments.append(at(0, did(granted("b", number, SHARED)), did(LockReleased(number))))
    spec = given(*moments)
    keyframes = [(row[21], row[22]) for row in spec.rows[tables.LOCK_HISTORY].values() if row[22] is not None]
    assert keyframes == [(64, (1, 126))]
    spec = given(*moments, *(at(0, did(LockRenewed(1, 10_000 + n))) for n in range(1, 30)))
    keyframes = [(row[21], row[22]) for row in spec.rows[tables.LOCK_HISTORY].values() if row[22] is not None]
    assert keyframes == [(64, (1, 126)), (128, (227,))]


def test_what_the_engine_says_of_sessions_and_timers_counts_but_changes_no_lock() -> None:
    given(
        at(0, did(SessionEnded("s", 5, "why"), key=""), did(TimerFailed("a bug"))),
        at(0, did(granted("a", 3))),
    ).shows(tables.LOCK_HISTORY, "from_event token", (3, 3)).shows(tables.LOCKS, "token", 3)


def test_a_refused_acquire_counts_in_its_tenants_window_and_no_other_refusal_does() -> None:
    refused = Rejected("LOCK_BUSY", "taken")
    given(
        at(
            0,
            decision(1, reply=refused, command="AcquireLock"),
            decision(2, reply=refused, command="UpgradeLock"),
            decision(3, reply=refused, command="RenewLock"),
            decision(4, reply=refused, command="AcquireLock", key=""),
            decision(5, reply=LockHeld(1, "SHARED", 1), command="AcquireLock"),
        )
    ).shows(tables.LOCK_WINDOWS, "tenant refusals", ("dev", 2)).shows(tables.LOCKS, "name")


def test_a_window_closes_when_event_time_passes_its_end_even_if_nothing_happens_then() -> None:
    held = at(3_000, did(granted("a", 1)))
    given(held, at(9_999)).shows(tables.LOCK_WINDOWS, "start_ms closed changed_offset", (0, None, 2))
    given(held, at(10_000)).shows(
        tables.LOCK_WINDOWS, "start_ms closed changed_offset held", (0, True, 3, 1), (10_000, None, 3, 1)
    )
    given(held, at(25_000, did(LockReleased(1)))).shows(
        tables.LOCK_WINDOWS,
        "start_ms closed grants holds",
        (0, True, 1, "[]"),
        (20_000, None, 0, _counted(22_000)),
    )


@pytest.mark.parametrize(
    "spoiled",
    [
        did(granted("b", 2, SHARED), LockReleased(99)),
        did(withdrawn("b", 99)),
        did(granted("b", 7, SHARED)),
        did(LockReleased(1), key="dev/another"),
    ],
    ids=["unknown token at the end", "unknown ticket", "token not its number", "another lock's token"],
)
def test_a_decision_that_does_not_fit_is_named_and_leaves_the_fold_as_it_was(spoiled: LoggedDecision) -> None:
    spec = given(at(0, did(granted("a", 1, SHARED))))
    before = {table: dict(rows) for table, rows in spec.rows.items()}
    _, accepted = commits(at(0, did(granted("a", 1, SHARED))), at(0, spoiled, did(command="InspectLock")))
    with pytest.raises(PoisonDecision, match="decision 0") as caught:
        spec.fold.commit(accepted)
    assert (caught.value.index, str(caught.value.position)) == (0, "locks/0@3")
    spec.fold.commit(accepted, {0})
    changes = spec.take()
    assert (changes.inserted, set(changes.put)) == (
        {},
        {tables.LOCK_WINDOWS},
    )  # the other command was counted
    assert {table: rows for table, rows in spec.rows.items() if table != tables.LOCK_WINDOWS} == {
        table: rows for table, rows in before.items() if table != tables.LOCK_WINDOWS
    }
    spec.shows(tables.LOCK_WINDOWS, "commands grants held", (2, 1, 1))


def _counted(duration_ms: int) -> str:
    sketch = Sketch()
    sketch.add(duration_ms)
    return sketch.dumps()
