"""What every adapter of the engine's ports promises: LogWriter, TopicReader, DeadLetters, PartitionPorts."""

import asyncio
import time

import pytest

from storage.memory.log import BATCH_BYTES, MAX_MESSAGE_BYTES
from streams.log.letters import letter_of_command
from streams.log.ports import AppendUnknown, RecordTooLarge, Stored, TopicReader
from streams.log.records import MAX_COMMIT_BYTES
from tests.contract.ports.conftest import Realm

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATIENCE_S = 20.0


async def everything(reader: TopicReader, start: int, end: int) -> list[Stored]:
    async with asyncio.timeout(PATIENCE_S):
        return [record async for records in reader.read(start, end) for record in records]


async def test_a_new_log_is_empty(realm: Realm) -> None:
    assert await realm.ports.log.bounds() == (0, 0)
    assert await realm.ports.commands.bounds() == (0, 0)
    assert await everything(realm.ports.log, 0, 0) == []


async def test_an_append_tells_where_and_when_it_landed(realm: Realm) -> None:
    writer = await realm.ports.writer()
    begun = time.time_ns() // 1_000_000
    first = await (await writer.append(b"one"))
    second = await (await writer.append(b"two"))
    await writer.close()
    assert (first.offset, second.offset) == (0, 1)
    assert begun - 1_000 <= first.timestamp_ms <= second.timestamp_ms <= begun + 60_000
    assert await realm.ports.log.bounds() == (0, 2)
    assert await everything(realm.ports.log, 0, 2) == [
        Stored(0, first.timestamp_ms, b"one"),
        Stored(1, second.timestamp_ms, b"two"),
    ]


async def test_appends_keep_their_order_without_waiting_for_each_other(realm: Realm) -> None:
    writer = await realm.ports.writer()
    values = [b"%d" % number for number in range(200)]
    acks = [await writer.append(value) for value in values]
    appended = [await ack for ack in acks]
    await writer.close()
    assert [each.offset for each in appended] == list(range(200))
    assert [record.value for record in await everything(realm.ports.log, 0, 200)] == values


async def test_a_record_of_the_greatest_commit_is_taken_and_comes_back_whole(realm: Realm) -> None:
    writer = await realm.ports.writer()
    value = bytes(range(256)) * (MAX_COMMIT_BYTES // 256)
    assert (await (await writer.append(value))).offset == 0
    await writer.close()
    assert [record.value for record in await everything(realm.ports.log, 0, 1)] == [value]


async def test_the_largest_record_a_topic_takes_is_taken(realm: Realm) -> None:
    writer = await realm.ports.writer()
    value = bytes(MAX_MESSAGE_BYTES - BATCH_BYTES)
    assert (await (await writer.append(value))).offset == 0
    await writer.close()
    assert [record.value for record in await everything(realm.ports.log, 0, 1)] == [value]


async def test_a_record_one_byte_larger_is_refused_and_ends_the_writer(realm: Realm) -> None:
    writer = await realm.ports.writer()
    with pytest.raises(RecordTooLarge):
        await (await writer.append(bytes(MAX_MESSAGE_BYTES - BATCH_BYTES + 1)))
    with pytest.raises(AppendUnknown):
        await (await writer.append(b"behind it"))
    await writer.close()
    assert await realm.ports.log.bounds() == (0, 0)


async def test_two_writers_interleave_and_each_is_told_the_truth(realm: Realm) -> None:
    one, two = await realm.ports.writer(), await realm.ports.writer()
    said: dict[int, bytes] = {}
    for number in range(10):
        for writer, name in ((one, b"a"), (two, b"b")):
            value = b"%s%d" % (name, number)
            said[(await (await writer.append(value))).offset] = value
    await one.close()
    await two.close()
    stored = await everything(realm.ports.log, 0, 20)
    assert {record.offset: record.value for record in stored} == said


async def test_appends_in_flight_together_land_in_order(realm: Realm) -> None:
    writer = await realm.ports.writer()
    sent = [await writer.append(b"%d" % number) for number in range(20)]
    assert [(await appended).offset for appended in sent] == list(range(20))
    await writer.close()
    assert [record.value for record in await everything(realm.ports.log, 0, 20)] == [
        b"%d" % n for n in range(20)
    ]


async def test_a_closed_writer_appends_nothing(realm: Realm) -> None:
    writer = await realm.ports.writer()
    await (await writer.append(b"one"))
    await writer.close()
    with pytest.raises(AppendUnknown):
        await (await writer.append(b"two"))
    assert (await realm.ports.log.bounds())[1] == 1


async def test_closing_twice_is_harmless(realm: Realm) -> None:
    writer = await realm.ports.writer()
    await writer.close()
    await writer.close()


async def test_reading_starts_and_ends_where_it_is_told(realm: Realm) -> None:
    writer = await realm.ports.writer()
    for number in range(10):
        await (await writer.append(b"%d" % number))
    await writer.close()
    assert [record.offset for record in await everything(realm.ports.log, 4, 7)] == [4, 5, 6]
    assert await everything(realm.ports.log, 10, 10) == []


async def test_reading_without_an_end_goes_on_with_what_is_appended_later(realm: Realm) -> None:
    await realm.command(b"0")
    seen: list[Stored] = []

    async def follow() -> None:
        async for records in realm.ports.commands.read(0):
            seen.extend(records)
            if len(seen) == 3:
                return

    async with asyncio.timeout(PATIENCE_S):
        following = asyncio.create_task(follow())
        for number in (1, 2):
            await realm.command(b"%d" % number)
        await following
    assert [(record.offset, record.value) for record in seen] == [(0, b"0"), (1, b"1"), (2, b"2")]


async def test_a_tombstone_reads_as_none(realm: Realm) -> None:
    await realm.command(None)
    (record,) = await everything(realm.ports.commands, 0, 1)
    assert record.value is None


async def test_the_log_and_the_commands_are_two_topics(realm: Realm) -> None:
    assert await realm.command(b"command") == 0
    assert await realm.ports.log.bounds() == (0, 0)
    assert await realm.ports.commands.bounds() == (0, 1)


async def test_a_reader_may_leave_early_and_others_are_not_disturbed(realm: Realm) -> None:
    for number in range(5):
        await realm.command(b"%d" % number)
    async with asyncio.timeout(PATIENCE_S):
        reading = realm.ports.commands.read(0)
        async for records in reading:
            assert records
            break
    assert len(await everything(realm.ports.commands, 0, 5)) == 5


async def test_dead_letters_keep_bytes_position_and_reason(realm: Realm) -> None:
    for offset, value in enumerate([b"garbage", None, bytes(600_000)]):
        await realm.ports.dead_letters.put(
            letter_of_command(
                "DECODE", "dev", realm.where, offset, 1, value, f"CODE_{offset}", "because " * 500
            )
        )
    assert await realm.letters() == [("CODE_0", b"garbage"), ("CODE_1", None), ("CODE_2", bytes(600_000))]
