"""Two projectors on a real stack, killed, frozen, stopped and starved: the rows are what one plain pass makes."""

from __future__ import annotations

import asyncio
import csv
import io
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from itertools import cycle, product
from typing import LiteralString

import httpx
import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from storage.kafka.client import consumer
from storage.kafka.letters import KafkaLetterDesk
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.publications import PostgresPublications
from storage.redis.hot import client as redis_client
from streams.domain.locks.commands import EXCLUSIVE
from streams.domain.locks.events import LockGranted
from streams.log.letters import DeadLetter, decode_letter
from streams.log.positions import DEAD_LETTERS, PartitionId
from streams.log.records import LoggedDecision
from streams.projections.locks.tables import LOCK_WINDOWS
from streams.projections.projection import Projection
from streams.projector.keeper import WindowKeeper
from streams.read_models import PROJECTIONS
from tests.integration.cli.conftest import Cli
from tests.integration.projector import truth
from tests.integration.projector.forge import forge
from tests.integration.projector.stage import PATIENCE_S, Proof, Stage, until
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import decision, held
from tidelock.local.parts.influx import find_binary
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("projector"),
]

OF_LOCKS = tuple(one for one in truth.IN_ROWS if one.kind == "locks")
COPIED = tuple(one for one in truth.IN_ROWS if one.hot is not None)
AT_REST = {"TIDELOCK_REGISTER_SELF": "0"}
"""Workers that are nodes are heard all the time: there would be no moment at which all that is decided was read."""
REFUSED: dict[str, frozenset[tuple[PartitionId, int, int]]] = {}
"""What the stage's database could not take, so far."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    parts = ["kafka", "postgres", "redis", *(["influx"] if find_binary() else [])]
    async with stack_for_tests(
        tmp_path_factory.mktemp("stack"), parts, workers=1, projectors=2, environment=AT_REST
    ) as stack:
        yield Stage(stack)


async def hot_copies_follow(stage: Stage, proof: Proof) -> None:
    for projection, where in product(COPIED, proof.ends):
        if where.kind == projection.kind:
            await hot_copy_follows(stage, proof, projection, where)


async def hot_copy_follows(stage: Stage, proof: Proof, projection: Projection, where: PartitionId) -> None:
    async def difference() -> str | None:
        return await truth.hot_copy_difference(stage.redis, proof.told, projection, where, proof.ends[where])

    async def equal() -> bool:
        return await difference() is None

    try:
        await until(equal, 20.0)
    except TimeoutError:
        raise AssertionError(await difference()) from None


async def test_what_clients_do_is_in_the_tables_and_in_the_hot_copies(stage: Stage) -> None:
    await stage.play()
    await stage.more_answers(300)
    await stage.rest()
    proof = await stage.proved()
    audited = sum(count for table, count in proof.counts.items() if table.endswith("audit"))
    assert audited == proof.told.decisions >= 300
    assert proof.counts["lock_history"] > 100
    assert proof.counts["message_history"] > 100
    await hot_copies_follow(stage, proof)
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
    await asyncio.gather(first.wait_ready(PATIENCE_S), second.wait_ready(PATIENCE_S))
    await hot_copies_follow(stage, await stage.proved())


async def test_a_database_that_crashes_and_goes_back_is_followed_back(stage: Stage) -> None:
    """Projectors do not wait for the disk: what a crash takes, it takes with the checkpoint, and it comes again."""
    projectors = [stage.stack.part(name) for name in ("projector-0", "projector-1")]
    postgres = stage.stack.part("postgres")
    await set_in_postgres(stage, "SET wal_writer_delay = '10s'")
    await stage.play()
    async with asyncio.timeout(60):
        for signalled in cycle((signal.SIGKILL, signal.SIGQUIT)):
            await stage.more_answers(60)
            for part in projectors:
                part.freeze()  # so that nobody writes again what is lost before it is seen
            before = await stage.checkpoints()
            postgres.kill(signalled)
            await postgres.wait_ready()
            after = await until(stage.checkpoints)
            for part in projectors:
                part.thaw()
            if signalled == signal.SIGQUIT and any(after[at] < offset for at, offset in before.items()):
                break
    await stage.more_answers(50)
    await stage.rest()
    await set_in_postgres(stage, "RESET wal_writer_delay")
    await hot_copies_follow(stage, await stage.proved())


async def set_in_postgres(stage: Stage, said: LiteralString) -> None:
    async with await AsyncConnection.connect(stage.postgres, autocommit=True) as connection:
        await connection.execute(f"ALTER SYSTEM {said}")
        await connection.execute("SELECT pg_reload_conf()")


async def test_a_row_that_postgresql_refuses_is_put_aside_and_what_follows_from_it_too(stage: Stage) -> None:
    where = PartitionId("locks", 1)
    names = ("fine", "with a \x00", "fine again")
    offset = await forge(
        stage.kafka, where, lambda token: [made(token + at, name) for at, name in enumerate(names)]
    )
    REFUSED.update({one.name: frozenset({(where, offset, 1)}) for one in OF_LOCKS})
    await stage.play()
    await stage.more_answers(20)
    await stage.rest()

    async def expired() -> Proof | None:
        """The lease that `locks` could not take has run out: that does not fit any more."""
        proof = await stage.proved(REFUSED)
        return proof if proof.told.aside else None

    proof = await until(expired)
    letters = await dead_letters(stage.kafka)
    refused = {(one.name, where.log_topic, offset, 1, "ROW_REFUSED") for one in OF_LOCKS}
    followed = {
        (name, at.log_topic, at_offset, index, "POISON_DECISION")
        for name, at, at_offset, index in proof.told.aside
    }
    assert letters == refused | followed


async def test_hot_copies_that_are_wrong_or_gone_are_right_when_their_rebuild_has_ended(stage: Stage) -> None:
    proof, (locks, *_) = await stage.proved(REFUSED), [one for one in COPIED if one.name == "locks"]
    places = [where for where in proof.ends if where.kind == "locks"]
    await hot_copies_follow(stage, proof)

    async def differences() -> list[bool]:
        ends = proof.ends
        told = [
            await truth.hot_copy_difference(stage.redis, proof.told, locks, at, ends[at]) for at in places
        ]
        return [each is not None for each in told]

    redis = redis_client(stage.redis)
    try:
        gone, *wrong = [truth.hot_key_of(locks, where) for where in places]
        assert await redis.delete(gone) == 1
        for key in wrong:
            await redis.hset(key, '=["dev","a ghost"]', "[]")
        assert (await differences())[1:] == [True] * len(wrong)
        ran = await Cli(stage.stack)("projection", "rebuild", "locks", "--hot", "--json")
        assert (ran.code, ran.json["copies"]) == (0, len(places)), ran.err
        assert await differences() == [False] * len(places)
    finally:
        await redis.aclose()


async def test_a_rebuild_gives_the_same_rows_also_while_clients_go_on(stage: Stage) -> None:
    cli = Cli(stage.stack)
    await stage.play()
    ran = await cli("projection", "rebuild", "locks", "--yes", "--json")
    assert (ran.code, ran.json["projection"]) == (0, "locks"), ran.err
    await stage.rest()
    proof = await stage.proved(REFUSED)
    await hot_copies_follow(stage, proof)
    wanted = {
        (one.name, str(where), f"{where}@{end - 1}", 0)
        for one in PROJECTIONS
        for where, end in proof.ends.items()
        if one.kind == where.kind
    }

    async def listed() -> bool:
        """Tables are not in what was proved: they may have been a little behind."""
        found = (await cli("projection", "list", "--json")).json
        return {(one["projection"], one["partition"], one["position"], one["lag"]) for one in found} == wanted

    await until(listed)


@pytest.mark.skipif(find_binary() is None, reason="no influxd: set INFLUXD or TIDELOCK_SHARED")
async def test_influxdb_away_loses_no_point(stage: Stage) -> None:
    """Frozen amid the writing, then killed: what it had taken it keeps, what it had not comes, and nothing twice."""
    influx, letters = stage.stack.part("influx"), KafkaLetterDesk(stage.kafka).letters
    before = await letters.bounds()
    influx.freeze()
    await stage.play()
    await stage.more_answers(100)
    influx.kill()
    await stage.more_answers(20)
    await influx.wait_ready()
    await stage.rest()
    await stage.projected()
    wanted = await points_told_by(stage)

    async def all_there() -> bool:
        return await points(stage) == wanted

    await until(all_there)
    assert await letters.bounds() == before


@pytest.mark.skipif(find_binary() is None, reason="no influxd: set INFLUXD or TIDELOCK_SHARED")
async def test_beyond_the_bound_what_influxdb_never_got_is_counted_and_the_rest_is_written(
    stage: Stage,
) -> None:
    """The last of this module: the rows of windows are forgotten."""
    influx, letters = stage.stack.part("influx"), KafkaLetterDesk(stage.kafka).letters
    before = await letters.bounds()
    influx.freeze()
    frozen_ms = time.time_ns() // 1_000_000
    async with pool(stage.postgres, PoolSettings("tidelock specs", max_size=2)) as connections:
        keeper = WindowKeeper(OF_LOCKS, PostgresPublications(connections), 0, partial(sleep, 0.2))
        keeping = asyncio.create_task(keeper.run())
        await stage.play()
        await until(lambda: keeper.forgotten["locks"].unpublished)
        keeping.cancel()
        await asyncio.wait([keeping])
    await stage.more_answers(20)
    await stage.rest()
    await stage.projected()
    influx.kill()
    await influx.wait_ready()

    async def the_rest_is_there() -> bool:
        told = {key: each for key, each in (await points_told_by(stage)).items() if key[0] >= frozen_ms}
        there = {key: each for key, each in (await points(stage)).items() if key[0] >= frozen_ms}
        return bool(told) and there == told

    await until(the_rest_is_there, 120.0)  # the publisher has come to long pauses
    assert await letters.bounds() == before


async def sleep(seconds: float, _: float) -> None:
    """Pause as long as the spec says, not as long as is asked for."""
    await asyncio.sleep(seconds)


async def points_told_by(stage: Stage) -> dict[tuple[int, str], tuple[int, int]]:
    """Return (grants, refusals) of each window and tenant, by what PostgreSQL has."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for row in (await truth.stored_rows(stage.postgres, LOCK_WINDOWS)).values():
        named = dict(zip(LOCK_WINDOWS.columns, row, strict=True))
        key = (named["start_ms"], named["tenant"])
        grants, refusals = found.get(key, (0, 0))
        found[key] = (grants + named["grants"], refusals + named["refusals"])
    return found


