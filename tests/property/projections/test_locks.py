"""The read model `locks` of whatever the real decider does, against the owner's own state and naive accounts."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.locks.events import (
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.state import Lock
from streams.projections.locks import changing
from streams.projections.locks.projections import AUDIT, LOCKS
from streams.projections.locks.standing import restored_locks
from streams.projections.locks.tables import LOCK_HISTORY, LOCK_POINTS, LOCK_WAITERS, LOCK_WINDOWS
from streams.projections.locks.windows import LockCounts
from streams.projections.projection import Projection
from streams.projections.table import Row
from streams.projections.windows import WINDOW_MS
from streams.windows.sketch import Sketch
from streams.wire.keys import tenant_of
from tests.property.projections.histories import KEYS, MOVES, History, Move, history
from tests.property.projections.sink import closed_as_they_stood, fold_on, gauges, project, same_in_stretches
from tests.unit.replay.logbook import WHERE, WORDS

EXAMPLES = settings(max_examples=40, deadline=None)
ENDINGS = (LockWaitTimedOut, LockWaitAborted, LockWaitWithdrawn, LockGranted, LockUpgraded)
_AT = {name: index for index, name in enumerate(LOCK_HISTORY.columns)}


@pytest.mark.parametrize("projection", [LOCKS, AUDIT], ids=["locks", "audit"])
@given(moves=MOVES, cuts=st.lists(st.sampled_from(["on", "take", "restart"]), min_size=61, max_size=61))
@EXAMPLES
def test_any_stretches_and_restarts_give_the_same_rows(
    projection: Projection, moves: list[Move], cuts: list[str]
) -> None:
    commits = history(moves).commits
    _, seen = project(projection, commits)
    same_in_stretches(lambda: projection.fold(WHERE, WORDS), projection, commits, cuts, seen)


@given(moves=MOVES)
@EXAMPLES
def test_the_rows_say_what_the_owner_holds(moves: list[Move]) -> None:
    past = history(moves)
    _, seen = project(LOCKS, past.commits)
    for states, rows in zip(past.states, seen, strict=True):
        kept = {table: list(rows.get(table, {}).values()) for table in LOCKS.tables}
        kept[LOCK_HISTORY] = [row for row in kept[LOCK_HISTORY] if row[_AT["to_event"]] is None]
        assert restored_locks(kept) == {key: _never_overtaken(lock) for key, lock in states.items()}
        assert _waiting(kept[LOCK_WAITERS]) == {key: sorted(_tickets(lock)) for key, lock in states.items()
                                               if lock.waiters}  # fmt: skip
        assert _spells(kept[LOCK_HISTORY]) == _open_in(states)


@given(moves=MOVES)
@EXAMPLES
def test_what_fits_nothing_is_told_and_leaves_no_trace(moves: list[Move]) -> None:
    """`test_the_rows_say_what_the_owner_holds` shows that no part of it was folded."""
    past = history(moves)
    for projection, poison in ((LOCKS, past.poison), (AUDIT, set[tuple[int, int]]())):
        fold = projection.fold(WHERE, WORDS)
        told = set[tuple[int, int]]().union(*(fold_on(fold, accepted) for accepted in past.commits))
        assert told == poison


@given(moves=MOVES, every=st.sampled_from([2, 3, 5, 64]))
@EXAMPLES
def test_as_of_any_position_a_short_walk_back_finds_what_was_open(moves: list[Move], every: int) -> None:
    past = history(moves)
    with patch.object(changing, "KEYFRAME_EVERY", every):
        sink, _ = project(LOCKS, past.commits)
    rows = list(sink.rows[LOCK_HISTORY].values())
    for offset in range(past.commits[-1].offset + 1):
        states = past.upto(offset)
        for key in KEYS:
            assert _as_of(rows, key, offset, every) == _open_in({key: states[key]} if key in states else {})


@given(moves=MOVES)
@EXAMPLES
def test_windows_count_what_a_naive_account_does(moves: list[Move]) -> None:
    past = history(moves)
    sink, _ = project(LOCKS, past.commits)
    account = Account(past)
    rows = {row[1:3]: row for row in sink.rows[LOCK_WINDOWS].values()}
    last_ms = past.commits[-1].time_ms
    assert set(rows) >= set(account.windows)  # others tell how things stood while nothing happened
    for (tenant, start_ms), counted in account.windows.items():
        told = dict(zip(LOCK_WINDOWS.columns, rows[tenant, start_ms], strict=True))
        assert {name: told[name] for name in LockCounts.measures.counters} == {
            name: counted.numbers[name] for name in LockCounts.measures.counters
        }
        assert (told["waits"], told["holds"]) == (_sketch(counted.waits), _sketch(counted.holds))
        assert told["closed"] is (True if start_ms + WINDOW_MS <= last_ms else None)
        point = LockCounts.merged([rows[tenant, start_ms], (1, *rows[tenant, start_ms][1:])])
        twice = dict(zip(LOCK_POINTS.columns, point, strict=True))
        assert (twice["start_ms"], twice["tenant"], twice["grants"]) == (start_ms, tenant, 2 * told["grants"])
        assert twice["waits"] == 2 * len(counted.waits)


@given(moves=MOVES)
@EXAMPLES
def test_gauges_are_how_the_owner_stands(moves: list[Move]) -> None:
    past = history(moves)
    _, seen = project(LOCKS, past.commits)
    assert closed_as_they_stood(seen, LockCounts)
    for accepted, rows in zip(past.commits, seen, strict=True):
        stood: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        for key, lock in past.upto(accepted.offset).items():
            for place, number in enumerate((bool(lock.holders), len(lock.holders), len(lock.waiters))):
                stood[tenant_of(key),][place] += number
        told = gauges(rows, LockCounts)
        assert all(list(found) == stood[tags] for tags, found in told.items())
        assert told.keys() >= {tags for tags, sums in stood.items() if any(sums)}


@given(moves=MOVES)
@EXAMPLES
def test_the_audit_has_every_decision_once_and_in_order(moves: list[Move]) -> None:
    past = history(moves)
    sink, _ = project(AUDIT, past.commits)
    rows = list(next(iter(sink.rows.values()), {}).values())
    decided = [(commit, one) for commit in past.commits for one in commit.decided]
    assert len(rows) == len(decided)
    for row, (commit, one) in zip(rows, decided, strict=True):
        told = dict(zip(AUDIT.tables[0].columns, row, strict=True))
        assert (told["offset_"], told["index_"]) == (commit.offset, one.index)
        assert f"{told['tenant']}/{told['name']}" in (one.decision.key, f"{one.decision.key}/")
        assert told["events"] == ",".join(type(event).__name__ for event in one.events)
        assert told["event"] == (one.number if one.events else None)
        assert (told["principal"] == "") == (one.decision.lane == "TIMER")
        assert told["accepted"] == (told["reason"] is None)
        if not told["accepted"]:
            assert not one.events
    numbers = [row[-3] for row in rows if row[-3] is not None]
    assert all(earlier < later for earlier, later in pairwise(numbers))


def _never_overtaken(lock: Lock) -> Lock:
    return replace(lock, waiters=tuple(replace(waiter, overtaken=0) for waiter in lock.waiters))


def _tickets(lock: Lock) -> list[int]:
    return [waiter.ticket for waiter in lock.waiters]


def _waiting(rows: Iterable[Row]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for _, ticket, tenant, name, *_ in rows:
        found[f"{tenant}/{name}"].append(ticket)
    return {key: sorted(tickets) for key, tickets in found.items()}


def _spells(rows: Iterable[Row]) -> set[Row]:
    """(key, role, token, mode, until, sequence) of each."""
    columns = ("role", "token", "mode", "until_lease_ms")
    return {(f"{row[2]}/{row[3]}", *(row[_AT[column]] for column in columns)) for row in rows}


def _open_in(states: dict[str, Lock]) -> set[Row]:
    holds = {(k, "HOLDER", h.token, h.mode, h.expires_at) for k, lock in states.items() for h in lock.holders}
    waits = {
        (k, "WAITER", w.ticket, w.mode, w.wait_until) for k, lock in states.items() for w in lock.waiters
    }
    return holds | waits


def _as_of(rows: list[Row], key: str, offset: int, every: int) -> set[Row]:
    """The rule that `tables.LOCK_HISTORY` states."""
    mine = {row[1]: row for row in rows if f"{row[2]}/{row[3]}" == key and row[_AT["from_offset"]] <= offset}
    walked: list[Row] = []
    for event in sorted(mine, reverse=True):
        walked.append(mine[event])
        if walked[-1][_AT["keyframe"]] is not None or walked[-1][_AT["spell"]] == 1:
            break
    assert len(walked) <= every
    if walked:
        keyframe = walked[-1][_AT["keyframe"]] or ()
        walked += [mine[event] for event in keyframe if event != walked[-1][1]]
    ends = _AT["to_offset"]
    return _spells(row for row in walked if row[ends] is None or row[ends] > offset)


class Counted:
    def __init__(self) -> None:
        self.numbers = Counter[str]()
        self.waits: list[int] = []
        self.holds: list[int] = []


class Account:
    """Who was granted, refused, waited and held how long, from the events alone."""

    def __init__(self, past: History) -> None:
        self.windows: defaultdict[tuple[str, int], Counted] = defaultdict(Counted)
        self._since: dict[int, int] = {}
        for commit in past.commits:
            for one in commit.decided:
                if (commit.offset, one.index) in past.poison:
                    continue
                tenant, ms = one.decision.key.partition("/")[0], commit.time_ms
                asks = one.decision.command in ("AcquireLock", "UpgradeLock")
                refused = bool(one.decision.reply) and WORDS.reply_name(one.decision.reply).endswith(
                    "Rejected"
                )
                if one.decision.lane == "DIRECT" and "/" in one.decision.key:
                    self._of(tenant, ms).numbers["commands"] += 1
                    self._of(tenant, ms).numbers["rejected"] += refused
                if asks and refused:
                    self._of(tenant, ms).numbers["refusals"] += 1
                for event in one.events:
                    self._event(event, tenant, ms)

    def _of(self, tenant: str, ms: int) -> Counted:
        return self.windows[tenant, ms // WINDOW_MS * WINDOW_MS]

    def _event(self, event: object, tenant: str, ms: int) -> None:
        match event:
            case LockWaitStarted():
                self._since[event.ticket] = ms
                self._of(tenant, ms).numbers["contended"] += 1
            case LockGranted():
                self._since[event.token] = ms
                self._of(tenant, ms).numbers["grants"] += 1
            case LockUpgraded():
                self._since[event.token] = self._since[event.from_token]
                self._of(tenant, ms).numbers["grants"] += 1
            case LockReleased() | LockExpired():
                self._of(tenant, ms).holds.append(ms - self._since[event.token])
                self._of(tenant, ms).numbers[
                    "released" if isinstance(event, LockReleased) else "expired"
                ] += 1
            case LockRenewed():
                self._of(tenant, ms).numbers["renewed"] += 1
            case LockWaitTimedOut() | LockWaitAborted():
                timed_out = isinstance(event, LockWaitTimedOut)
                self._of(tenant, ms).numbers["refusals"] += 1
                self._of(tenant, ms).numbers["timed_out" if timed_out else "deadlocks"] += 1
        if isinstance(event, ENDINGS) and event.ticket is not None:
            self._of(tenant, ms).waits.append(ms - self._since[event.ticket])


def _sketch(durations: list[int]) -> str:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    return sketch.dumps()
