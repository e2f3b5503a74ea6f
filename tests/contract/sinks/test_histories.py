"""Histories are forgotten on PostgreSQL as in memory: the same rows stay, and what is asked afterwards is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storage.memory.builds import MemoryBuilds
from storage.memory.histories import MemoryOldHistory
from storage.memory.nodes import MemoryNodeReads
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
from streams.domain.nodes.events import InstanceUpdated
from streams.domain.queues.events import QueueDeleted
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.projections.caches.projections import CACHES
from streams.projections.locks import changing
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.reads import LockFilter
from streams.projections.locks.tables import DEADLOCKS, LOCK_HISTORY
from streams.projections.nodes import services
from streams.projections.nodes.projections import NODES
from streams.projections.nodes.stood import standing_of
from streams.projections.nodes.tables import INSTANCE_HISTORY
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
from streams.projections.queues.reads import BiographyPage, MessageRef, QueueReads
from streams.projections.queues.tables import MESSAGE_HISTORY, QUEUE_HISTORY
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
    service = await reads.service_at("dev", "s", then)
    if isinstance(then, Position):
        stood = await reads.service_stood("dev", "s", then.partition, then.offset + 1)
        assert stood.standing == standing_of(service)
    return [await reads.node_at("dev", "n1", then), await reads.node_at("dev", "n2", then),
            await reads.brake_at("dev", then), service]  # fmt: skip


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
    """Return the two of some logs in which most happens."""
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
    """Return what is written commit by commit; keyframes are many."""
    with patch.object(services, "KEYFRAME_EVERY", 3), patch.object(changing, "KEYFRAME_EVERY", 3):
        return _writes(kind, commits)


def _writes(kind: Kind, commits: Sequence[AcceptedCommit]) -> Writes:
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
    once = sum(await forget(MemoryOldHistory(memory.store), kind, last_ms))
    assert sum(sum(each) for each in gone) >= once > 0
    while any(await forget(PostgresOldHistory(database.pool), kind, last_ms)):
        pass
    while any(await forget(MemoryOldHistory(memory.store), kind, last_ms)):
        pass
    for table in kind.tables:
        stays = [table.key_of(row) for row in await memory.rows(table)]
        assert [table.key_of(row) for row in await database.rows(table)] == stays


async def test_what_one_build_has_forgotten_is_no_difference_of_another(database: PostgresDatabase) -> None:
    kind, builds, old = KINDS["queues"], PostgresBuilds(database.pool), PostgresOldHistory(database.pool)
    steps, at_ms = writes(kind, logs(kind)[1]), QUEUE_HISTORY.columns.index("at_ms")
    await builds.begin(kind.projection, 2)
    await write(database.store, kind, steps)
    *_, before_ms, last_ms = sorted({row[at_ms] for row in await database.rows(QUEUE_HISTORY)})
    assert sum(await forget(old, kind, before_ms)) > 0
    await write(database.store, kind, steps, build=2)  # it has what the live one has not any more
    assert (await builds.compare(kind.projection, 2, 0, 10)).rows == 0
    assert sum(await forget(old, kind, before_ms, build=2)) > 0
    async with database.pool.connection() as connection:  # what neither may have forgotten is compared
        await connection.execute("DELETE FROM tidelock.queue_history WHERE at_ms = %s", (last_ms,))
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


async def _with_a_build_beside(
    kind: Kind, steps: Writes, database: PostgresDatabase, memory: MemoryDatabase
) -> Sequence[tuple[ProjectionStore, OldHistory]]:
    """Return what forgets what of both stores, once their live build and another one are written."""
    both = (
        (database.store, PostgresOldHistory(database.pool), PostgresBuilds(database.pool)),
        (memory.store, MemoryOldHistory(memory.store), MemoryBuilds(memory.store)),
    )
    for store, _, builds in both:
        await builds.begin(kind.projection, 2)
        await write(store, kind, steps, build=2)
        await write(store, kind, steps)
    return [(store, old) for store, old, _ in both]


async def test_a_rebuild_beside_another_build_refuses_as_before(
    database: PostgresDatabase, asked: Pool
) -> None:
    """That one may have forgotten, and may be promoted."""
    kind, memory = KINDS["queues"], MemoryDatabase()
    commits = logs(kind)[1]
    steps = writes(kind, commits)
    for store, old in await _with_a_build_beside(kind, steps, database, memory):
        await forget(old, kind, commits[-1].time_ms, build=2)
        await store.reset(kind.projection)
        await write(store, kind, steps)
    for reads in (PostgresQueueReads(asked), MemoryQueueReads(memory.store)):
        for then in (Position(kind.where, commits[0].offset), commits[0].time_ms):
            with pytest.raises(RowsForgotten):
                await reads.queue_at("acme", "q", then)


async def test_places_in_a_log_that_was_made_anew_are_not_those_of_the_old_one(
    database: PostgresDatabase, asked: Pool
) -> None:
    """A build of the old log is kept beside."""
    kind, memory = KINDS["queues"], MemoryDatabase()
    commits = logs(kind)[1]
    steps = writes(kind, commits)
    for store, old in await _with_a_build_beside(kind, steps, database, memory):
        await forget(old, kind, commits[-1].time_ms)
        await store.reset(kind.projection)
        await write(
            store, kind, [(_anew(expected), _anew(reached), rows) for expected, reached, rows in steps]
        )
    for reads in (PostgresQueueReads(asked), MemoryQueueReads(memory.store)):
        assert await reads.queue_at("acme", "q", Position(kind.where, commits[0].offset)) is not None


def _anew(reached: Checkpoint) -> Checkpoint:
    """Return the place in another log."""
    genesis = reached.genesis
    return reached if genesis is None else replace(reached, genesis=replace(genesis, log_id=b"m" * 16))


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
        behind = Sweep(5_000, 9, (1_500, 0, "", "", 0, 0))
        assert await old.forget(kind.projection, QUEUE_HISTORY, behind) == Swept(0, None)
        gone = [dict(zip(kind.tables, await forget(old, kind, 5_000), strict=True)) for _ in range(3)]
        assert [each[QUEUE_HISTORY] for each in gone] == [1, 1, 0]


async def _told_of(reads: QueueReads, tenant: str, refs: Sequence[MessageRef], then: Moment) -> list[object]:
    """Return what each message was, in each subscription, and its steps."""
    found = list[object]()
    for ref in refs:
        for subscription in ("", "a", "b"):
            try:
                step, _ = await reads.message_at(tenant, ref, subscription, then)
                found.append(step)
            except RowsForgotten as error:
                found.append(error.from_ms)
        pages, _ = await reads.biographies(tenant, [BiographyPage(ref, 99)])
        found.append([page.from_ms if isinstance(page, RowsForgotten) else list(page) for page in pages])
    return found


@pytest.mark.parametrize("log", [0, 1])
async def test_of_messages_both_tell_the_same_when_some_are_forgotten(
    log: int, database: PostgresDatabase, asked: Pool
) -> None:
    kind, memory = KINDS["queues"], MemoryDatabase()
    commits = logs(kind)[log]
    steps = writes(kind, commits)
    await write(database.store, kind, steps)
    await write(memory.store, kind, steps)
    rows = [
        dict(zip(MESSAGE_HISTORY.columns, row, strict=True)) for row in await memory.rows(MESSAGE_HISTORY)
    ]
    named = {(row["tenant"], row["queue"], row["shard"], row["incarnation"], row["first_"]) for row in rows}
    moments: list[Moment] = [one.time_ms for one in commits[::4]]
    moments += [Position(kind.where, one.offset) for one in commits[::4]]
    times = sorted({one.time_ms for one in commits})
    for cutoff in (0, times[len(times) // 2], times[-1]):
        gone = await forget(PostgresOldHistory(database.pool), kind, cutoff)
        assert gone == await forget(MemoryOldHistory(memory.store), kind, cutoff)
        for then in moments:
            for tenant, *place in sorted(named)[then.offset % 3 if isinstance(then, Position) else 0 :: 3]:
                refs = [MessageRef(0, *place)]
                told = await _told_of(PostgresQueueReads(asked), tenant, refs, then)
                assert told == await _told_of(MemoryQueueReads(memory.store), tenant, refs, then)


MANY = [queues.message(b"x")] * 300
"""In three blocks."""


async def test_messages_are_forgotten_in_whole_blocks_that_are_over(
    database: PostgresDatabase, asked: Pool
) -> None:
    """Of 300 messages all but one of the second block are over, most of the third by the end of their queue."""
    kind, memory = KINDS["queues"], MemoryDatabase()
    alive = 200
    over = [number for number in range(1, 280) if number != alive]
    log = queues.commits(
        queues.at(1_000, queues.did(queues.created(), queues.enqueued(1, *MANY))),
        queues.at(2_000, queues.did(queues.delivered(302, *over))),
        queues.at(3_000, queues.did(queues.acked(*over))),
        queues.at(9_000, queues.did(QueueDeleted(0))),
    )
    first, second, third = [MessageRef(0, "orders", 0, 1, number) for number in (5, alive, 290)]
    stores: list[tuple[ProjectionStore, OldHistory, QueueReads]] = [
        (database.store, PostgresOldHistory(database.pool), PostgresQueueReads(asked)),
        (memory.store, MemoryOldHistory(memory.store), MemoryQueueReads(memory.store)),
    ]
    steps = writes(kind, log)
    for store, old, reads in stores:
        await write(store, kind, steps[:3])
        before = await _told_of(reads, "dev", [second, third], 3_000)
        assert await gone_of(old, kind, 2_999) == 0
        assert await gone_of(old, kind, 3_000) == 3  # what all did, of the first block
        assert await _told_of(reads, "dev", [second, third], 3_000) == before
        with pytest.raises(RowsForgotten, match=r"history of messages.*tidelock queue history"):
            await reads.message_at("dev", first, "", 3_000)
        with pytest.raises(RowsForgotten):
            await reads.message_at("dev", second, "", 2_999)
        assert await _told_of(reads, "dev", [first], 3_000) == [3_000, 3_000, 3_000, [3_000]]
        pages, _ = await reads.biographies("dev", [BiographyPage(ref, 9, None) for ref in (first, second)])
        assert [isinstance(page, RowsForgotten) for page in pages] == [True, False]
        await write(store, kind, steps[3:])
        before = await _told_of(reads, "dev", [second, third], 8_999)
        assert await gone_of(old, kind, 8_999) == 0  # they were there
        assert await _told_of(reads, "dev", [second, third], 8_999) == before
        for gone in (6, 1, 0):  # first its messages' rows, then what tells of the end of all
            assert await gone_of(old, kind, 9_000) == gone
            assert await _told_of(reads, "dev", [second], 9_000) == [9_000, 9_000, 9_000, [9_000]]


async def test_one_go_forgets_a_bounded_number_of_rows_and_goes_on_where_it_ended(
    database: PostgresDatabase,
) -> None:
    """Of 40 blocks the newest rows follow each other, with ten others each."""
    kind, memory = KINDS["queues"], MemoryDatabase()
    end = [END[column] for column in MESSAGE_HISTORY.columns[5:-2]]
    changes = Changes()
    for step in range(11):
        for block in range(40):
            event = step * 40 + block
            changes.insert(MESSAGE_HISTORY, (0, 1, block, event, 0, *end, event, event))
    gone = []
    for store, old in (
        (database.store, PostgresOldHistory(database.pool)),
        (memory.store, MemoryOldHistory(memory.store)),
    ):
        await store.write(kind.projection, kind.where, START, at(440, time_ms=440), changes)
        sweep, goes = Sweep(440, 50, (400, 0, 0, 0, 0, 0)), list[Swept]()
        while not goes or sweep.after is not None:
            goes.append(await old.forget(kind.projection, MESSAGE_HISTORY, sweep))
            sweep = replace(sweep, after=goes[-1].after)
        gone.append(goes)
    assert gone[0] == gone[1]
    assert [each.rows for each in gone[0]] == [5 * 11] * 8
    assert await database.rows(MESSAGE_HISTORY) == await memory.rows(MESSAGE_HISTORY) == []


END = {
    **dict.fromkeys(MESSAGE_HISTORY.columns, ""), "shard": 0, "what": "ACKED", "first_": 0, "last_": 0,
    "numbers": None, "attempts": (1,), "due_lease_ms": (0,), "due_ms": None, "token": None, "origin": None,
}  # fmt: skip


async def gone_of(old: OldHistory, kind: Kind, before_ms: int, table: Table = MESSAGE_HISTORY) -> int:
    return (await old.forget(kind.projection, table, Sweep(before_ms, 99))).rows


async def test_services_are_told_as_before_from_keyframes_and_go_when_they_have_no_instances(
    database: PostgresDatabase, asked: Pool
) -> None:
    """`i0` is old and told by keyframes alone, `i1` changes all the time, `i2` comes and goes."""
    kind, memory, key = KINDS["nodes"], MemoryDatabase(), "dev/service:pay"
    events: list[Any] = [nodes.offer(1, "i0"), nodes.offer(2, "i1")]
    for version in range(3, 30, 3):
        events += [nodes.offer(version, "i2"), InstanceUpdated("i1", version, (), version + 1),
                   nodes.gone(version + 2, "i2")]  # fmt: skip
    events.append(nodes.gone(30, "i0", "i1"))
    times = range(1_000, 1_000 + len(events))
    log = nodes.commits(
        *[nodes.at(ms, nodes.did(event, key=key)) for ms, event in zip(times, events, strict=True)]
    )
    steps, reads = writes(kind, log), PostgresNodeReads(asked)
    await write(database.store, kind, steps)
    await write(memory.store, kind, steps)
    places = [Position(kind.where, one.offset) for one in log]
    before = {then: await reads.service_at("dev", "pay", then) for then in (*times, *places)}
    for index, cutoff in enumerate(times):
        await gone_of(PostgresOldHistory(database.pool), kind, cutoff, INSTANCE_HISTORY)
        await gone_of(MemoryOldHistory(memory.store), kind, cutoff, INSTANCE_HISTORY)
        stays = [INSTANCE_HISTORY.key_of(row) for row in await memory.rows(INSTANCE_HISTORY)]
        assert [INSTANCE_HISTORY.key_of(row) for row in await database.rows(INSTANCE_HISTORY)] == stays
        assert len(stays) <= len(events) + 1 - index + 3 + 2
        for then in (cutoff, *times[index + 1 :: 5], places[index], *places[index + 1 :: 5]):
            assert await reads.service_at("dev", "pay", then) == before[then]
        if index:
            with pytest.raises(RowsForgotten, match="history of services"):
                await reads.service_at("dev", "pay", cutoff - 1)
    assert stays == []


async def test_who_resumes_a_service_that_did_not_change_needs_no_history(
    database: PostgresDatabase, asked: Pool
) -> None:
    """`pay` is quiet while `noisy` changes all the time, and what is forgotten of that is from behind the cursor."""
    kind, memory = KINDS["nodes"], MemoryDatabase()
    quiet = [nodes.offer(1, "i0"), nodes.offer(2, "i1"), InstanceUpdated("i0", 9, (), 3)]
    noisy = [nodes.offer(1, "x"), *[InstanceUpdated("x", weight, (), weight) for weight in range(2, 40)]]
    log = nodes.commits(
        *[nodes.at(1_000, nodes.did(each, key="dev/service:pay")) for each in quiet],
        *[nodes.at(ms, nodes.did(each, key="dev/service:noisy")) for ms, each in enumerate(noisy, 2_000)],
    )
    steps, behind = writes(kind, log), log[len(quiet)].offset
    for store, old, reads in (
        (database.store, PostgresOldHistory(database.pool), PostgresNodeReads(asked)),
        (memory.store, MemoryOldHistory(memory.store), MemoryNodeReads(memory.store)),
    ):
        await write(store, kind, steps)
        before = [await reads.service_stood("dev", "pay", kind.where, each) for each in (behind, behind - 1)]
        await forget(old, kind, log[-1].time_ms)
        assert await reads.service_stood("dev", "pay", kind.where, behind) == before[0]
        for name, place in (("pay", behind - 1), ("noisy", behind), ("none", behind)):
            with pytest.raises(RowsForgotten, match="history of services"):
                await reads.service_stood("dev", name, kind.where, place)
        now = await reads.service_stood("dev", "pay", kind.where, None)
        assert (now.next_offset, now.standing) == (log[-1].offset + 1, before[0].standing)


async def test_deadlocks_from_before_are_forgotten_and_who_reads_on_is_told(
    database: PostgresDatabase, asked: Pool
) -> None:
    kind, reads, old = KINDS["locks"], PostgresStoodLocks(asked), PostgresOldHistory(database.pool)
    changes = Changes()
    for event, at_ms in enumerate((1_000, 2_000, 3_000)):
        who = ("acme", "a", event, None, "p", "c", "h", 1)
        changes.insert(DEADLOCKS, (0, event, *who, "[]", event, at_ms))
    await database.store.write(kind.projection, kind.where, START, at(3, time_ms=3_000), changes)
    assert await gone_of(old, kind, 2_000, DEADLOCKS) == 1
    found, _ = await reads.deadlocks("acme", 9, None)
    assert [one.at_ms for one in found] == [3_000, 2_000]
    assert await reads.deadlocks("acme", 9, (2_000, 0, 1)) == (
        [],
        (await reads.deadlocks("acme", 9, None))[1],
    )
    with pytest.raises(RowsForgotten, match=r"deadlocks goes back to 1970-01-01T00:00:02Z.*tidelock events"):
        await reads.deadlocks("acme", 9, (1_999, 0, 1))


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
        given = {"before_ms": 9, "last_ms": 9, "limit": 9}
        plan = await connection.execute(b"EXPLAIN " + statement, given)
        told = "\n".join([line for (line,) in await plan.fetchall()])
    assert "Seq Scan" not in told
    assert f"{table.name}_by_" in told


def test_all_histories_that_can_go_are_told_how() -> None:
    assert {table.name for table in OLD} == {
        LOCK_HISTORY.name, "queue_history", "cache_entries", "cache_lines", "cache_history", "node_history",
        "brake_history", "message_history", "instance_history", "deadlocks",
    }  # fmt: skip
