"""`tidelock dead-letter` on a real stack: from the poison to the letter, and back into rows and decisions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from schemas.meta import CommandMeta
from storage.kafka.letters import KafkaLetterDesk
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from streams.log.positions import PartitionId
from streams.wire.murmur2 import partition_of
from tests.integration.cli.conftest import Cli
from tests.integration.projector import truth
from tests.integration.projector.stage import Stage, until
from tests.unit.replay.logbook import WORDS
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("dead letters"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    quiet = {"TIDELOCK_REGISTER_SELF": "0"}
    async with stack_for_tests(
        tmp_path_factory.mktemp("stack"), ["kafka", "postgres"], workers=1, projectors=1, environment=quiet
    ) as stack:
        yield Stage(stack)


async def listed(cli: Cli, *options: str) -> Any:
    ran = await cli("dead-letter", "list", "--json", *options)
    assert ran.code == 0, ran.err
    return ran.json


async def in_postgres(stage: Stage, said: LiteralString) -> None:
    async with await AsyncConnection.connect(stage.postgres, autocommit=True) as connection:
        await connection.execute(said)


async def test_a_database_that_is_killed_fills_no_dead_letters(stage: Stage) -> None:
    cli, postgres = Cli(stage.stack), stage.stack.part("postgres")
    await stage.play()
    for _ in range(2):
        await stage.more_answers(60)
        postgres.kill()
        await postgres.wait_ready()
    await stage.more_answers(20)
    await stage.rest()
    await stage.proved()
    assert (await listed(cli))["letters"] == []


async def test_what_a_database_refused_is_in_the_rows_once_it_is_mended_and_redriven(stage: Stage) -> None:
    cli = Cli(stage.stack)
    await in_postgres(
        stage,
        "ALTER TABLE tidelock.audit ADD CONSTRAINT mended_later CHECK (name <> 'poison/1') NOT VALID",
    )
    for name in ("poison/0", "poison/1", "poison/2"):
        assert (await cli("lock", "acquire", name, "--ttl", "60", "--", "true")).code == 0

    async def there() -> Any:
        return (found := (await listed(cli, "--stage", "SINK"))["letters"]) and len(found) >= 2 and found

    letters = await until(there)
    await stage.projected()
    letter = letters[0]
    assert {(one["read_model"], one["code"], one["kind"]) for one in letters} == {
        ("audit", "ROW_REFUSED", "locks")
    }
    assert letter["attempts"] > 1
    shown = (await cli("dead-letter", "show", str(letter["id"]), "--json")).json
    assert shown["decoded"]["key"] == "dev/poison/1"
    assert bytes.fromhex(shown["bytes"])
    with pytest.raises(AssertionError):
        await stage.proved()

    await in_postgres(stage, "ALTER TABLE tidelock.audit DROP CONSTRAINT mended_later")
    ids = [str(one["id"]) for one in letters]
    dry = await cli("dead-letter", "redrive", *ids, "--dry-run", "--json")
    assert (dry.code, {one["does"] for one in dry.json}) == (0, {"rebuild of audit"}), dry.err
    with pytest.raises(AssertionError):
        await stage.proved()
    redriven = await cli("dead-letter", "redrive", *ids, "--yes", "--json")
    assert redriven.code == 0, redriven.err
    await stage.proved()
    assert [one["action"] for one in (await listed(cli))["actions"]] == ["REDRIVEN"]


async def test_a_command_in_the_wrong_partition_is_decided_when_it_is_redriven(stage: Stage) -> None:
    cli = Cli(stage.stack)
    now_ms = time.time_ns() // 1_000_000
    partitions = len(await listed_partitions(stage))
    wrong = (partition_of("dev/stray", partitions) + 1) % partitions
    meta = CommandMeta(0, "dev", "stray", 0, "", now_ms, now_ms + 60_000, None, None)
    body = WORDS.encode_command(meta, AcquireLock("stray", EXCLUSIVE, 600_000))
    where = PartitionId("locks", wrong)
    await KafkaLetterDesk(stage.kafka).send([(where, body), (where, b"garbage")])

    async def there() -> Any:
        found = [one for one in (await listed(cli))["letters"] if one["stage"] in {"DECODE", "DECIDE"}]
        return len(found) == 2 and found

    decide, decode = await until(there)
    assert (decide["stage"], decide["code"], decode["stage"]) == ("DECIDE", "WRONG_PARTITION", "DECODE")
    both = await cli("dead-letter", "redrive", str(decide["id"]), str(decode["id"]), "--yes")
    assert (both.code, "NOT_RENEWABLE" in both.err) == (1, True)
    one = await cli("dead-letter", "redrive", str(decide["id"]), "--yes", "--json")
    assert one.code == 0, one.err

    async def held() -> bool:
        state = await cli("state", "locks", "stray", "--json")
        return f"redrive-{decide['id']}" in state.out

    await until(held)
    again = await cli("dead-letter", "redrive", str(decide["id"]), "--dry-run")
    assert (again.code, "redriven before" in " ".join(again.out.split())) == (1, True)


async def test_what_is_purged_is_gone_and_the_note_of_it_stays(stage: Stage) -> None:
    cli = Cli(stage.stack)
    letters = (await listed(cli))["letters"]
    assert letters
    asked = await cli("dead-letter", "purge", "--through", str(letters[-1]["id"]))
    assert (asked.code, "--yes" in asked.err) == (2, True)
    purged = await cli("dead-letter", "purge", "--through", str(letters[-1]["id"]), "--yes", "--json")
    assert purged.code == 0, purged.err
    left = await listed(cli)
    assert left["letters"] == []
    assert [one["action"] for one in left["actions"]][-1] == "PURGED"
    gone = await cli("dead-letter", "show", str(letters[0]["id"]))
    assert "NO_SUCH_LETTER" in gone.err


async def listed_partitions(stage: Stage) -> list[PartitionId]:
    return list(await truth.ends(stage.kafka, "locks"))
