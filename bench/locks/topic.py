"""The topic lane: commands published to Kafka, answers found by tailing the log through the accept rule."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from bench.plan import CLIENTS, WHERE, Plan
from bench.rounds import Repeat, Tally, run_row
from bench.stack import BenchStack
from schemas.meta import CommandMeta
from storage.kafka.log import KafkaTopicReader
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock, ReleaseLock
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.replies import LockHeld
from streams.log.judged import Judge
from streams.log.records import Commit
from streams.log.vocabulary import Vocabulary

TENANT = "dev"
TTL_MS = 30_000
TIMEOUT_MS = 60_000


class TopicClients:
    """Publishes for many clients, a batch a loop turn, and hands each its answer from the log."""

    def __init__(self, kafka: str, producer: AIOKafkaProducer) -> None:
        self._log = KafkaTopicReader(kafka, WHERE.log_topic, WHERE.partition)
        self._producer = producer
        self._words = Vocabulary(LOCKS)
        self._waiting: dict[tuple[str, int], asyncio.Future[bytes]] = {}
        self._out: list[bytes] = []
        self._any = asyncio.Event()

    async def ask(self, client: str, sequence: int, command: object) -> Any:
        """Publish a command and return its reply."""
        now_ms = time.time_ns() // 1_000_000
        meta = CommandMeta(sequence, TENANT, client, sequence, "", now_ms, now_ms + TIMEOUT_MS)
        answer = self._waiting[client, sequence] = asyncio.get_running_loop().create_future()
        self._out.append(self._words.encode_command(meta, command))
        self._any.set()
        return self._words.decode_reply(await answer)

    async def publish(self) -> None:
        """Send what has gathered, for ever."""
        while True:
            await self._any.wait()
            self._any.clear()
            out, self._out = self._out, []
            batch = self._producer.create_batch()
            for value in out:
                if batch.append(key=None, value=value, timestamp=None) is None:
                    await self._send(batch)
                    batch = self._producer.create_batch()
                    batch.append(key=None, value=value, timestamp=None)
            await self._send(batch)

    async def _send(self, batch: Any) -> None:
        sent = await self._producer.send_batch(batch, WHERE.commands_topic, partition=WHERE.partition)
        sent.add_done_callback(self._sent)

    def _sent(self, sent: "asyncio.Future[object]") -> None:
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if error is not None:
            for answer in self._waiting.values():
                answer.set_exception(error)

    async def tail(self) -> None:
        """Read the log from its beginning, for ever."""
        judge = Judge(WHERE)
        async for records in self._log.read(0):
            for stored in records:
                judged = judge.judge(stored)
                if judged.void is None and type(judged.record) is Commit:
                    self._answer(judged.record)

    def _answer(self, commit: Commit) -> None:
        for decision in commit.decisions:
            answer = self._waiting.pop((decision.client, decision.sequence), None)
            if answer is not None:
                answer.set_result(decision.reply)


def pairs(lane: TopicClients, name: str) -> Repeat:
    """Return one client that takes and gives back the lock `name`."""

    async def repeat(tally: Tally) -> None:
        client, sequence, going = secrets.token_hex(8), 0, True
        while going:
            begun = time.perf_counter()
            held = await lane.ask(client, sequence, AcquireLock(name, EXCLUSIVE, TTL_MS))
            if type(held) is not LockHeld:
                raise RuntimeError(f"acquire of {name} was answered {held}")
            await lane.ask(client, sequence + 1, ReleaseLock(name, held.token))
            sequence += 2
            going = tally.done(begun)

    return repeat


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure 1, 32 and 256 clients."""
    rows = {}
    for count in CLIENTS:
        await stack.fresh()
        async with _clients(stack.kafka) as lane:
            load = [pairs(lane, f"bench/{n}") for n in range(count)]
            rows[str(count)] = await run_row(load, plan, stack.meter(), f"topic lane, {count} clients")
    return {"topic": rows}


@asynccontextmanager
async def _clients(kafka: str) -> AsyncIterator[TopicClients]:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=512 * 1024
    )
    await producer.start()
    lane = TopicClients(kafka, producer)
    tasks = [asyncio.create_task(lane.publish()), asyncio.create_task(lane.tail())]
    try:
        yield lane
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await producer.stop()
