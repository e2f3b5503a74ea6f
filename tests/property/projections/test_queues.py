"""The read models of queues of whatever the real decider does, against the owner's own state and naive accounts."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.queues.body import PAYLOAD
from streams.domain.queues.events import (
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesEnqueued,
    MessagesRedriven,
    MessagesReturned,
)
from streams.domain.queues.inspect import shown
from streams.domain.queues.standing import standing
from streams.domain.queues.state import Queue, members
from streams.projections.projection import Projection
from streams.projections.queues import tables
from streams.projections.queues.projections import AUDIT, QUEUES
from streams.projections.queues.rows import step_of
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Row
from streams.projections.windows import WINDOW_MS
from tests.property.projections.play import History, Move
from tests.property.projections.queues_histories import KEYS, MOVES, history
from tests.property.projections.sink import (
    Rows,
    Sink,
    closed_as_they_stood,
    fold_on,
    gauges,
    named,
    same_in_stretches,
)
from tests.unit.projections.queues.spec import WHERE, WORDS

EXAMPLES = settings(max_examples=40, deadline=None)


def project(projection: Projection, past: History[Queue]) -> list[Rows]:
    """Fold commit by commit; return how the rows were behind each."""
    sink, fold, seen = Sink(), projection.fold(WHERE, WORDS), []
    for accepted in past.commits:
        fold_on(fold, accepted)
        sink.apply(fold.take())
        seen.append(sink.copy())
    return seen


@pytest.mark.parametrize("projection", [QUEUES, AUDIT], ids=["queues", "audit"])
@given(moves=MOVES, cuts=st.lists(st.sampled_from(["on", "take", "restart"]), min_size=90, max_size=90))
@EXAMPLES
def test_any_stretches_and_restarts_give_the_same_rows(
    projection: Projection, moves: list[Move], cuts: list[str]
) -> None:
    past = history(moves)
    seen = project(projection, past)
    same_in_stretches(lambda: projection.fold(WHERE, WORDS), projection, past.commits, cuts, seen)


@given(moves=MOVES)
@EXAMPLES
def test_the_rows_say_what_the_owner_holds(moves: list[Move]) -> None:
    past = history(moves)
    for states, rows in zip(past.states, project(QUEUES, past), strict=True):
        there = {key: queue for key, queue in states.items() if queue.settings is not None}
        assert _shards(rows) == {key: _stats(queue) for key, queue in there.items()}
        assert _subscriptions(rows) == {
            (key, one[0]): one[1:] for key, queue in there.items() for one in _subscription_stats(queue)
        }
        assert _deliveries(rows) == {
            (key, name, number): _stands(queue, name, number)
            for key, queue in there.items()
            for name, sub in queue.subscriptions.items()
            for number, _ in members(queue, sub).after(0)
        }
        assert _bodies(rows) == {
            (key, number): body[PAYLOAD]
            for key, queue in there.items()
            for number, body in queue.messages.after(0)
        }


@given(moves=MOVES)
@EXAMPLES
def test_what_fits_nothing_is_told_and_leaves_no_trace(moves: list[Move]) -> None:
    """`test_the_rows_say_what_the_owner_holds` shows that no part of it was folded."""
    past = history(moves)
    fold = QUEUES.fold(WHERE, WORDS)
    told = set[tuple[int, int]]().union(*(fold_on(fold, accepted) for accepted in past.commits))
    assert told == past.poison


@given(moves=MOVES)
@EXAMPLES
def test_as_of_any_position_the_latest_rows_say_what_the_owner_held(moves: list[Move]) -> None:
    past = history(moves)
    rows = project(QUEUES, past)[-1]
    for accepted, states in zip(past.commits, past.states, strict=True):
        for key in KEYS:
            counted = _queue_then(rows, key, accepted.offset)
            queue = states[key]
            assert counted == (None if queue.settings is None else _stats(queue)[3:])
            if queue.settings is not None:
                for name, sub in queue.subscriptions.items():
                    for number, _ in members(queue, sub).after(0):
                        assert _message_then(rows, queue, name, number, accepted.offset) == standing(
                            sub, number
                        )


@given(moves=MOVES)
@EXAMPLES
def test_windows_count_what_a_naive_account_does(moves: list[Move]) -> None:
    past = history(moves)
    rows = project(QUEUES, past)[-1].get(tables.QUEUE_WINDOWS, {})
    account = _account(past)
    last_ms = past.commits[-1].time_ms
    named = [dict(zip(tables.QUEUE_WINDOWS.columns, row, strict=True)) for row in rows.values()]
    told = {(row["tenant"], row["queue"], row["start_ms"]): row for row in named}
    assert told.keys() >= account.keys()  # in others nothing was counted
    for key, counted in account.items():
        assert {name: told[key][name] for name in counted} == counted
        assert told[key]["closed"] is (True if key[2] + WINDOW_MS <= last_ms else None)


@given(moves=MOVES)
@EXAMPLES
def test_gauges_are_what_the_shards_of_a_name_have(moves: list[Move]) -> None:
    """What their rows say is compared with the owner's state above."""
    seen = project(QUEUES, history(moves))
    assert closed_as_they_stood(seen, QueueCounts)
    depths = ("ready", "delayed", "leased", "dead", "moving", "bytes", "waiting")
    for rows in seen:
        oldest = {
            row["incarnation"]: row["enqueued_ms"]
            for row in sorted(named(rows, tables.QUEUE_DELIVERIES), key=lambda row: -int(row["number"]))
            if row["state"] != "DEAD"
        }
        for (tenant, name), found in gauges(rows, QueueCounts).items():
            shards = [
                (*[row[each] for each in depths], oldest.get(row["incarnation"]))
                for row in named(rows, tables.QUEUE_SHARDS)
                if (row["tenant"], row["queue"]) == (tenant, name)
            ]
            assert found == QueueCounts.measures.together(shards)


