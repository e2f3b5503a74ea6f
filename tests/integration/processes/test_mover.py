"""Dead letters and redrives between real queues, moved by two movers that are killed."""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any
from urllib.request import urlopen

import pytest

import tidelock
from storage.kafka.log import KafkaTopicReader
from streams.domain.queues import commands as c
from streams.domain.queues import replies as r
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.walk import verify_partition
from tests.unit.replay.queue_logbook import settings
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("processes"),
]
PATIENCE_S = 120.0
ROOMY = settings(
    max_attempts=1,
    lease_ms=60_000,
    max_depth=10_000,
    max_bytes=1 << 26,
    max_payload_bytes=100_000,
    dedup_window_ms=0,
)
SOURCES = ("orders", "payments", "mails")
BATCHES = 8
BATCH = 100


def connect(stack: LocalStack) -> Any:
    return tidelock.connect(*stack.addresses.workers, token=DEV.chosen(stack.settings.home))


async def create(client: Client, name: str, of: QueueSettings = ROOMY, shards: int = 1) -> None:
    for shard in range(shards):
        await client.queues.create(name, of, QueueRoute(1, shards, shards), shard)


def with_letters(queue: str, of: QueueSettings = ROOMY) -> QueueSettings:
    return replace(of, dead_letter_queue=queue)


async def put(client: Client, queue: str, payloads: list[bytes]) -> None:
    messages = [c.NewMessage(each, None, None, -1, 0, None, (), 0, None) for each in payloads]
    await client.queues.enqueue(queue, messages)


async def fail(client: Client, queue: str, number: int) -> None:
    """Let so many messages of a queue fail, for good."""
    got: r.Delivery = await client.command("queues", c.ReceiveMessages(queue, 0, "", number, 5_000, 0))
    receipts = [c.Receipt(each.message, got.token) for each in got.messages]
    await client.queues.nack(queue, receipts, reason="cannot be done")


async def found(client: Client, queue: str, shard: int = 0) -> list[tuple[r.PeekedMessage, r.MessageBody]]:
    """Return what is in a shard."""
    all_of_it: list[tuple[r.PeekedMessage, r.MessageBody]] = []
    after, more = 0, True
    while more:
        page, bodies = await client.queues.peek(queue, shard=shard, after=after)
        all_of_it += zip(page.messages, bodies, strict=True)
        after, more = page.next, page.more
    return all_of_it


async def moving(client: Client, queue: str) -> int:
    stats = await client.queues.inspect(queue)
    return sum(each.moving for each in stats.subscriptions)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it holds; the test's time bounds how long."""
    while not await condition():
        await asyncio.sleep(0.05)


async def settled(client: Client, *queues: str) -> None:
    """Wait until nothing is on its way."""

    async def none_moves() -> bool:
        return not any([await moving(client, each) for each in queues])

    await until(none_moves)


async def test_each_dead_letter_arrives_once_while_movers_are_killed(stack: LocalStack) -> None:
    random, numbers = Random(7), count()

    async def work(client: Client, source: str) -> None:
        for _ in range(BATCHES):
            await put(client, source, [b"%s %d" % (source.encode(), next(numbers)) for _ in range(BATCH)])
            left = BATCH
            while left:
                some = min(left, random.randint(1, 60))
                await fail(client, source, some)
                left -= some

    async def killer(working: list[asyncio.Task[None]]) -> int:
        kills = 0
        while not all(task.done() for task in working) or kills < 4:
            part = stack.part(f"processes-{kills % 2}")
            part.kill(signal.SIGKILL)
            await part.wait_ready()
            kills += 1
        return kills

    async with connect(stack) as client, asyncio.timeout(PATIENCE_S):
        await create(client, "dead", shards=2)
        for source in SOURCES:
            await create(client, source, with_letters("dead"))
        working = [asyncio.create_task(work(client, source)) for source in SOURCES]
        assert await killer(working) >= 4
        await asyncio.gather(*working)
        await settled(client, *SOURCES)
        letters = [each for shard in (0, 1) for each in await found(client, "dead", shard)]
        payloads = Counter(body.payload for _, body in letters)
        assert payloads.total() == len(payloads) == len(SOURCES) * BATCHES * BATCH
        assert [await found(client, source) for source in SOURCES] == [[], [], []]
        assert {body.origin.reason for _, body in letters if body.origin is not None} == {"cannot be done"}
        assert len({bool(shard) for shard in (0, 1) if await found(client, "dead", shard)}) == 2
    await holds(stack)


