"""The read models of caches of whatever the real decider does, against the owner's own state and naive accounts."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.caches import events as e
from streams.domain.caches.inspect import shown
from streams.domain.caches.state import Cache, Entry
from streams.projections.caches import tables
from streams.projections.caches.documents import settings_of, tags_of
from streams.projections.caches.projections import AUDIT, CACHES
from streams.projections.caches.windows import COUNTERS, CacheCounts
from streams.projections.projection import Projection
from streams.projections.windows import WINDOW_MS
from tests.property.projections.caches_histories import KEYS, MOVES, WHERE, WORDS, history
from tests.property.projections.play import History, Move
from tests.property.projections.sink import (
    Rows,
    Sink,
    closed_as_they_stood,
    fold_on,
    gauges,
    named,
    same_in_stretches,
)

EXAMPLES = settings(max_examples=40, deadline=None)


def project(projection: Projection, past: History[Cache]) -> list[Rows]:
    """Fold commit by commit; return how the rows were behind each."""
    sink, fold, seen = Sink(), projection.fold(WHERE, WORDS), []
    for accepted in past.commits:
        fold_on(fold, accepted)
        sink.apply(fold.take())
        seen.append(sink.copy())
    return seen


@pytest.mark.parametrize("projection", [CACHES, AUDIT], ids=["caches", "audit"])
@given(moves=MOVES, cuts=st.lists(st.sampled_from(["on", "take", "restart"]), min_size=95, max_size=95))
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
    for states, rows in zip(past.states, project(CACHES, past), strict=True):
        there = {key: cache for key, cache in states.items() if cache.settings is not None}
        keys = {row["incarnation"]: _key(row) for row in named(rows, tables.CACHE_SHARDS)}
        assert {_key(row): _shard(row) for row in named(rows, tables.CACHE_SHARDS)} == {
            key: _stats(cache) for key, cache in there.items()
        }
        assert _values(rows, keys) == {
            (key, name): _value(entry)
            for key, cache in there.items()
            for name, entry in cache.entries.items()
            if entry.value is not None
        }
        assert _lines(rows, keys) == {
            (key, name, attachment): (line.state, line.token, cache.listeners[attachment].client)
            for key, cache in there.items()
            for name, entry in cache.entries.items()
            for attachment, line in entry.lines.items()
        }
        assert _listeners(rows, keys) == {
            (key, each.attachment): (
                each.client, each.session, each.expires_at, each.posted, each.acked, each.reset,
                each.gone if each.leaving else None,
            )
            for key, cache in there.items()
            for each in cache.listeners.values()
        }  # fmt: skip
        assert _pending(rows, keys) == Counter(
            one for key, cache in there.items() for one in _work(key, cache)
        )


@given(moves=MOVES)
@EXAMPLES
def test_what_fits_nothing_is_told_and_leaves_no_trace(moves: list[Move]) -> None:
    """`test_the_rows_say_what_the_owner_holds` shows that no part of it was folded."""
    past = history(moves)
    fold = CACHES.fold(WHERE, WORDS)
    told = set[tuple[int, int]]().union(*(fold_on(fold, accepted) for accepted in past.commits))
    assert told == past.poison


@given(moves=MOVES)
@EXAMPLES
def test_as_of_any_position_the_latest_rows_say_what_the_owner_held(moves: list[Move]) -> None:
    past = history(moves)
    rows = project(CACHES, past)[-1]
    for accepted, states in zip(past.commits, past.states, strict=True):
        for key in KEYS:
            cache, then = states[key], _shard_then(rows, key, accepted.offset)
            assert then == (None if cache.settings is None else _stats(cache)[3:])
        at = accepted.offset
        stood = [row for row in named(rows, tables.CACHE_ENTRIES) if _stood(row, at)]
        expected = [cache for cache in states.values() if cache.settings is not None]
        assert Counter((row["entry"], row["digest"], row["version"]) for row in stood) == Counter(
            (name, sha256(entry.value).hexdigest(), entry.version)
            for cache in expected
            for name, entry in cache.entries.items()
            if entry.value is not None
        )
        lines = [row for row in named(rows, tables.CACHE_LINES) if _stood(row, at)]
        assert Counter(
            (row["entry"], row["token"], row["state"], row["version"]) for row in lines
        ) == Counter(
            (name, line.token, line.state, entry.version)
            for cache in expected
            for name, entry in cache.entries.items()
            for line in entry.lines.values()
        )


@given(moves=MOVES)
@EXAMPLES
def test_the_log_has_the_bytes_of_a_value_where_its_row_says(moves: list[Move]) -> None:
    past = history(moves)
    brought = {
        (accepted.offset, decided.number + place): event
        for accepted in past.commits
        for decided in accepted.decided
        for place, event in enumerate(decided.events)
    }
    for row in named(project(CACHES, past)[-1], tables.CACHE_ENTRIES):
        event: Any = brought[row["value_offset"], row["value_event"]]
        if isinstance(event, e.EntriesWarmed):
            (event,) = [one for one in event.entries if one.entry == row["entry"]]
        assert event.entry == row["entry"]
        assert sha256(event.value).hexdigest() == row["digest"]


@given(moves=MOVES)
@EXAMPLES
def test_windows_count_what_a_naive_account_does(moves: list[Move]) -> None:
    past = history(moves)
    rows = project(CACHES, past)[-1]
    account = _account(past)
    last_ms = past.commits[-1].time_ms
    told = {(row["tenant"], row["cache"], row["start_ms"]): row for row in named(rows, tables.CACHE_WINDOWS)}
    counted = {key: {name: row[name] for name in COUNTERS if row[name]} for key, row in told.items()}
    # a window in which commands only ended their waits counts nothing else
    assert {key: numbers for key, numbers in counted.items() if numbers} == dict(account)
    for key, row in told.items():
        assert row["closed"] is (True if key[2] + WINDOW_MS <= last_ms else None)


@given(moves=MOVES)
@EXAMPLES
def test_gauges_are_what_the_shards_of_a_name_have(moves: list[Move]) -> None:
    """What their rows say is compared with the owner's state above."""
    seen = project(CACHES, history(moves))
    assert closed_as_they_stood(seen, CacheCounts)
    for rows in seen:
        for (tenant, name), found in gauges(rows, CacheCounts).items():
            shards = [
                tuple(row[name] for name in CacheCounts.measures.gauges)
                for row in named(rows, tables.CACHE_SHARDS)
                if (row["tenant"], row["cache"]) == (tenant, name)
            ]
            assert found == CacheCounts.measures.together(shards)


