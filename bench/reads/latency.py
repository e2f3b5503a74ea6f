"""From a commit to whoever looks: rows in PostgreSQL, a push to a subscriber. At 1,000 decisions a second.

A commit happened at its append timestamp. It is visible when PostgreSQL has told that `locks` is past it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import psycopg

from bench.plan import Plan
from bench.reads.stack import client_of, read_stack
from bench.reads.watching import steady, subscribe, take
from bench.rounds import percentile
from storage.kafka.log import KafkaTopicReader
from storage.postgres.checkpoints import CHANNEL
from streams.log.positions import PartitionId, Position
from tidelock.local.stack import LocalStack

PAIRS_PER_S = 500
SUBSCRIBERS = 1
NAMES = [f"bench/{n}" for n in range(200)]
QUERY = 'subscription { it: lockEvents(prefix: "bench/") { cursor name position } }'
PARTITIONS = 4

Seen = dict[PartitionId, list[tuple[int, float]]]
"""By partition: (every offset below this one is visible, since when), in order."""


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure both on one load."""
    visible, pushed, rates = [], [], []
    async with read_stack(partitions=PARTITIONS, apis=1) as stack, client_of(stack) as client:
        plan.say("latency: warming up the broker")
        await steady(client, NAMES, PAIRS_PER_S, plan.warm_up_s)
        for number in range(1, plan.rounds + 1):
            plan.say(f"latency: round {number} of {plan.rounds}")
            seen: Seen = {}
            came: list[tuple[Position, float]] = []
            starts = await _ends(stack)
            async with AsyncExitStack() as closing:
                await closing.enter_async_context(_Listening(stack, seen))
                await _subscribers(stack, closing, came)
                begun = time.perf_counter()
                pairs = await steady(client, NAMES, PAIRS_PER_S, plan.seconds)
                rates.append(2 * pairs / (time.perf_counter() - begun))
                ends = await _ends(stack)
                await _until(lambda: _all_seen(seen, starts, ends) and len(came) >= 2 * pairs * SUBSCRIBERS)  # noqa: B023
            stamps = await _stamps(stack, starts, ends)
            visible.append(sorted(_visible_ms(seen, stamps)))
            pushed.append(
                sorted(1000 * (now - stamps[position]) for position, now in came if position in stamps)
            )
    return {
        **_row("visible", visible),
        **_row("pushed", pushed),
        "latency_decisions_per_s": round(min(rates)),
    }


class _Listening:
    """Notes down what PostgreSQL tells of the read model."""

    def __init__(self, stack: LocalStack, seen: Seen) -> None:
        assert stack.addresses.postgres is not None
        self._url, self._seen = stack.addresses.postgres, seen

    async def __aenter__(self) -> None:
        self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        await self._connection.execute(f"LISTEN {CHANNEL}")
        self._task = asyncio.create_task(self._listen())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._connection.close()

    async def _listen(self) -> None:
        async for told in self._connection.notifies():
            projection, where, offset = told.payload.split()
            if projection == "locks":
                kind, partition = where.split("/")
                known = self._seen.setdefault(PartitionId(kind, int(partition)), [])
                known.append((int(offset), time.time()))


async def _subscribers(
    stack: LocalStack, closing: AsyncExitStack, came: list[tuple[Position, float]]
) -> None:
    def taken(item: dict[str, Any], now: float) -> None:
        came.append((Position.parse(item["position"]), now))

    for _ in range(SUBSCRIBERS):
        connection = await subscribe(stack.addresses.apis[0], QUERY, {})
        closing.push_async_callback(connection.close)
        task = asyncio.create_task(take(connection, taken))
        closing.callback(task.cancel)


async def _ends(stack: LocalStack) -> Mapping[PartitionId, int]:
    wheres = [PartitionId("locks", n) for n in range(PARTITIONS)]
    readers = [KafkaTopicReader(stack.addresses.kafka, each.log_topic, each.partition) for each in wheres]
    return {where: (await reader.bounds())[1] for where, reader in zip(wheres, readers, strict=True)}


async def _stamps(
    stack: LocalStack, starts: Mapping[PartitionId, int], ends: Mapping[PartitionId, int]
) -> dict[Position, float]:
    """Return when each record was appended, in seconds since 1970."""
    found = {}
    for where, start in starts.items():
        reader = KafkaTopicReader(stack.addresses.kafka, where.log_topic, where.partition)
        async for records in reader.read(start, ends[where]):
            for record in records:
                found[Position(where, record.offset)] = record.timestamp_ms / 1000
    return found


def _all_seen(seen: Seen, starts: Mapping[PartitionId, int], ends: Mapping[PartitionId, int]) -> bool:
    return all(
        end == starts[where] or any(below >= end for below, _ in seen.get(where, ()))
        for where, end in ends.items()
    )


def _visible_ms(seen: Seen, stamps: Mapping[Position, float]) -> Iterable[float]:
    for position, stamp in stamps.items():
        told = next(
            (when for below, when in seen.get(position.partition, ()) if below > position.offset), None
        )
        if told is not None:
            yield 1000 * (told - stamp)


async def _until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.05)


def _row(name: str, rounds: list[list[float]]) -> dict[str, Any]:
    p95s = sorted(percentile(each, 0.95) for each in rounds)
    return {
        f"{name}_p95_ms": round(percentile(p95s, 0.5), 1),
        f"{name}_p95_ms_spread": [round(p95s[0], 1), round(p95s[-1], 1)],
        f"{name}_p50_ms": round(percentile(sorted(percentile(each, 0.5) for each in rounds), 0.5), 1),
    }
