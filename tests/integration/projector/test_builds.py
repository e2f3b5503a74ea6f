"""Builds of a read model on a real stack under load: whoever is killed, promoted rows are what one plain pass makes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from storage.postgres.builds import PostgresBuilds
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from storage.postgres.store import PostgresProjectionStore
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.reads import LockFilter
from streams.read_models import PROJECTIONS
from tests.integration.cli.conftest import Cli
from tests.integration.projector import truth
from tests.integration.projector.stage import Stage, until
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("projector"),
]
ENVIRONMENT = {"TIDELOCK_REGISTER_SELF": "0", "TIDELOCK_PROJECTOR_BUILD_DECISIONS_PER_S": "500"}
"""So slow that builds can be killed while they are made."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stack_for_tests(
        tmp_path_factory.mktemp("stack"), ["kafka", "postgres", "redis"], workers=1, projectors=2,
        environment=ENVIRONMENT,
    ) as stack:  # fmt: skip
        yield Stage(stack)


@asynccontextmanager
async def reading(stage: Stage) -> AsyncIterator[list[int]]:
    """Read locks all the time, and see that no answer is of before another; yield how many answers there were."""
    answers, newest = [0], dict[int, int]()

    async def read(reads: PostgresLockReads) -> None:
        while True:
            _, when = await reads.locks("dev", LockFilter(), 50, None)
            for stand in when.stands:
                assert stand.next_offset >= newest.get(stand.partition, 0), (stand, newest)
                newest[stand.partition] = stand.next_offset
            answers[0] += 1
            await asyncio.sleep(0)

    async with pool(stage.postgres, SETTINGS) as connections:
        task = asyncio.create_task(read(PostgresLockReads(connections)))
        try:
            yield answers
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), task.exception()


async def test_built_promoted_rolled_back_and_retired_under_load(stage: Stage) -> None:
    cli, projector = Cli(stage.stack), stage.stack.part("projector-0")
    await stage.play()
    await stage.more_answers(200)
    watching = await cli.start("projection", "build", "locks@2", "--json")

    async def has_begun() -> bool:
        async with pool(stage.postgres) as connections:
            return bool(await PostgresProjectionStore(connections).positions(replace(LOCKS, build=2)))

    await until(has_begun)
    watching.kill()  # the watching alone
    projector.kill(signal.SIGKILL)
    await projector.wait_ready()
    ran = await cli("projection", "build", "locks@2", "--json")
    assert (ran.code, ran.json["build"]) == (0, "locks@2"), ran.err

    async with reading(stage) as answers:
        before = answers[0]
        promoted = await cli("projection", "promote", "locks@2", "--yes", "--json")
        assert (promoted.code, promoted.json["live"]) == (0, 2), promoted.err
        await stage.more_answers(50)
        assert answers[0] > before
    async with reading(stage):
        back = await cli("projection", "rollback", "locks", "--yes", "--json")
        assert (back.code, back.json["live"]) == (0, 1), back.err
        await stage.more_answers(50)
    await stage.rest()
    proof = await stage.proved()
    assert proof.counts["lock_history"] > 100
    same = await cli("projection", "diff", "locks@2", "--json")
    assert (same.code, same.json["rows"]) == (0, 0), same.err
    assert (await cli("projection", "retire", "locks@2", "--yes")).code == 0

    async def lanes_are_gone() -> bool:
        lanes = [lane for name in ("projector-0", "projector-1") for lane in await stage.lanes(name)]
        return len(lanes) == 4 * len(PROJECTIONS)

    await until(lanes_are_gone)


WRITES = "SELECT pg_advisory_xact_lock_shared(hashtextextended('tidelock.writes/locks@%s', 0))"
OPERATORS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tidelock command line'"
STEPS = {
    "hold": WRITES % 1,  # a write of what is live is under way
    "draw level": WRITES % 2,  # one of the build is
    "switch": "SELECT FROM tidelock.locks LIMIT 0",  # somebody reads
}
"""What a promotion waits for at its steps."""


async def rows(stage: Stage, question: str) -> list[tuple[object, ...]]:
    async with await AsyncConnection.connect(stage.postgres, autocommit=True) as connection:
        return await (await connection.execute(question.encode())).fetchall()


async def live(stage: Stage) -> object:
    ((number,),) = await rows(stage, "SELECT build FROM tidelock.builds WHERE projection = 'locks' AND live")
    return number


async def killed_at(stage: Stage, holds: str, *command: str) -> None:
    """Have a command wait for something, and kill it there; see that writes go on nevertheless."""
    async with await AsyncConnection.connect(stage.postgres) as connection:
        await connection.execute(holds.encode())
        operator = await Cli(stage.stack).start("projection", *command, "--yes")
        try:
            await until(lambda: rows(stage, OPERATORS + " AND wait_event_type = 'Lock'"), 30)
        finally:
            operator.kill()
        await operator.wait()
        await nobody_holds(stage)


async def nobody_holds(stage: Stage) -> None:
    async def ended() -> bool:
        return not await rows(stage, OPERATORS)

    await until(ended, 10)
    ends = await truth.ends(stage.kafka)

    async def written() -> bool:
        stored = await stage.checkpoints()
        return all(stored.get(("locks", at), 0) >= end for at, end in ends.items() if at.kind == "locks")

    await until(written, 20)


async def test_whoever_promotes_is_killed_at_any_step_and_nothing_is_held_lost_or_doubled(
    stage: Stage,
) -> None:
    cli, beside = Cli(stage.stack), replace(LOCKS, build=2)
    await stage.play(2)
    await stage.more_answers(20)
    async with pool(stage.postgres) as connections, reading(stage):
        builds, store = PostgresBuilds(connections), PostgresProjectionStore(connections)
        await builds.begin(LOCKS, 2)

        async def has_all_partitions() -> bool:
            return (await store.positions(beside)).keys() == (await store.positions(LOCKS)).keys()

        async def promoted() -> bool:
            return await live(stage) == 2

        await until(has_all_partitions)
        for holds in STEPS.values():
            await killed_at(stage, holds, "promote", "locks@2")
            assert await live(stage) == 1
        promoting = await cli.start("projection", "promote", "locks@2", "--yes")
        await until(promoted, 40)
        promoting.kill()
        await promoting.wait()
        await nobody_holds(stage)
        await killed_at(stage, STEPS["switch"], "rollback", "locks")
        assert await live(stage) == 2
        back = await cli("projection", "rollback", "locks", "--yes", "--json")
        assert (back.code, back.json["live"]) == (0, 1), back.err
        await stage.rest()
        await stage.proved()
        assert (await builds.compare(LOCKS, 2, 5, 30)).rows == 0
