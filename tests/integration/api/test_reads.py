"""What the read models answer, as PostgreSQL has them."""

import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from api.context import context_of
from api.identity import DevelopmentToken
from api.schema import build
from api.services import Services
from api.sessions import Sessions
from storage.postgres import reads_rows, reads_sql
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from streams.log.positions import PartitionId, Position
from streams.projections.locks.past import lock_of_spells
from streams.projections.locks.reads import LockFilter, LockRow, SpellRow
from streams.projections.reads import AsOf, AuditFilter
from streams.wire.murmur2 import partition_of
from tests.integration.api.stage import LOCK, Stage, until
from tests.unit.api.world import PARTITIONS, MemoryEnds, MemoryProgress, no_workers

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

NAMES = [f"page/{number:02}" for number in range(30)]
BUSY = "busy/shared"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(stage: Stage) -> AsyncIterator[PostgresLockReads]:
    """Over locks that are held, waited for, renewed often, upgraded, expired."""
    client = await stage.client()
    held = [await client.locks.acquire(name, ttl=600) for name in NAMES]
    sharers = [await client.locks.acquire(BUSY, shared=True, ttl=60, handle=f"s{n}") for n in range(3)]
    for turn in range(100):
        for sharer in sharers:
            await client.locks.renew(sharer, 60 + turn)
        if turn % 20 == 10:
            await client.locks.release(sharers.pop())
            sharers.append(await client.locks.acquire(BUSY, shared=True, ttl=60, handle=f"t{turn}"))
    await client.locks.acquire("brief", ttl=0.1)
    last = await client.locks.acquire("last", ttl=600)
    await client.locks.release(held[-1])
    for position in (sharers[-1].position, last.position):
        await stage.ask(LOCK, name="last", notBefore=str(position))
    async with pool(stage.postgres, SETTINGS) as connections:
        found = PostgresLockReads(connections)

        async def shown() -> bool:
            (lock,) = await found.locks_by_name("dev", [(place(NAMES[-1]), NAMES[-1])])
            return lock.mode == "FREE"

        await until(shown)
        yield found


