"""Two projectors on a real stack, killed, frozen, stopped and starved: the rows are what one plain pass makes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from storage.kafka.client import consumer
from storage.redis.hot import client as redis_client
from streams.catalog import PROJECTIONS
from streams.domain.locks.commands import EXCLUSIVE
from streams.domain.locks.events import LockGranted
from streams.log.positions import DEAD_LETTERS, PartitionId
from streams.log.records import LoggedDecision
from streams.projections.locks.tables import LOCKS
from tests.integration.projector import truth
from tests.integration.projector.forge import forge
from tests.integration.projector.stage import Stage, until
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import decision, held
from tidelock.local.parts.influx import find_binary
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("projector"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    parts = ["kafka", "postgres", "redis", *(["influx"] if find_binary() else [])]
    async with stack_for_tests(tmp_path_factory.mktemp("stack"), parts, workers=1, projectors=2) as stack:
        yield Stage(stack)


async def hot_copies_follow(stage: Stage, told: truth.Told, ends: dict[PartitionId, int]) -> None:
    for where, end in ends.items():

        async def equal(where: PartitionId = where, end: int = end) -> bool:
            try:
                await truth.assert_hot_copy_equal(stage.redis, told, LOCKS, where, end)
            except AssertionError:
                return False
            return True

        try:
            await until(equal, 20.0)
        except TimeoutError:
            await truth.assert_hot_copy_equal(stage.redis, told, LOCKS, where, end)


async def test_what_clients_do_is_in_the_tables_and_in_the_hot_copies(stage: Stage) -> None:
    await stage.play()
    await stage.more_answers(300)
    await stage.rest()
    ends = await stage.projected()
    told = await truth.told_by_logs(stage.kafka)
    counts = await truth.assert_equal(stage.postgres, told)
    assert counts["audit"] == told.decisions >= 300
    assert counts["lock_history"] > 100
    await hot_copies_follow(stage, told, ends)
    lanes = [lane for name in ("projector-0", "projector-1") for lane in await stage.lanes(name)]
    assert sorted((lane["projection"], lane["partition"]) for lane in lanes) == sorted(
        (one.name, number) for one in PROJECTIONS for number in range(4)
    )


async def test_killed_frozen_stopped_and_starved_in_any_order(stage: Stage) -> None:
    first, second = stage.stack.part("projector-0"), stage.stack.part("projector-1")
    postgres = stage.stack.part("postgres")
    await stage.play()
    await stage.more_answers(50)
    first.freeze()  # it holds some of the partitions, for longer than its session lasts
    await stage.more_answers(50)
    postgres.kill(signal.SIGKILL)
    await postgres.wait_ready()
    second.kill(signal.SIGKILL)
    await stage.more_answers(50)
    await second.wait_ready()

    async def all_taken_over() -> bool:
        return len(await stage.lanes("projector-1")) == 4 * len(PROJECTIONS)

    await until(all_taken_over)
    first.thaw()  # whatever it was doing then, it does now
    redis = redis_client(stage.redis)
    await redis.flushall()
    await redis.aclose()
    await stage.more_answers(50)
    for part in (second, first, second):  # a storm of rebalances
        part.kill(signal.SIGTERM)
        await stage.more_answers(20)
    first.kill(signal.SIGKILL)
    await stage.rest()
    await asyncio.gather(first.wait_ready(), second.wait_ready())
    ends = await stage.projected()
    told = await truth.told_by_logs(stage.kafka)
    await truth.assert_equal(stage.postgres, told)
    await hot_copies_follow(stage, told, ends)


async def test_a_row_that_postgresql_refuses_is_put_aside_and_what_follows_from_it_too(stage: Stage) -> None:
    where = PartitionId("locks", 1)
    names = ("fine", "with a \x00", "fine again")
    offset = await forge(
        stage.kafka, where, lambda token: [made(token + at, name) for at, name in enumerate(names)]
    )
    await stage.projected()
    refused = {one.name: frozenset({(where, offset, 1)}) for one in PROJECTIONS}
    told = await truth.told_by_logs(stage.kafka, refused)
    await truth.assert_equal(stage.postgres, told)
    letters = await dead_letters(stage.kafka)
    assert {(one.name, where.log_topic, offset, 1, "ROW_REFUSED") for one in PROJECTIONS} <= letters


def made(token: int, principal: str) -> LoggedDecision:
    """A lock granted to somebody whose name may be too much for a database."""
    event = LockGranted(principal, "forger", "1", token, token, EXCLUSIVE, 600_000, 10**12, None, None)
    plain = decision(token, event, reply=held(token), client="forger")
    return with_changes(plain, key=f"dev/forged/{token}", principal=principal)


async def dead_letters(kafka: str) -> set[tuple[str, str, int, int, str]]:
    """Return (reader, topic, offset, decision, code) of all decisions that were put aside."""
    reading = consumer(kafka, auto_offset_reset="earliest")
    reading.subscribe([DEAD_LETTERS])
    await reading.start()
    try:
        found = set()
        while fetched := await reading.getmany(timeout_ms=1000):
            for records in fetched.values():
                for record in records:
                    told = {name: text.decode() for name, text in record.headers}
                    if "reader" in told:
                        place = (told["topic"], int(told["offset"]), int(told["decision"]))
                        found.add((told["reader"], *place, told["code"]))
        return found
    finally:
        await reading.stop()
