"""Dead letters of the platform by GraphQL, on a real Kafka: from the poison to the decision."""

from __future__ import annotations

import time
from asyncio import gather
from typing import Any

import pytest

from schemas.meta import CommandMeta
from storage.kafka.letters import KafkaLetterDesk
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from streams.log.letters import letter_of_command
from streams.log.positions import PartitionId
from streams.wire.murmur2 import partition_of
from tests.integration.api.stage import LOCK, Stage, until
from tests.unit.api.test_letters import ONE, PAGE, PURGE, REDRIVE
from tests.unit.replay.logbook import WORDS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


async def letters(stage: Stage) -> Any:
    return (await stage.ask(PAGE, first=50))["platformDeadLetters"]["nodes"]


async def test_what_was_put_aside_is_shown_redriven_once_by_two_operators_and_purged(stage: Stage) -> None:
    desk = KafkaLetterDesk(str(stage.stack.addresses.kafka))
    partitions, now_ms = await desk.partitions("locks"), time.time_ns() // 1_000_000
    stray = PartitionId("locks", (partition_of("dev/stray", partitions) + 1) % partitions)
    meta = CommandMeta(0, "dev", "stray", 0, "", now_ms, now_ms + 60_000, None, None)
    body = WORDS.encode_command(meta, AcquireLock("stray", EXCLUSIVE, 600_000))
    await desk.send([(stray, body), (stray, b"garbage")])

    async def both() -> Any:
        found = await letters(stage)
        return len(found) == 2 and found

    garbage, wrong = await until(both)
    assert (garbage["stage"], wrong["stage"], wrong["code"]) == ("DECODE", "DECIDE", "WRONG_PARTITION")
    one = (await stage.ask(ONE, 1, id=wrong["id"], max=4096))["platformDeadLetter"]
    assert one["decoded"]["command"]["name"] == "stray"
    dry = await stage.do(REDRIVE, ids=[wrong["id"], garbage["id"]], dry=True)
    assert ([step["does"] == "nothing" for step in dry["steps"]], dry["helps"]) == ([False, True], False)

    # both may have planned before either left its note: then one of the two commands is refused
    told = await gather(*(stage.do(REDRIVE, node, ids=[wrong["id"]], dry=False) for node in (0, 1)))
    assert {each.get("sent", each.get("code")) for each in told} <= {1, "NOT_RENEWABLE"}

    async def held() -> Any:
        return (await stage.ask(LOCK, name="stray"))["lock"]["holders"]

    assert [one["client"] for one in await until(held)] == [f"redrive-{wrong['id']}"]

    foreign = letter_of_command("DECODE", "other", stray, 9, now_ms, b"x", "CODE", "theirs")
    await desk.note(foreign)  # type: ignore[arg-type]  # a note is any record of this topic
    await desk.send([(stray, b"more garbage")])

    async def newest() -> Any:
        found = await letters(stage)
        return len(found) == 3 and found[0]

    last = await until(newest)
    assert (await stage.do(PURGE, through=last["id"]))["code"] == "LETTERS_OF_OTHERS"
    assert (await stage.do(PURGE, through=garbage["id"]))["__typename"] == "PurgedDeadLetters"
    assert [one["id"] for one in await letters(stage)] == [last["id"]]
