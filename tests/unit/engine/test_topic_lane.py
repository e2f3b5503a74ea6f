"""The topic lane: in order, from the first undecided command, and nothing hostile stops it."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from types import SimpleNamespace
from typing import cast

import pytest

from schemas.meta import CommandMeta
from storage.memory.log import MemoryTopic
from streams.domain.decider import Rejected
from streams.engine.owner import Owner
from streams.engine.settings import OwnerSettings
from streams.log.envelope import decode
from streams.log.ports import Stored
from streams.log.records import Commit
from streams.wire.murmur2 import partition_of
from tests.unit.engine import toy
from tests.unit.engine.harness import World, running, turns, until
from tests.unit.engine.toy import Add, Put


def sources(world: World) -> list[tuple[int, int]]:
    found = []
    for stored in world.broker.log.records:
        record = decode(stored.value)
        if isinstance(record, Commit) and record.source is not None:
            found.append((record.source.first, record.source.last))
    return found


def letters(world: World) -> list[tuple[int, bytes | None, str]]:
    return [(one.offset, one.body, one.code) for one in world.broker.ports.dead_letters.letters]


async def decided(world: World, offset: int) -> None:
    await until(lambda: world.owner.reader.head.last_source >= offset)


async def test_commands_are_decided_in_order_and_their_offsets_logged_without_a_gap() -> None:
    async with running(World()) as world:
        for number in range(10):
            world.topic_command(Add("k", 1), sequence=number)
        await decided(world, 9)
        (*_, (_, last)) = sources(world)
        assert last == 9
        assert [decision.sequence for decision in world.decisions()] == list(range(10))
        assert {decision.lane for decision in world.decisions()} == {"TOPIC"}


async def test_a_backlog_beyond_the_read_ahead_is_decided_although_nothing_else_wakes_the_owner() -> None:
    world = World()
    for number in range(4_500):
        world.topic_command(Add("k", 1), sequence=number)
    async with running(world):
        await decided(world, 4_499)
        assert world.owner.reader.state.state_of("dev/k").total == 4_500


async def test_the_next_owner_resumes_behind_the_last_logged_source() -> None:
    async with running(World()) as first:
        for number in range(3):
            first.topic_command(Add("k", 1), sequence=number)
        await decided(first, 2)
    second = World(broker=first.broker)
    second.entropy.drawn = 99
    async with running(second):
        second.topic_command(Add("k", 1), sequence=3)
        await decided(second, 3)
        assert second.walked().state.state_of("dev/k").total == 4
        assert second.walked().voids == {}


async def test_a_void_commit_is_read_and_decided_again() -> None:
    async with running(World()) as world:
        fates = iter(["lost"])
        world.broker.fate = lambda record: next(fates, "ok")
        for number in range(5):
            world.topic_command(Add("k", 1), sequence=number)
        await decided(world, 4)
        assert world.watch.troubles
        assert world.walked().state.state_of("dev/k").total == 5
        assert len(world.decisions()) == 5


async def test_what_was_read_ahead_of_a_void_commit_is_not_decided_before_it() -> None:
    world = World()
    for number in range(1_200):
        world.topic_command(Add("k", 1), sequence=number)
    lost = iter([True])
    world.broker.fate = lambda record: (
        "lost" if isinstance(decode(record), Commit) and next(lost, 0) else "ok"
    )
    async with running(world):
        await decided(world, 1_199)
        assert world.watch.troubles
        assert [decision.sequence for decision in world.decisions()] == list(range(1_200))


async def test_a_repeat_on_either_lane_is_decided_once() -> None:
    async with running(World()) as world:
        answered = await world.ask(Add("k", 1), sequence=1)
        world.topic_command(Add("k", 1), sequence=1)
        world.topic_command(Add("k", 1), sequence=2)
        await decided(world, 1)
        assert await world.ask(Add("k", 1), sequence=1) == answered
        assert (await world.ask(Add("k", 1), sequence=2)).total == 2
        assert len(world.decisions()) == 2


def _meta() -> CommandMeta:
    return World().meta(sequence=3)


GOOD = toy.VOCABULARY.encode_command(_meta(), Add("k", 1))
HOSTILE = {
    "empty": (b"", "UNKNOWN_SCHEMA"),
    "tombstone": (None, "NULL_VALUE"),
    "garbage": (b"\x00\x01garbage", "UNKNOWN_SCHEMA"),
    "truncated": (GOOD[:-3], "MALFORMED_DATA"),
    "trailing": (GOOD + b"!", "MALFORMED_DATA"),
    "wrong fingerprint": (GOOD[:2] + b"\xff" * 8 + GOOD[10:], "UNKNOWN_SCHEMA"),
    "20 million items": (GOOD[:10] + b"\x80\xb4\x89\x13" * 4, "MALFORMED_DATA"),
    "an event": (toy.VOCABULARY.encode_event(toy.Added(1, "")), "UNKNOWN_SCHEMA"),
    "over 400 KiB": (toy.VOCABULARY.encode_command(_meta(), Put("k", bytes(420_000))), "COMMAND_TOO_LARGE"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_cannot_be_decoded_is_a_logged_rejection_and_a_dead_letter(name: str) -> None:
    data, code = HOSTILE[name]
    async with running(World()) as world:
        world.broker.ports.commands.append(data)
        world.topic_command(Add("k", 1), sequence=9)
        await decided(world, 1)
        rejected, good = world.decisions()
        reply = world.vocabulary.decode_reply(rejected.reply)
        assert isinstance(reply, Rejected)
        assert reply.code == code
        assert "toys.commands@0" in reply.message
        assert (rejected.events, rejected.hash) == ((), b"")
        assert good.events
        assert letters(world) == [(0, data, code)]
        source_hash = world.walked().head.source_hash
        assert source_hash == sha256(world.broker.ports.commands.records[1].value or b"").digest()


@pytest.mark.parametrize(
    ("command", "changed", "code"),
    [
        (Add("k", 1), {"tenant": "other"}, "WRONG_TENANT"),
        (Add("", 1), {}, "BAD_NAME"),
        (Add("x" * 100_000, 1), {}, "BAD_NAME"),
        (Add("a\nb", 1), {}, "BAD_NAME"),
        (Add("k", 1), {"client": ""}, "BAD_META"),
        (Add("k", 1), {"client": "c" * 129}, "BAD_META"),
        (Add("k", 1), {"handle": "h" * 100_000}, "BAD_META"),
        (Add("k", 1), {"session": "s" * 129}, "BAD_META"),
        (Add("k", 1), {"client": "nul\0"}, "BAD_META"),
        (Add("k", 1), {"handle": "bell\a"}, "BAD_META"),
        (Add("k", 1), {"session": "line\nbreak"}, "BAD_META"),
        (Add("k", 1), {"traceparent": "t" * 129}, "BAD_META"),
    ],
)
async def test_what_is_not_well_formed_is_a_logged_rejection_and_a_dead_letter(
    command: Add, changed: dict[str, str], code: str
) -> None:
    async with running(World()) as world:
        offset = world.topic_command(command, sequence=1, **changed)
        await decided(world, offset)
        (decision,) = world.decisions()
        reply = world.vocabulary.decode_reply(decision.reply)
        assert isinstance(reply, Rejected)
        assert (reply.code, decision.events) == (code, ())
        assert [(offset, each) for offset, _, each in letters(world)] == [(0, code)]
        (letter,) = world.broker.ports.dead_letters.letters
        assert (letter.stage, letter.tenant) == ("DECIDE", "dev")
        assert len(letter.traceparent or "") <= 128


async def test_a_key_of_another_partition_is_refused_with_the_cure() -> None:
    settings = OwnerSettings(address="a", partitions=4, tick_ms=1)
    world = World(settings=settings)
    names = [f"k{number}" for number in range(40)]
    wrong = next(name for name in names if partition_of(f"dev/{name}", 4) != 0)
    right = next(name for name in names if partition_of(f"dev/{name}", 4) == 0)
    async with running(world):
        world.topic_command(Add(wrong, 1), sequence=1)
        world.topic_command(Add(right, 1), sequence=2)
        await decided(world, 1)
        first, second = world.decisions()
        reply = world.vocabulary.decode_reply(first.reply)
        assert isinstance(reply, Rejected)
        assert reply.code == "WRONG_PARTITION"
        assert "murmur2" in reply.message
        assert second.events
        assert letters(world)[0][2] == "WRONG_PARTITION"


@pytest.mark.parametrize("how", ["truncated", "rewritten"])
async def test_a_commands_topic_that_is_not_the_one_the_log_was_decided_from_halts(how: str) -> None:
    async with running(World()) as first:
        for number in range(3):
            first.topic_command(Add("k", 1), sequence=number)
        await decided(first, 2)
    commands = first.broker.ports.commands
    if how == "truncated":
        del commands.records[2:]
    else:
        del commands.records[2:]
        first.topic_command(Add("k", 1), sequence=77)
    second = World(broker=first.broker)
    second.entropy.drawn = 99
    task = asyncio.create_task(second.owner.run())
    await until(lambda: second.owner.phase == "quarantined")
    assert [error.code for error in second.watch.troubles] == ["COMMANDS_MISMATCH"] * 3  # type: ignore[attr-defined]
    assert "restore it, or start a new generation" in str(second.watch.troubles[0])
    await second.owner.stop()
    await task


async def test_both_lanes_take_turns() -> None:
    async with running(World()) as world:
        world.broker.held = True
        for _ in range(2):
            count = len(world.broker.waiting)
            world.send(Add("warm", 1))
            await until(lambda count=count: len(world.broker.waiting) == count + 1)  # type: ignore[misc]
        for number in range(4):
            world.topic_command(Add("k", 1), sequence=100 + number)
        await until(lambda: _read_ahead(world.owner) == 4)
        for number in range(4):
            world.send(Add("k", 1), sequence=200 + number)
        world.broker.held = False
        world.broker.release()
        await until(lambda: len(world.decisions()) == 10)
        lanes = [decision.lane for decision in world.decisions()[2:]]
        assert lanes == ["TOPIC", "DIRECT"] * 4


def _read_ahead(owner: Owner) -> int:
    return owner.queued


@pytest.mark.parametrize("payload", [bytes(20_000), b"junk"], ids=["commands", "junk"])
async def test_it_stops_reading_ahead_at_its_bytes_and_goes_on_when_they_are_drained(payload: bytes) -> None:
    settings = OwnerSettings(address="a", partitions=1, tick_ms=1, max_queued_bytes=100_000)
    world = World(settings=settings)
    async with running(world):
        world.broker.held = True
        for _ in range(2):
            count = len(world.broker.waiting)
            world.send(Add("warm", 1))
            await until(lambda count=count: len(world.broker.waiting) == count + 1)  # type: ignore[misc]
        for number in range(40):
            if payload == b"junk":
                world.broker.ports.commands.append(payload * 5_000)
            else:
                world.topic_command(Put("k", payload), sequence=100 + number)
        await until(lambda: world.owner.queued_bytes >= 100_000)
        await turns(200)
        assert 5 <= world.owner.queued <= 6
        assert world.owner.queued_bytes < 130_000
        world.broker.held = False
        world.broker.release()
        await decided(world, 39)
        assert (world.owner.queued, world.owner.queued_bytes) == (0, 0)


async def test_a_command_that_no_read_returns_any_more_halts() -> None:
    async with running(World()) as first:
        for number in range(3):
            first.topic_command(Add("k", 1), sequence=number)
        await decided(first, 1)
    commands = first.broker.ports.commands
    last = first.walked().head.last_source
    second = World(broker=first.broker)
    second.entropy.drawn = 99
    original = commands.read

    async def read(start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        async for records in original(start, end):
            yield [record for record in records if record.offset != last]

    second.ports.commands = cast(MemoryTopic, SimpleNamespace(bounds=commands.bounds, read=read))
    task = asyncio.create_task(second.owner.run())
    await until(lambda: second.owner.phase == "quarantined")
    assert [error.code for error in second.watch.troubles] == ["COMMANDS_MISMATCH"] * 3  # type: ignore[attr-defined]
    assert f"the command at offset {last}, the last one" in str(second.watch.troubles[0])
    await second.owner.stop()
    await task