async def test_any_moment_is_what_its_spells_say(stage: Stage, reads: PostgresLockReads) -> None:
    """The walk back of 64 rows against looking at all rows, at every position and time in which something changed."""
    for name in (BUSY, "brief", NAMES[0], NAMES[-1], "never"):
        where, spells = place(name), await _spells(stage, name)
        offsets = sorted({at for one in spells for at in (one.from_offset, one.to_offset) if at is not None})
        times = sorted({at for one in spells for at in (one.from_ms, one.to_ms) if at is not None})
        for offset in [0, *offsets[:: max(1, len(offsets) // 60)], 10**9]:
            for at in (offset - 1, offset):
                got = await reads.lock_at("dev", name, where, Position(PartitionId("locks", where), at))
                open_ = [
                    s for s in spells if s.from_offset <= at and (s.to_offset is None or s.to_offset > at)
                ]
                assert _seen(got) == _seen(_locked(name, open_)), (name, at)
        for at in [0, *times[:: max(1, len(times) // 30)], 10**14]:
            got = await reads.lock_at("dev", name, where, at)
            open_ = [s for s in spells if s.from_ms <= at and (s.to_ms is None or s.to_ms > at)]
            assert _seen(got) == _seen(_locked(name, open_)), (name, at)
    assert len(await _spells(stage, BUSY)) > 200
    assert not await _spells(stage, "never")


async def test_pages_of_a_moment_have_the_locks_of_that_moment(
    stage: Stage, reads: PostgresLockReads
) -> None:
    (spell,) = [one for one in await _spells(stage, NAMES[-1]) if one.ended == "RELEASED"]
    assert spell.to_ms is not None
    for at, expected in ((spell.to_ms - 1, NAMES), (spell.to_ms, NAMES[:-1])):
        assert await _names_at(reads, at, 7) == expected
    assert spell.to_offset is not None
    where = place(NAMES[-1])
    there = [name for name in NAMES if place(name) == where]
    before = Position(PartitionId("locks", where), spell.to_offset - 1)
    after = Position(PartitionId("locks", where), spell.to_offset)
    assert await _names_at(reads, before, 3) == there
    assert await _names_at(reads, after, 3) == there[:-1]


async def test_pages_are_narrowed_in_the_statement(reads: PostgresLockReads) -> None:
    async def names(**wanted: Any) -> list[str]:
        return [row.name for row in (await reads.locks("dev", LockFilter(**wanted), 50, None))[0]]

    assert await names(name_prefix="page/0") == NAMES[:10]
    assert BUSY in await names(mode="SHARED")
    assert NAMES[0] not in await names(mode="SHARED")
    assert BUSY in await names(principal="dev", handle="s0")
    assert await names(principal="dev", handle="s0", name_prefix="page/") == []
    assert await names(principal="nobody") == []
    assert await names(name_prefix="page/0", contended=True) == []
    assert [row.name for row in (await reads.locks("other", LockFilter(), 50, None))[0]] == []
    rows, as_of = await reads.locks("dev", LockFilter(name_prefix="page/"), 5, NAMES[3])
    assert [row.name for row in rows] == NAMES[4:10]
    assert len(as_of.stands) == PARTITIONS


async def test_a_page_with_all_its_edges_costs_six_statements_at_most_whatever_its_length(
    reads: PostgresLockReads,
) -> None:
    tokens = DevelopmentToken("t", "dev", "dev")
    services = Services(
        tokens, reads, MemoryProgress(), MemoryEnds(), Sessions(no_workers), {"locks": PARTITIONS}, b""
    )
    schema, counts = build(), []
    query = """query ($first: Int!) {
        locks(first: $first) { nodes { name holders { token } waiters { ticket lock { name } } } }
        lockHistory(name: "busy/shared", first: $first) { nodes { lock { mode waiters { place } } } }
        audit(first: $first) { nodes { lock { mode } } } }"""
    for first in (1, 25):
        before = reads.statements
        context = context_of(services, tokens.identify("t"))
        result = await schema.answer(query, {"first": first}, None, context)
        assert not result.errors
        assert result.data is not None
        assert len(result.data["locks"]["nodes"]) == len(result.data["audit"]["nodes"]) == first
        counts.append(reads.statements - before)
    assert max(counts) <= 6, "three pages, the locks of two of them, once each waiters"


async def test_a_page_is_planned_once_and_not_at_every_turn(stage: Stage, reads: PostgresLockReads) -> None:
    statement = "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements"
    async with pool(stage.postgres, replace(SETTINGS, max_size=1)) as connections:
        mine = PostgresLockReads(connections)
        for _ in range(20):
            assert (await mine.locks("dev", LockFilter(), 20, None))[0]
        async with connections.connection() as connection:
            ((custom, generic),) = await (await connection.execute(statement)).fetchall()
    assert (custom, generic > 10) == (0, True)


async def test_audit_and_history_go_on_from_any_row(reads: PostgresLockReads) -> None:
    for wanted in (AuditFilter(), AuditFilter(name=BUSY), AuditFilter(command="RenewLock", accepted=True)):
        whole = list((await reads.audit("dev", wanted, 400, None))[0])
        assert len(whole) > 100
        at = whole[49]
        rest, _ = await reads.audit("dev", wanted, 50, (at.at_ms, at.partition, at.offset, at.index))
        assert list(rest) == whole[50:101]
    spells = list((await reads.history("dev", BUSY, 400, None))[0])
    later = (await reads.history("dev", BUSY, 50, (spells[9].from_offset, spells[9].from_event)))[0]
    assert list(later) == spells[10:61]
    assert [one.from_event for one in spells] == sorted((one.from_event for one in spells), reverse=True)


async def test_postgresql_may_be_killed_and_reads_go_on(stage: Stage, reads: PostgresLockReads) -> None:
    part = stage.stack.part("postgres")
    part.kill(signal.SIGKILL)
    codes = set[str]()

    async def answered() -> bool:
        answer = await stage.post(LOCK, name=BUSY)
        codes.update(error["extensions"]["code"] for error in answer.get("errors", ()))
        return "errors" not in answer

    await until(answered)
    await part.wait_ready()
    assert codes <= {"READS_UNAVAILABLE"}
    granted = await (await stage.client()).locks.acquire("after/restart")
    seen = (await stage.ask(LOCK, name="after/restart", notBefore=str(granted.position)))["lock"]
    assert seen["holders"][0]["token"] == str(granted.token)


def place(name: str) -> int:
    return partition_of(f"dev/{name}", PARTITIONS)


async def _spells(stage: Stage, name: str) -> list[SpellRow]:
    statement = (
        f"SELECT {reads_sql.SPELL} FROM tidelock.lock_history h WHERE h.name = %s ORDER BY h.from_event"
    )
    async with await AsyncConnection.connect(stage.postgres) as connection:
        return [
            reads_rows.spell(row) for row in await (await connection.execute(statement, (name,))).fetchall()
        ]


async def _names_at(reads: PostgresLockReads, at: Any, first: int) -> list[str]:
    found, after = list[str](), None
    while True:
        rows, as_of, after = await reads.locks_at("dev", LockFilter("page/"), first, after, at)
        assert as_of.moment == at
        assert len(rows) <= first
        found += [row.name for row in rows]
        if after is None:
            return found


def _locked(name: str, spells: list[SpellRow]) -> LockRow:
    return lock_of_spells(place(name), name, spells, (0, 0), AsOf(()))


def _seen(lock: LockRow) -> tuple[Any, ...]:
    return lock.mode, lock.holders, lock.queue or (), lock.token, lock.waiting
