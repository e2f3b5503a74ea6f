"""Windows of activity in a table, against naive accounts: in any stretches, with restarts, and ended by the clock."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.memory.changelog import MemoryChangelogs
from storage.tables.store import TableProjectionStore
from streams.domain.decider import Rejected
from streams.domain.locks.events import (
    LockExpired,
    LockGranted,
    LockReleased,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START, Checkpoint
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.activity.reads import ActivityWindow, Restored
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import MINUTE_MS, NAMES, TENANTS
from streams.projections.projection import WindowedFold
from streams.projections.table import Row
from streams.windows.sketch import Sketch
from tests.contract.sinks.toys import at
from tests.property.projections.histories import KEYS, MOVES, Move, history
from tests.unit.replay.logbook import WHERE, WORDS

LOCKS = next(one for one in ACTIVITIES if one.kind == "locks")
ENDINGS = (LockWaitTimedOut, LockWaitAborted, LockWaitWithdrawn)
TENANT_NAMES = {tuple(key.split("/", 1)) for key in KEYS} | {(key.split("/")[0], "") for key in KEYS}


@dataclass
class Naive:
    """What was counted in one window."""

    commands: int = 0
    rejected: int = 0
    events: Counter[str] = field(default_factory=Counter)
    waits: list[int] = field(default_factory=list)
    holds: list[int] = field(default_factory=list)
    clients: set[str] = field(default_factory=set)
    busiest: Counter[str] = field(default_factory=Counter)
    contended: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)


Accounts = dict[tuple[str, str, int], Naive]


def naive(commits: Iterable[AcceptedCommit], advances: Mapping[int, int]) -> tuple[Accounts, int, int]:
    """Return all windows that were ever there, the watermark, and what came late. `advances`: behind which commit."""
    windows: Accounts = defaultdict(Naive)
    since: dict[int, int] = {}
    watermark, late = -(1 << 62), 0
    for number, accepted in enumerate(commits):
        now = accepted.time_ms
        start, watermark = now - now % MINUTE_MS, max(watermark, now)
        for decided in accepted.decided:
            tenant, _, name = decided.decision.key.partition("/")
            facts = _facts(decided, name, now, since)
            if not name:
                continue
            if start + 2 * MINUTE_MS <= watermark:
                late += 2  # once in each view
                continue
            for fact in facts:
                for window in (windows[tenant, name, start], windows[tenant, "", start]):
                    _count(window, fact)
        watermark = max(watermark, advances.get(number, watermark))
    return windows, watermark, late


def _facts(decided: Any, name: str, now: int, since: dict[int, int]) -> list[tuple[str, Any]]:
    decision, facts = decided.decision, list[tuple[str, Any]]()
    events = Counter(type(event).__name__ for event in decided.events)
    if decision.lane in ("DIRECT", "TOPIC"):
        reply = WORDS.decode_reply(decision.reply) if decision.reply else None
        code = reply.code if isinstance(reply, Rejected) else None
        facts.append(("command", (name, f"{decision.principal}/{decision.client}", code, events)))
    elif events:
        facts.append(("events", events))
    for event in decided.events:
        ticket = getattr(event, "ticket", None)
        if isinstance(event, (LockGranted, LockUpgraded, *ENDINGS)) and ticket in since:
            facts.append(("wait", now - since.pop(ticket)))
        if isinstance(event, LockWaitStarted):
            since[event.ticket] = now
            facts.append(("contended", name))
        elif isinstance(event, LockGranted):
            since[event.token] = now
        elif isinstance(event, LockUpgraded):
            since[event.token] = since.pop(event.from_token, now)
        elif isinstance(event, LockReleased | LockExpired) and event.token in since:
            facts.append(("hold", now - since.pop(event.token)))
    return facts


def _count(window: Naive, fact: tuple[str, Any]) -> None:
    match fact:
        case ("command", (name, client, code, events)):
            window.commands += 1
            window.events += events
            window.busiest[name] += 1
            window.clients.add(client)
            if code is not None:
                window.rejected += 1
                window.refusals[code] += 1
        case ("events", events):
            window.events += events
        case ("wait", lasted):
            window.waits.append(lasted)
        case ("hold", lasted):
            window.holds.append(lasted)
        case ("contended", name):
            window.contended[name] += 1


class Table:
    """The read model on a changelog, as lanes keep it: written in stretches, loaded anew now and then."""

    def __init__(self) -> None:
        self.changelogs = MemoryChangelogs()
        self.fold: WindowedFold
        self.at = START

    async def load(self) -> None:
        self.store = TableProjectionStore(self.changelogs)
        loaded = await self.store.load(LOCKS, WHERE)
        self.fold = cast(WindowedFold, LOCKS.fold(WHERE, WORDS))
        for table, rows in loaded.rows.items():
            self.fold.restore(table, rows)
        self.at = loaded.checkpoint

    async def write(self, reached: Checkpoint) -> None:
        await self.store.write(LOCKS, WHERE, self.at, reached, self.fold.take())
        self.at = reached

    def rows(self) -> list[Row]:
        return list((self.store.rows(LOCKS, WHERE, ACTIVITY) or {}).values())


async def kept(commits: Sequence[AcceptedCommit], cuts: Sequence[str]) -> tuple[Table, dict[int, int]]:
    """Fold commits: behind each the stretch goes on, is written, is lost, or the clock ends what is due."""
    table, advances, first, number = Table(), dict[int, int](), 0, 0
    await table.load()
    while number < len(commits):
        table.fold.commit(commits[number])
        cut = cuts[number % len(cuts)]
        if cut == "lost" and number > first:
            await table.load()
            number = first
            cuts = [*cuts[:number], *(["on"] * len(commits))]
            continue
        if cut == "clock" and table.fold.due_ms is not None:
            advances[number] = table.fold.due_ms
            table.fold.advance(advances[number])
        number += 1
        if cut != "on":
            await table.write(at(number))
            first = number
        if cut == "restart":
            await table.load()
    await table.write(at(number + 1))
    return table, advances


@given(
    moves=MOVES,
    cuts=st.lists(st.sampled_from(["on", "write", "restart", "clock", "lost"]), min_size=5, max_size=61),
)
@settings(max_examples=60, deadline=None)
def test_the_table_is_what_naive_accounts_are(moves: list[Move], cuts: list[str]) -> None:
    commits = history(moves).commits
    table, advances = asyncio.run(kept(commits, cuts))
    windows, watermark, late = naive(commits, advances)
    for tenant, name in sorted(TENANT_NAMES):
        view = NAMES if name else TENANTS
        rows = [row for row in table.rows() if row[1] == view]
        found = Restored(view, [rows]).windows(tenant, name or None)
        wanted = {
            start: each
            for (whose, which, start), each in windows.items()
            if (whose, which) == (tenant, name) and start + 2 * MINUTE_MS > watermark
        }
        assert [each.start_ms for each in found] == sorted(wanted, reverse=True)
        for each in found:
            assert each.open == (each.end_ms > watermark)
            _same(each, wanted[each.start_ms], whole=not name)
    assert table.fold.counters["late"] == late
    assert {row[4] for row in table.rows() if row[2]} <= {start for _, _, start in windows}


def _same(found: ActivityWindow, wanted: Naive, *, whole: bool) -> None:
    assert (found.commands, found.rejected) == (wanted.commands, wanted.rejected)
    assert dict(found.events) == +wanted.events
    for lasted, durations in ((found.waits, wanted.waits), (found.holds, wanted.holds)):
        sketch = Sketch()
        for duration in durations:
            sketch.add(duration)
        assert lasted.count == len(durations)
        assert (lasted.p50_ms, lasted.p95_ms, lasted.p99_ms) == sketch.quantiles(500, 950, 990)
    if whole:
        assert found.clients == len(wanted.clients)
        assert {item: count for item, count, _ in found.busiest} == wanted.busiest
        assert {item: count for item, count, _ in found.contended} == wanted.contended
        assert {item: count for item, count, _ in found.refusals} == wanted.refusals
    else:
        assert (found.clients, found.busiest, found.contended, found.refusals) == (None, (), (), ())
