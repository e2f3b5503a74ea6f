"""Histories are forgotten on PostgreSQL as in memory: the same rows stay, and what is asked afterwards is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storage.memory.builds import MemoryBuilds
from storage.memory.histories import MemoryOldHistory
from storage.memory.queues import MemoryQueueReads
from storage.postgres.builds import PostgresBuilds
from storage.postgres.histories import PostgresOldHistory
from storage.postgres.histories_sql import forgetting
from storage.postgres.pool import Pool, pool
from storage.postgres.reads import SETTINGS
from storage.postgres.reads_caches import PostgresCacheReads
from storage.postgres.reads_nodes import PostgresNodeReads
from storage.postgres.reads_queues import PostgresQueueReads
from storage.postgres.stood import PostgresStoodLocks
from streams.domain.queues.events import QueueDeleted
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.projections.caches.projections import CACHES
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.reads import LockFilter
from streams.projections.locks.tables import LOCK_HISTORY
from streams.projections.nodes.projections import NODES
from streams.projections.ports import (
    BuiltByOlder,
    OldHistory,
    ProjectionStore,
    SinkUnavailable,
    Sweep,
    Swept,
)
from streams.projections.projection import Projection
from streams.projections.queues.projections import QUEUES
from streams.projections.reads import Moment, RowsForgotten
from streams.projections.table import Changes, Table
from streams.read_models import PROJECTIONS
from tests.contract.sinks.conftest import (
    MemoryDatabase,
    PostgresDatabase,
    empty_database,
    postgres_for_tests,
)
from tests.contract.sinks.toys import at
from tests.property.projections import caches_histories, histories, queues_histories
from tests.property.projections.sink import fold_on
from tests.property.projections.test_nodes import MOVES as NODE_MOVES
from tests.property.projections.test_nodes import History as NodesHistory
from tests.unit.projections.nodes import spec as nodes
from tests.unit.projections.queues import spec as queues
from tests.unit.replay import logbook
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]
Writes = list[tuple[Checkpoint, Checkpoint, Changes]]


@dataclass(frozen=True)
class Kind:
    projection: Projection
    where: PartitionId
    words: Vocabulary
    moves: st.SearchStrategy[Any]
    commits: Callable[[Any], Sequence[AcceptedCommit]]
    asks: Callable[[Pool, Moment], Awaitable[object]]

    @property
    def tables(self) -> list[Table]:
        return [table for table in self.projection.tables if table.forgets is not None]


async def _locks_at(connections: Pool, then: Moment) -> object:
    reads, found = PostgresStoodLocks(connections), list[object]()
    for tenant, name in [key.split("/", 1) for key in histories.KEYS]:
        found.append(await reads.lock_at(tenant, name, 0, then))
        if isinstance(then, Position):
            found.append(await reads.stood(tenant, name, then.partition, then.offset + 1))
    for tenant in ("acme", "zeta"):
        found.append((await reads.locks_at(tenant, LockFilter(), 50, None, then))[0])
    return found


async def _queues_at(connections: Pool, then: Moment) -> object:
    reads = PostgresQueueReads(connections)
    places = [key.partition("#")[0].split("/") for key in queues_histories.KEYS]
    return [await reads.queue_at(tenant, name, then) for tenant, name in places]


async def _caches_at(connections: Pool, then: Moment) -> object:
    reads, found = PostgresCacheReads(connections), list[object]()
    for tenant, name in [key.partition("#")[0].split("/") for key in caches_histories.KEYS]:
        found.append(await reads.cache_at(tenant, name, then))
        found += [await reads.entry_at(tenant, name, entry, then) for entry in ("a", "b", "c", "x", "y")]
    return found


async def _nodes_at(connections: Pool, then: Moment) -> object:
    reads = PostgresNodeReads(connections)
    return [await reads.node_at("dev", "n1", then), await reads.node_at("dev", "n2", then),
            await reads.brake_at("dev", then)]  # fmt: skip


KINDS = {
    "locks": Kind(LOCKS, logbook.WHERE, logbook.WORDS, histories.MOVES,
                  lambda moves: histories.history(moves).commits, _locks_at),
    "queues": Kind(QUEUES, queues.WHERE, queues.WORDS, queues_histories.MOVES,
                   lambda moves: queues_histories.history(moves).commits, _queues_at),
    "caches": Kind(CACHES, caches_histories.WHERE, caches_histories.WORDS, caches_histories.MOVES,
                   lambda moves: caches_histories.history(moves).commits, _caches_at),
    "nodes": Kind(NODES, nodes.WHERE, nodes.WORDS, NODE_MOVES,
                  lambda moves: NodesHistory().play(moves).commits, _nodes_at),
}  # fmt: skip


def logs(kind: Kind) -> list[Sequence[AcceptedCommit]]:
    """Return the two of some logs in which most happens; always the same."""
    made: list[Sequence[AcceptedCommit]] = []

    @settings(max_examples=40, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(kind.moves)
    def make(moves: Any) -> None:
        made.append(kind.commits(moves))

    make()
    return sorted(made, key=_events)[-2:]


def _events(commits: Sequence[AcceptedCommit]) -> int:
    return sum([len(one.events) for accepted in commits for one in accepted.decided])


def writes(kind: Kind, commits: Sequence[AcceptedCommit]) -> Writes:
    fold, expected, found = kind.projection.fold(kind.where, kind.words), START, Writes()
    for accepted in commits:
        fold_on(fold, accepted)
        reached = at(accepted.offset + 1, time_ms=accepted.time_ms)
        found.append((expected, reached, fold.take()))
        expected = reached
    return found


async def write(store: ProjectionStore, kind: Kind, steps: Writes, build: int | None = None) -> None:
    meant = kind.projection if build is None else replace(kind.projection, build=build)
    for expected, reached, changes in steps:
        await store.write(meant, kind.where, expected, reached, changes)


async def forget(
    old: OldHistory, kind: Kind, before_ms: int, limit: int = 7, build: int | None = None
) -> list[int]:
    meant = kind.projection if build is None else replace(kind.projection, build=build)
    gone = []
    for table in kind.tables:
        rows, after = 0, None
        while True:
            swept = await old.forget(meant, table, Sweep(before_ms, limit, after))
            rows, after = rows + swept.rows, swept.after
            if after is None:
                break
        gone.append(rows)
    return gone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def database(stack: LocalStack) -> AsyncIterator[PostgresDatabase]:
    async with empty_database(stack) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def asked(stack: LocalStack) -> AsyncIterator[Pool]:
    async with pool(str(stack.addresses.postgres), SETTINGS) as connections:
        yield connections


async def answers(kind: Kind, asked: Pool, moments: Sequence[Moment]) -> dict[Moment, object]:
    found: dict[Moment, object] = {}
    for then in moments:
        try:
            found[then] = await kind.asks(asked, then)
        except RowsForgotten:
            found[then] = RowsForgotten
    return found


@pytest.mark.parametrize("log", [0, 1])
@pytest.mark.parametrize("name", KINDS)
async def test_what_is_asked_of_a_moment_that_is_kept_is_answered_as_before(
    name: str, log: int, database: PostgresDatabase, asked: Pool
) -> None:
    kind, memory = KINDS[name], MemoryDatabase()
    commits = logs(kind)[log]
    steps = writes(kind, commits)
    times = sorted({one.time_ms for one in commits})
    await write(database.store, kind, steps)
    await write(memory.store, kind, steps)
    moments: list[Moment] = [*times, *[Position(kind.where, one.offset) for one in commits]]
    before = await answers(kind, asked, moments)
    for cutoff in (times[len(times) // 2], times[-1]):
        gone = await forget(PostgresOldHistory(database.pool), kind, cutoff)
        assert gone == await forget(MemoryOldHistory(memory.store), kind, cutoff)
        assert any(gone) or cutoff < times[-1]
        for table in kind.tables:
            stays = [table.key_of(row) for row in await memory.rows(table)]
            assert [table.key_of(row) for row in await database.rows(table)] == stays
        after = await answers(kind, asked, moments)
        assert {then: answer for then, answer in after.items() if answer is not RowsForgotten} == {
            then: before[then] for then, answer in after.items() if answer is not RowsForgotten
        }
        refused = {then for then, answer in after.items() if answer is RowsForgotten}
        assert {then for then in refused if isinstance(then, int)} == {
            each for each in times if each < cutoff
        }
        late = {Position(kind.where, one.offset) for one in commits if one.time_ms > cutoff}
        assert not refused & late


async def test_who_asks_for_what_is_gone_is_told_where_it_is(database: PostgresDatabase, asked: Pool) -> None:
    kind = KINDS["locks"]
    commits = logs(kind)[1]
    await write(database.store, kind, writes(kind, commits))
    last_ms = commits[-1].time_ms
    await forget(PostgresOldHistory(database.pool), kind, last_ms)
    reads = PostgresStoodLocks(asked)
    with pytest.raises(RowsForgotten, match="tidelock state --at") as refused:
        await reads.lock_at("acme", "a", 0, last_ms - 1)
    assert refused.value.from_ms == last_ms
    with pytest.raises(RowsForgotten, match="history of locks"):
        await reads.locks_at("acme", LockFilter(), 9, None, Position(kind.where, 1))
    assert (await reads.lock_at("acme", "a", 0, last_ms)).name == "a"


async def test_several_forget_at_once_and_each_row_goes_once(database: PostgresDatabase) -> None:
    kind, memory = KINDS["queues"], MemoryDatabase()
    commits = logs(kind)[1]
    await write(database.store, kind, writes(kind, commits))
    await write(memory.store, kind, writes(kind, commits))
    last_ms = commits[-1].time_ms
    gone = await asyncio.gather(
        *[forget(PostgresOldHistory(database.pool), kind, last_ms, limit) for limit in (3, 4, 5)]
    )
    (once,) = await forget(MemoryOldHistory(memory.store), kind, last_ms)
    assert sum(sum(each) for each in gone) >= once > 0
    while any(await forget(PostgresOldHistory(database.pool), kind, last_ms)):
        pass
    while any(await forget(MemoryOldHistory(memory.store), kind, last_ms)):
        pass
    (table,) = kind.tables
    stays = [table.key_of(row) for row in await memory.rows(table)]
    assert [table.key_of(row) for row in await database.rows(table)] == stays


async def test_what_one_build_has_forgotten_is_no_difference_of_another(database: PostgresDatabase) -> None:
    kind, builds, old = KINDS["queues"], PostgresBuilds(database.pool), PostgresOldHistory(database.pool)
    steps = writes(kind, logs(kind)[1])
    times = sorted({reached.time_ms for _, reached, _ in steps})
    await builds.begin(kind.projection, 2)
    await write(database.store, kind, steps)
    assert sum(await forget(old, kind, times[len(times) // 2])) > 0
    await write(database.store, kind, steps, build=2)  # it has what the live one has not any more
    assert (await builds.compare(kind.projection, 2, 0, 10)).rows == 0
    assert sum(await forget(old, kind, times[len(times) // 2], build=2)) > 0
    async with database.pool.connection() as connection:  # what neither may have forgotten is compared
        await connection.execute("DELETE FROM tidelock.queue_history WHERE at_ms = %s", (times[-1],))
    assert (await builds.compare(kind.projection, 2, 0, 10)).rows > 0


async def test_a_rebuild_answers_about_all_moments_again(database: PostgresDatabase, asked: Pool) -> None:
    kind, memory = KINDS["queues"], MemoryDatabase()
    commits = logs(kind)[1]
    steps, first = writes(kind, commits), commits[0]
    for store, old in (
        (database.store, PostgresOldHistory(database.pool)),
        (memory.store, MemoryOldHistory(memory.store)),
    ):
        await write(store, kind, steps)
        await forget(old, kind, commits[-1].time_ms)
        await store.reset(kind.projection)
        await write(store, kind, steps)
    reads = PostgresQueueReads(asked), MemoryQueueReads(memory.store)
    for then in (Position(kind.where, first.offset), first.time_ms):
        told = [await one.queue_at("acme", "q", then) for one in reads]
        assert told[0] == told[1] is not None


async def test_a_rebuild_beside_another_build_refuses_as_before(
    database: PostgresDatabase, asked: Pool
) -> None:
    """That one may have forgotten, and may be promoted."""
    kind, memory = KINDS["queues"], MemoryDatabase()
    commits = logs(kind)[1]
    steps = writes(kind, commits)
    for store, old, builds in (
        (database.store, PostgresOldHistory(database.pool), PostgresBuilds(database.pool)),
        (memory.store, MemoryOldHistory(memory.store), MemoryBuilds(memory.store)),
    ):
        await builds.begin(kind.projection, 2)
        await write(store, kind, steps, build=2)
        await write(store, kind, steps)
        await forget(old, kind, commits[-1].time_ms, build=2)
        await store.reset(kind.projection)
        await write(store, kind, steps)
    for reads in (PostgresQueueReads(asked), MemoryQueueReads(memory.store)):
        for then in (Position(kind.where, commits[0].offset), commits[0].time_ms):
            with pytest.raises(RowsForgotten):
                await reads.queue_at("acme", "q", then)


async def test_what_is_of_another_release_is_left_to_it(database: PostgresDatabase) -> None:
    kind, memory = KINDS["queues"], MemoryDatabase()
    steps = writes(kind, logs(kind)[1])
    later = replace(kind, projection=replace(kind.projection, version=kind.projection.version + 1))
    for store, old in (
        (database.store, PostgresOldHistory(database.pool)),
        (memory.store, MemoryOldHistory(memory.store)),
    ):
        await write(store, kind, steps)
        with pytest.raises(BuiltByOlder):
            await forget(old, later, steps[-1][1].time_ms)


async def test_what_tells_that_a_queue_is_no_more_stays_until_nothing_is_before_it(
    database: PostgresDatabase,
) -> None:
    """A rebuild may bring back what is before it while a go is further on."""
    kind, memory = KINDS["queues"], MemoryDatabase()
    log = queues.commits(
        queues.at(1_000, queues.did(queues.created())),
        queues.at(2_000, queues.did(QueueDeleted(0))),
    )
    for store, old in (
        (database.store, PostgresOldHistory(database.pool)),
        (memory.store, MemoryOldHistory(memory.store)),
    ):
        await write(store, kind, writes(kind, log))
        (table,) = kind.tables
        behind = Sweep(5_000, 9, (1_500, 0, "", "", 0, 0))
        assert await old.forget(kind.projection, table, behind) == Swept(0, None)
        assert [(await forget(old, kind, 5_000))[0] for _ in range(3)] == [1, 1, 0]


async def test_who_stands_in_the_way_is_not_waited_for(database: PostgresDatabase) -> None:
    async with database.pool.connection() as rebuild, rebuild.transaction():
        await rebuild.execute("LOCK TABLE tidelock.lock_history IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SinkUnavailable):
            await forget(PostgresOldHistory(database.pool), KINDS["locks"], 1)


OLD = [table for projection in PROJECTIONS for table in projection.tables if table.forgets is not None]


@pytest.mark.parametrize("table", OLD, ids=lambda table: table.name)
async def test_the_oldest_are_found_by_an_index(database: PostgresDatabase, table: Table) -> None:
    statement = forgetting(table, "tidelock", begins=True)
    async with database.pool.connection() as connection, connection.transaction(force_rollback=True):
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.execute(b"EXPLAIN " + statement, {"before_ms": 9, "limit": 9})
        told = "\n".join([line for (line,) in await plan.fetchall()])
    assert "Seq Scan" not in told
    assert f"{table.name}_by_" in told


def test_all_histories_that_can_go_are_told_how() -> None:
    assert {table.name for table in OLD} == {
        LOCK_HISTORY.name, "queue_history", "cache_entries", "cache_lines", "cache_history", "node_history",
        "brake_history",
    }  # fmt: skip