def _key(row: dict[str, Any]) -> str:
    shard = f"#{row['shard']}" if row["shard"] else ""
    return f"{row['tenant']}/{row['cache']}{shard}"


def _shard(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["incarnation"], row["version"], settings_of(row["settings"]), *_numbers(row))


_COUNTS = (
    "entries",
    "bytes",
    "modified",
    "exclusive",
    "shared",
    "listeners",
    "waiting",
    "filling",
    "changing",
)


def _numbers(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["closing"], *[row[name] for name in _COUNTS])


def _stats(cache: Cache) -> tuple[Any, ...]:
    stats = shown(cache)
    assert stats is not None
    return (
        stats.incarnation, stats.version, stats.settings, stats.closing, *[getattr(stats, name) for name in _COUNTS]
    )  # fmt: skip


def _shard_then(rows: Rows, key: str, offset: int) -> tuple[Any, ...] | None:
    past = [row for row in named(rows, tables.CACHE_HISTORY) if _key(row) == key and row["offset_"] <= offset]
    latest = max(past, key=lambda row: int(row["offset_"]), default=None)
    return None if latest is None or latest["deleted"] else _numbers(latest)


def _stood(row: dict[str, Any], offset: int) -> bool:
    return bool(row["from_offset"] <= offset and (row["to_offset"] is None or row["to_offset"] > offset))


def _values(rows: Rows, keys: dict[int, str]) -> dict[Any, Any]:
    return {
        (keys[row["incarnation"]], row["entry"]): (
            row["version"], row["bytes"], row["digest"], tags_of(row["tags"]), row["ttl_ms"],
            row["expires_lease_ms"] or 0,
        )
        for row in named(rows, tables.CACHE_ENTRIES)
        if row["to_event"] is None
    }  # fmt: skip