def _key(row: dict[str, Any]) -> str:
    shard = f"#{row['shard']}" if row["shard"] else ""
    return f"{row['tenant']}/{row['queue']}{shard}"


def _keys(rows: Rows) -> dict[int, str]:
    return {row["incarnation"]: _key(row) for row in named(rows, tables.QUEUE_SHARDS)}


def _counts(row: dict[str, Any]) -> Row:
    return tuple(row[name] for name in ("ready", "delayed", "leased", "dead", "moving", "waiting"))


def _shards(rows: Rows) -> dict[str, Row]:
    return {
        _key(row): (row["incarnation"], row["next_message"], row["paused"], row["version"], row["epoch"],
                    row["messages"], row["bytes"], *_counts(row))
        for row in named(rows, tables.QUEUE_SHARDS)
    }  # fmt: skip


def _stats(queue: Queue) -> Row:
    stats = shown(queue)
    assert stats is not None
    sums = [sum(each) for each in zip(*(one[1:] for one in _subscription_stats(queue)), strict=True)] or [
        0
    ] * 6
    return (
        stats.incarnation, stats.next_message, stats.settings.paused, stats.version, stats.route.epoch, stats.messages,
        stats.bytes, *sums,
    )  # fmt: skip


def _subscription_stats(queue: Queue) -> list[Row]:
    stats = shown(queue)
    assert stats is not None
    return [
        (one.subscription, one.ready, one.delayed, one.leased, one.dead, one.moving, one.waiting)
        for one in stats.subscriptions
    ]


def _subscriptions(rows: Rows) -> dict[tuple[str, str], Row]:
    keys = _keys(rows)
    return {
        (keys[row["incarnation"]], row["subscription"]): _counts(row)
        for row in named(rows, tables.QUEUE_SUBSCRIPTIONS)
    }


def _deliveries(rows: Rows) -> dict[tuple[str, str, int], Row]:
    keys = _keys(rows)
    return {
        (keys[row["incarnation"]], row["subscription"], row["number"]): (
            row["state"], row["attempts"], row["due_lease_ms"], row["token"], row["target"], row["size"],
        )
        for row in named(rows, tables.QUEUE_DELIVERIES)
    }  # fmt: skip


def _stands(queue: Queue, name: str, number: int) -> Row:
    sub = queue.subscriptions[name]
    lease, past, body = sub.leased.get(number), sub.past.get(number), queue.messages.get(number)
    assert body is not None
    attempts = (0 if past is None else past.attempts) + (lease is not None)
    due = sub.delayed.times.get(number) if lease is None else lease.expires_at
    token = None if lease is None else lease.token
    return (standing(sub, number), attempts, due, token, sub.moving.get(number), len(body[PAYLOAD]))


def _bodies(rows: Rows) -> dict[tuple[str, int], bytes]:
    keys = _keys(rows)
    return {
        (keys[row["incarnation"]], row["number"]): row["payload"]
        for row in named(rows, tables.QUEUE_MESSAGES)
    }


def _queue_then(rows: Rows, key: str, offset: int) -> Row | None:
    """The rule that `tables.QUEUE_HISTORY` states."""
    mine = [row for row in named(rows, tables.QUEUE_HISTORY) if _key(row) == key and row["offset_"] <= offset]
    if not mine:
        return None
    last = max(mine, key=lambda row: int(row["offset_"]))
    if last["deleted"]:
        return None
    return (last["version"], last["epoch"], last["messages"], last["bytes"], *_counts(last))


def _message_then(rows: Rows, queue: Queue, name: str, number: int, offset: int) -> str | None:
    """The rule that `tables.MESSAGE_HISTORY` and `StepRow.state` state."""
    block = number // tables.BLOCK
    found = [
        row
        for row in named(rows, tables.MESSAGE_HISTORY)
        if (row["incarnation"], row["block"]) == (queue.incarnation, block)
        and row["first_"] <= number <= row["last_"]
        and (row["numbers"] is None or number in row["numbers"])
        and row["subscription"] in (name, "")
        and row["offset_"] <= offset
    ]
    last = max(found, key=lambda row: (int(row["event"]), int(row["part"])))
    columns = ("partition", "event", "part", "subscription", "what", "first_", "numbers", "attempts", "due_lease_ms",
               "due_ms", "token", "principal", "client", "handle", "cause", "reason", "target", "origin", "offset_",
               "at_ms")  # fmt: skip
    return step_of(tuple(last[column] for column in columns), number).state


def _account(past: History[Queue]) -> dict[tuple[str, str, int], dict[str, int]]:
    names = {
        MessagesEnqueued: "enqueued", MessagesDelivered: "delivered", MessagesAcked: "acked", MessagesDied: "dead",
        MessagesRedriven: "redriven", MessagesReturned: "returned",
    }  # fmt: skip
    found: defaultdict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    for commit in past.commits:
        for one in commit.decided:
            if (commit.offset, one.index) in past.poison:
                continue
            tenant, _, name = one.decision.key.partition("/")
            for event in one.events:
                what = names.get(type(event))
                if what is not None:
                    expired = isinstance(event, MessagesReturned) and event.cause == "EXPIRED"
                    window = (tenant, name.partition("#")[0], commit.time_ms // WINDOW_MS * WINDOW_MS)
                    found[window]["expired" if expired else what] += len(event.messages)
    return {
        key: {name: counted[name] for name in (*names.values(), "expired")} for key, counted in found.items()
    }