async def test_a_mover_that_freezes_is_relieved_and_moves_nothing_twice_when_it_wakes(
    stack: LocalStack,
) -> None:
    """Each is frozen once, so the one that moves is, with letters on their way."""
    async with connect(stack) as client, asyncio.timeout(PATIENCE_S):
        await create(client, "thawed")
        await create(client, "frozen", with_letters("thawed"))
        for number in (0, 1):
            part = stack.part(f"processes-{number}")
            await put(client, "frozen", [b"%d %d" % (number, each) for each in range(2 * BATCH)])
            await fail(client, "frozen", BATCH)
            part.freeze()
            await fail(client, "frozen", BATCH // 2)
            await settled(client, "frozen")
            part.thaw()
            await fail(client, "frozen", BATCH // 2)
            await settled(client, "frozen")
        payloads = Counter(body.payload for _, body in await found(client, "thawed"))
        assert payloads.total() == len(payloads) == 4 * BATCH
        assert await found(client, "frozen") == []
    await holds(stack)


async def test_a_redrive_into_a_deleted_queue_leaves_them_here_as_dead(stack: LocalStack) -> None:
    async with connect(stack) as client, asyncio.timeout(PATIENCE_S):
        await create(client, "stays")
        await create(client, "gone")
        await put(client, "stays", [b"1", b"2"])
        await fail(client, "stays", 2)
        await client.queues.delete("gone")
        await client.queues.redrive("stays", to="gone")
        await settled(client, "stays")
        there = await found(client, "stays")
        assert [(peeked.state, body.payload) for peeked, body in there] == [("DEAD", b"1"), ("DEAD", b"2")]
        assert there[0][0].reason.startswith("QUEUE_UNKNOWN (gone)")
        await client.queues.redrive("stays")
        assert {peeked.state for peeked, _ in await found(client, "stays")} == {"READY"}


async def test_a_full_dead_letter_queue_is_waited_for_and_says_so(stack: LocalStack) -> None:
    small = settings(max_depth=3, max_payload_bytes=100)
    async with connect(stack) as client, asyncio.timeout(PATIENCE_S):
        await create(client, "tiny", small)
        await create(client, "busy", with_letters("tiny"))
        await put(client, "busy", [b"%d" % number for number in range(10)] + [b"x" * 101])
        await fail(client, "busy", 11)

        async def is_told() -> bool:
            told = [await status(stack, number) for number in (0, 1)]
            queues = [each["queue"] for one in told for each in one["moves"]["waited_for"]]
            return "tiny" in queues

        await until(is_told)
        assert len(await found(client, "tiny")) == 3
        await client.queues.configure("tiny", settings(max_depth=100, max_payload_bytes=100))
        await settled(client, "busy")
        assert [body.payload for _, body in await found(client, "tiny")] == [b"%d" % n for n in range(10)]
        ((left, _),) = await found(client, "busy")
        assert left.reason.startswith("PAYLOAD_TOO_LARGE (tiny)")
        ((_, first), *_) = await found(client, "tiny")
    assert first.origin is not None
    await told_of(stack, "busy", first.origin.message)
    await holds(stack)


async def told_of(stack: LocalStack, queue: str, message: str) -> None:
    """The command line tells where the message went, from the logs."""
    told = json.loads(await run(stack, "queue", "history", queue, message, "--json"))
    assert told["now"] == "ready to be delivered"
    assert [(each["queue"], each["steps"][-1]["what"]) for each in told["chapters"]] == [
        (queue, "MOVED"),
        ("tiny", "ENQUEUED"),
    ]
    text = await run(stack, "queue", "history", queue, message)
    assert f"{queue} {message}: ready to be delivered" in text
    assert f"Came from {queue}, where it was {message}, after 1 attempts (cannot be done)" in text
    assert json.loads(await run(stack, "verify", "queues", "--json"))["ok"]


async def run(stack: LocalStack, *arguments: str) -> str:
    """Return what a command prints."""
    command = (sys.executable, "-m", "tidelock.cli.main", *arguments, "--home", str(stack.settings.home))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def status(stack: LocalStack, number: int) -> Any:
    return json.loads(
        await asyncio.to_thread(_get, f"http://{stack.part(f'processes-{number}').part.address}/status")
    )


def _get(url: str) -> bytes:
    with urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
        return body


async def holds(stack: LocalStack) -> None:
    """All that the logs of queues promise holds."""
    kafka, words = stack.addresses.kafka, Vocabulary(QUEUES)
    async with connect(stack) as client:
        partitions = client.partitions("queues")
    for number in range(partitions):
        where = PartitionId("queues", number)
        report = await verify_partition(
            KafkaTopicReader(kafka, where.log_topic, number),
            KafkaTopicReader(kafka, where.commands_topic, number),
            where,
            words,
        )
        assert report.violations == []