def _value(entry: Entry) -> tuple[Any, ...]:
    body = entry.value or b""
    return entry.version, len(body), sha256(body).hexdigest(), entry.tags, entry.ttl_ms, entry.expires_at


def _lines(rows: Rows, keys: dict[int, str]) -> dict[Any, Any]:
    return {
        (keys[row["incarnation"]], row["entry"], row["attachment"]): (
            row["state"],
            row["token"],
            row["client"],
        )
        for row in named(rows, tables.CACHE_LINES)
        if row["to_event"] is None
    }


def _listeners(rows: Rows, keys: dict[int, str]) -> dict[Any, Any]:
    return {
        (keys[row["incarnation"]], row["attachment"]): (
            row["client"], row["session"], row["expires_lease_ms"], row["posted"], row["acked"], row["reset"],
            row["gone"],
        )
        for row in named(rows, tables.CACHE_LISTENERS)
    }  # fmt: skip


def _pending(rows: Rows, keys: dict[int, str]) -> Counter[Any]:
    names = ("what", "entry", "purpose", "attachment", "bytes", "until_lease_ms")
    return Counter(
        (keys[row["incarnation"]], *[row[name] for name in names])
        for row in named(rows, tables.CACHE_PENDING)
    )


def _work(key: str, cache: Cache) -> list[Any]:
    waits = [
        (key, one.request, one.entry, None, one.attachment, None if one.value is None else len(one.value),
         one.wait_until or None)
        for one in cache.waits.values()
    ]  # fmt: skip
    found = [(name, entry) for name, entry in cache.entries.items()]
    fills = [
        (key, "FILL", name, None, entry.fill.attachment, None, entry.fill.expires_at)
        for name, entry in found
        if entry.fill is not None
    ]
    changes = [
        (key, "CHANGE", name, entry.change.purpose, entry.change.own, None, None)
        for name, entry in found
        if entry.change is not None
    ]
    return [*waits, *fills, *changes, *[(key, "TAG", job.tag, None, 0, None, None) for job in cache.jobs]]


def _account(past: History[Cache]) -> dict[Any, Counter[str]]:
    account: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for accepted in past.commits:
        start = accepted.time_ms - accepted.time_ms % WINDOW_MS
        for decided in accepted.decided:
            if (accepted.offset, decided.index) in past.poison:
                continue
            tenant, _, name = decided.decision.key.partition("/")
            for event in decided.events:
                for what, times in _counted(event):
                    account[tenant, name.partition("#")[0], start][what] += times
    return account


def _counted(event: Any) -> list[tuple[str, int]]:
    granted = {
        "EXCLUSIVE": "granted_exclusive", "SHARED": "granted_shared", "MODIFIED": "granted_modified",
    }  # fmt: skip
    match event:
        case e.LineGranted():
            return [("reads", 1), (granted.get(event.state, "uncached"), 1)]
        case e.EntryWritten():
            line = [(granted[event.state], 1)] if event.state != "INVALID" else []
            return [*line, ("writes", 1)] if event.cause == "WRITTEN" else line
        case e.LinesCalled():
            calls = {"INVALIDATE": "invalidations", "WRITE_BACK": "recalls", "RESET": "resets"}
            return [(calls[call.kind], 1) for call in event.calls if call.kind in calls]
        case e.EntriesRemoved():
            removed = {"EVICTED": "evicted", "EXPIRED": "expired", "TAG": "tagged"}
            return [(removed[event.cause], len(event.entries))] if event.cause in removed else []
        case e.EntriesWarmed():
            return [("warmed", len(event.entries))]
        case _:
            single = {
                e.EntryWrittenBack: "write_backs", e.EntryDeleted: "deletes", e.FillStarted: "fills",
                e.FillEnded: "fills_failed", e.LineLost: "lost",
            }  # fmt: skip
            return [(single[type(event)], 1)] if type(event) in single else []
