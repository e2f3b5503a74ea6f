"""A real stack with two projectors, clients that never rest, and what one waits for."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from psycopg import AsyncConnection, OperationalError

import tidelock
from streams.log.checkpoint import decode_checkpoint
from streams.log.positions import PartitionId
from tests.integration.projector import truth
from tidelock.client.errors import TidelockError
from tidelock.client.queues.queue import Queue
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

PATIENCE_S = 120.0


async def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Return what `condition` (plain or awaitable) says as soon as that is true."""
    async with asyncio.timeout(patience_s):
        while True:
            holds = condition()
            if asyncio.iscoroutine(holds):
                holds = await holds
            if holds:
                return holds
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Proof:
    """What was compared."""

    ends: dict[PartitionId, int]
    told: truth.Told
    counts: dict[str, int]


@dataclass
class Stage:
    """What a test acts on."""

    stack: LocalStack
    clients: list[asyncio.Task[None]] = field(default_factory=list)
    answers: int = 0
    _stopping: bool = False

    @property
    def kafka(self) -> str:
        return self.stack.addresses.kafka

    @property
    def postgres(self) -> str:
        return str(self.stack.addresses.postgres)

    @property
    def redis(self) -> str:
        return str(self.stack.addresses.redis)

    async def play(self, clients: int = 6) -> None:
        """Have clients of locks and of queues do all that there is to do over a few names, until `rest`."""
        self._stopping = False
        self.clients = [asyncio.create_task(self._client(number)) for number in range(clients)]
        self.clients += [asyncio.create_task(self._queue_client(number)) for number in range(clients // 3)]

    async def rest(self) -> None:
        self._stopping = True
        await asyncio.gather(*self.clients)

    async def _client(self, number: int) -> None:
        rng = random.Random(number)
        addresses, token = self.stack.addresses.workers, DEV.chosen(self.stack.settings.home)
        async with await tidelock.connect(*addresses, token=token, timeout=20.0) as client:
            while not self._stopping:
                name = f"stage/{rng.randrange(20)}"
                try:
                    lease = await client.locks.acquire(name, ttl=1.0, wait=rng.choice((0.0, 1.0)))
                    if rng.random() < 0.3:
                        await client.locks.renew(lease)
                    if rng.random() < 0.95:
                        await client.locks.release(lease)
                    self.answers += 1
                except TidelockError:
                    pass  # refused, or it waited in vain: that is in the log, too
                await asyncio.sleep(0.002)

    async def _queue_client(self, number: int) -> None:
        rng = random.Random(number)
        addresses, token = self.stack.addresses.workers, DEV.chosen(self.stack.settings.home)
        async with await tidelock.connect(*addresses, token=token, timeout=20.0) as client:
            queue = client.queue("stage/orders")
            while not self._stopping:
                try:
                    await self._queue_round(queue, rng)
                    self.answers += 1
                except TidelockError:
                    pass
                await asyncio.sleep(0.002)

    async def _queue_round(self, queue: Queue[bytes], rng: random.Random) -> None:
        """Put a batch, take some, and have each end in one of its ways."""
        await queue.create(
            shards=3, max_attempts=2, lease=1.0, backoff_min=0.05, backoff_max=0.2, max_depth=500
        )
        batch = [bytes(rng.randrange(300)) for _ in range(rng.choice((1, 1, 20)))]
        group, delay = rng.choice((None, f"g{rng.randrange(9)}")), rng.choice((0.0, 0.0, 0.1))
        await queue.put_many(batch, group=group, delay=delay, headers={"n": str(len(batch))})
        for message in await queue.receive(rng.choice((1, 30)), wait=0.05):
            match rng.randrange(8):
                case 0:
                    await message.nack(reason="out of \0 stock")
                case 1:
                    await message.extend(2.0)
                case 2:
                    pass  # it is never heard of again
                case _:
                    await message.ack()
        match rng.randrange(30):
            case 0:
                await queue.redrive()
            case 1:
                await queue.purge(state="DEAD")
            case 2:
                await queue.delete(force=True)

    async def more_answers(self, count: int) -> None:
        wanted = self.answers + count
        await until(lambda: self.answers >= wanted)

    async def projected(self, patience_s: float = PATIENCE_S) -> dict[PartitionId, int]:
        """Wait until every read model has all of every log, and the logs rest; return their ends."""

        async def all_of_it() -> dict[PartitionId, int] | None:
            ends = await truth.ends(self.kafka)
            stored = await self.checkpoints()
            wanted = {
                (one.name, where): ends[where]
                for one in truth.IN_ROWS
                for where in ends
                if one.kind == where.kind
            }
            return ends if stored == wanted and await truth.ends(self.kafka) == ends else None

        try:
            found: dict[PartitionId, int] = await until(all_of_it, patience_s)
        except TimeoutError:
            ends, stored = await truth.ends(self.kafka), await self.checkpoints()
            told = [await self.status(part.name) for part in self.stack.parts if "projector" in part.name]
            raise AssertionError(f"{stored} is projected of {ends}; {json.dumps(told)}") from None
        return found

    async def proved(self, refused: truth.Aside | None = None) -> Proof:
        """Compare every table with what the logs say, in a moment in which nothing is decided."""
        while True:
            ends = await self.projected()
            told = await truth.told_by_logs(self.kafka, refused)
            try:
                counts = await truth.assert_equal(self.postgres, told)
            except AssertionError:
                if await truth.ends(self.kafka) == ends:
                    raise
            else:
                if await truth.ends(self.kafka) == ends:
                    return Proof(ends, told, counts)

    async def checkpoints(self) -> dict[tuple[str, PartitionId], int]:
        """Return how far every read model is; nothing while the database is away."""
        try:
            async with await AsyncConnection.connect(self.postgres, connect_timeout=2) as connection:
                found = await connection.execute(
                    "SELECT projection, kind, partition, checkpoint FROM tidelock.checkpoints WHERE live"
                )
                return {
                    (name, PartitionId(kind, partition)): decode_checkpoint(stored).next_offset
                    for name, kind, partition, stored in await found.fetchall()
                }
        except OperationalError:
            return {}

    async def status(self, projector: str) -> dict[str, Any]:
        """Return what a projector says of itself; empty while it says nothing."""
        try:
            async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
                address = self.stack.part(projector).part.address
                told: dict[str, Any] = (await http.get(f"http://{address}/status")).json()
                return told
        except (httpx.HTTPError, ValueError):
            return {}

    async def lanes(self, projector: str) -> list[dict[str, Any]]:
        lanes: list[dict[str, Any]] = (await self.status(projector)).get("lanes", [])
        return lanes