async def points(stage: Stage) -> dict[tuple[int, str], tuple[int, int]]:
    """Return the same, by what InfluxDB has."""
    address = stage.stack.addresses.influx
    assert address is not None
    asked = (
        f'from(bucket: "{address.bucket}") |> range(start: 0)'
        ' |> filter(fn: (r) => r._measurement == "lock_points" and (r._field == "grants" or r._field == "refusals"))'
        ' |> pivot(rowKey: ["_time", "tenant"], columnKey: ["_field"], valueColumn: "_value")'
        ' |> keep(columns: ["_time", "tenant", "grants", "refusals"]) |> group()'
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{address.url}/api/v2/query", params={"org": address.org}, content=asked,
            headers={"Authorization": f"Token {address.token}", "Content-Type": "application/vnd.flux"},
        )  # fmt: skip
    rows = csv.DictReader(io.StringIO(answer.text.strip()))
    return {
        (round(datetime.fromisoformat(row["_time"]).timestamp() * 1000), row["tenant"]):
        (int(row["grants"]), int(row["refusals"]))
        for row in rows
    }  # fmt: skip


def made(token: int, principal: str) -> LoggedDecision:
    """A lock granted to somebody whose name may be too much for a database, until long ago."""
    event = LockGranted(
        principal, "forger", "1", token, token, EXCLUSIVE, 1, 1, None, None
    )  # expired already
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
                    told = decode_letter(record.value)
                    if (
                        isinstance(told, DeadLetter)
                        and told.read_model is not None
                        and told.decision is not None
                    ):
                        found.add((told.read_model, told.topic, told.offset, told.decision, told.code))
        return found
    finally:
        await reading.stop()
