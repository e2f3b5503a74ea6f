"""Reads that go to a standby: only those that it knows enough for, and never at the price of an answer.

The standby is a database of its own beside the primary, so that a test says how far behind it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import pytest_asyncio
from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import make_conninfo

from storage.postgres.asking import Asking
from storage.postgres.migrations import migrate
from storage.postgres.pool import DEFAULT, Pool, PoolSettings, StandbyLost, pool
from storage.postgres.reads_checkpoints import PostgresStandings
from storage.postgres.reads_progress import PostgresProgress
from storage.postgres.standby import AWAY_S, LOOK_S, WithStandby
from storage.postgres.store import PostgresProjectionStore
from streams.log.checkpoint import START
from streams.projections.floor import need, needed, request
from streams.projections.reads import ReadTooSlow
from streams.projections.table import Changes
from tests.contract.sinks.conftest import postgres_for_tests
from tests.contract.sinks.toys import HERE, OTHER, THERE, at
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

AHEAD, BEHIND = 9, 4
WHOSE = "SELECT current_database()"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Two:
    """A primary that is ahead, a standby that is behind, and reads that choose."""

    def __init__(self, primary: Pool, standby: Pool, primary_url: str) -> None:
        self.clock, self.primary, self.standby, self.primary_url = Clock(), primary, standby, primary_url
        self.connections = WithStandby(primary, standby, self.clock)

    async def stands(self) -> int:
        """Return how far the read model is in whichever database answers."""
        (told,) = await PostgresStandings(self.connections).projected()
        return told.stand.next_offset

    async def whose(self, statement: str = WHOSE) -> str:
        ((name,),) = await Asking(self.connections, "toys").rows(statement, {})
        return str(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        primary = str(running.addresses.postgres)
        async with await AsyncConnection.connect(primary, autocommit=True) as connection:
            await connection.execute("CREATE DATABASE standby")
        await migrate(make_conninfo(primary, dbname="standby"))
        yield running


async def two_of(stack: LocalStack, opened: AsyncExitStack, limits: PoolSettings = DEFAULT) -> Two:
    primary_url = str(stack.addresses.postgres)
    primary = await opened.enter_async_context(pool(primary_url, limits))
    standby = await opened.enter_async_context(pool(make_conninfo(primary_url, dbname="standby"), limits))
    for made, stands in ((primary, AHEAD), (standby, BEHIND)):
        await PostgresProjectionStore(made).reset(OTHER)
        await PostgresProjectionStore(made).write(OTHER, HERE, START, at(stands), Changes())
    return Two(primary, standby, primary_url)


@pytest_asyncio.fixture(loop_scope="module")
async def two(stack: LocalStack) -> AsyncIterator[Two]:
    async with AsyncExitStack() as opened:
        yield await two_of(stack, opened)


async def test_what_is_no_request_asks_the_primary(two: Two) -> None:
    assert await two.stands() == AHEAD


async def test_a_request_that_names_no_position_asks_the_standby(two: Two) -> None:
    with request():
        assert await two.stands() == BEHIND


async def test_a_request_asks_the_standby_as_far_as_it_knows(two: Two) -> None:
    with request():
        need(OTHER.name, HERE, BEHIND)
        assert await two.stands() == BEHIND
        need(OTHER.name, HERE, BEHIND + 1)
        assert await two.stands() == AHEAD
    with request():
        need(OTHER.name, THERE, 1)
        assert await two.stands() == AHEAD
    with request():
        assert await two.stands() == BEHIND


async def test_a_standby_that_has_caught_up_is_asked_again(two: Two) -> None:
    with request():
        need(OTHER.name, HERE, AHEAD)
        assert await two.whose() != "standby"
        await PostgresProjectionStore(two.standby).write(OTHER, HERE, at(BEHIND), at(AHEAD), Changes())
        assert await two.whose() != "standby"
        two.clock.now_s += 1.01 * LOOK_S
        assert await two.whose() == "standby"


async def test_tasks_of_a_request_share_what_it_needs(two: Two) -> None:
    async def named() -> None:
        need(OTHER.name, HERE, AHEAD)

    with request():
        await asyncio.gather(named(), named())
        assert await two.stands() == AHEAD


async def test_a_position_that_was_waited_for_is_what_the_request_needs(two: Two) -> None:
    progress = PostgresProgress(two.primary_url, PoolSettings())
    progress.open()
    try:
        with request():
            assert not await progress.reach(OTHER.name, HERE, AHEAD + 1, 0)
            assert needed() == {}
            assert await progress.reach(OTHER.name, HERE, AHEAD, 10)
            assert needed() == {(OTHER.name, HERE): AHEAD}
    finally:
        await progress.close()


async def test_a_standby_that_is_away_costs_no_answer_and_is_left_alone_for_a_while(
    stack: LocalStack,
) -> None:
    async with AsyncExitStack() as opened:
        two = await two_of(stack, opened)
        nowhere = pool("postgresql://nobody@127.0.0.1:1/none", PoolSettings(wait_s=0.1))
        two.connections = WithStandby(two.primary, await opened.enter_async_context(nowhere), two.clock)
        with request():
            assert [await two.stands() for _ in range(3)] == [AHEAD] * 3
            assert (two.connections.asked, nowhere.get_stats()["requests_num"]) == (0, 1)
            two.clock.now_s += 1.01 * AWAY_S
            assert [await two.stands() for _ in range(3)] == [AHEAD] * 3
        assert (two.connections.asked, nowhere.get_stats()["requests_num"]) == (0, 2)


async def test_a_busy_standby_is_not_taken_for_one_that_is_away(stack: LocalStack) -> None:
    async with AsyncExitStack() as opened:
        two = await two_of(stack, opened, PoolSettings(max_size=1, wait_s=0.1))
        with request():
            async with two.connections.connection():
                assert await two.stands() == AHEAD
            assert await two.stands() == BEHIND


async def test_a_standby_that_does_not_know_enough_is_back_and_its_connection_free(stack: LocalStack) -> None:
    async with AsyncExitStack() as opened:
        two = await two_of(stack, opened, PoolSettings(max_size=1))
        with request(), pytest.raises(StandbyLost):
            async with two.connections.connection():
                raise OperationalError("lost")
        two.clock.now_s += 1.01 * AWAY_S
        with request():
            need(OTHER.name, HERE, BEHIND + 1)
            async with two.connections.connection() as connection:
                assert connection.info.dbname != "standby"
                async with two.standby.connection(timeout=5):
                    pass
        with request():
            assert await two.stands() == BEHIND


async def test_a_standby_that_is_lost_while_it_answers_is_made_good_by_the_primary(two: Two) -> None:
    slow = f"SELECT name FROM ({WHOSE}) AS of (name), pg_sleep(CASE name WHEN 'standby' THEN 60 ELSE 0 END)"
    with request():
        asking = asyncio.create_task(two.whose(slow))
        async with two.primary.connection() as killer:
            kill = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = 'standby' AND wait_event = 'PgSleep'"""
            while (await (await killer.execute(kill)).fetchone()) is None:
                await killer.execute("SELECT pg_stat_clear_snapshot()")
        assert await asyncio.wait_for(asking, 20) != "standby"
        assert await two.stands() == AHEAD
        two.clock.now_s += 1.01 * AWAY_S
        assert await two.stands() == BEHIND


async def test_a_question_that_takes_too_long_is_not_asked_twice(stack: LocalStack) -> None:
    async with AsyncExitStack() as opened:
        two = await two_of(stack, opened, replace(DEFAULT, statement_ms=200))
        with request(), pytest.raises(ReadTooSlow):
            await two.whose("SELECT 'x' FROM pg_sleep(60)")
        assert two.connections.asked == 1
