"""Another build of `locks` becomes live while clients write and read: how long it takes, and what is wrong afterwards.

The rows are compared, after both ways and at rest, with those of one plain pass over the log, which no projector made.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from statistics import median
from time import monotonic, perf_counter
from typing import Any

from bench.locks.direct import pairs
from bench.plan import Plan
from bench.reads.stack import client_of, read_stack
from bench.rounds import Tally
from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import ends_of
from storage.postgres.builds import PostgresBuilds
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from storage.postgres.store import PostgresProjectionStore
from streams.catalog import KINDS
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.builds import Builds
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.reads import LockFilter
from streams.projections.ports import ProjectionStore
from tidelock.local.stack import LocalStack

CLIENTS = 16
NEXT, PLAIN = 2, 3
PATIENCE_S = 120.0
LOOK_S = 0.1
WORDS = Vocabulary(next(kind for kind in KINDS if kind.name == LOCKS.kind))


async def measure(plan: Plan) -> dict[str, Any]:
    """Promote and roll back under load, as often as there are rounds."""
    async with read_stack(partitions=4, projectors=1) as stack, AsyncExitStack() as closing:
        assert stack.addresses.postgres is not None
        opened = await closing.enter_async_context(pool(stack.addresses.postgres, PoolSettings()))
        builds, store = PostgresBuilds(opened), PostgresProjectionStore(opened)
        plan.say("promotion: filling the log")
        await _load(stack, plan.seconds)
        plan.say("promotion: building beside, under load")
        await builds.begin(LOCKS, NEXT)
        took_ms, held_ms, stalled_ms = list[float](), list[float](), list[float]()
        async with _under_load(stack), _reads(stack, stalled_ms):
            await _level(store)
            for number in range(1, plan.rounds + 1):
                plan.say(f"promotion: round {number} of {plan.rounds}")
                for after in (NEXT, 1):
                    begun = perf_counter()
                    switched = await builds.switch(LOCKS, after, within_s=30.0, force=False)
                    took_ms.append((perf_counter() - begun) * 1000)
                    held_ms.append(switched.held_ms)
                    await asyncio.sleep(plan.seconds / 4)
            await builds.switch(LOCKS, NEXT, within_s=30.0, force=False)
        plan.say("promotion: comparing with one plain pass")
        await _at_rest(stack, store)
        wrong = await _wrong_rows(stack, builds, store)
    return {
        "promote_ms": round(median(took_ms), 1),
        "promote_ms_spread": [round(min(took_ms), 1), round(max(took_ms), 1)],
        "promote_wrong_rows": wrong["rows"],
        "promote": {
            "writes_held_ms": round(median(held_ms), 1),
            "slowest_read_ms": round(max(stalled_ms), 1),
            "reads": len(stalled_ms),
            "promotions": len(took_ms) + 1,
            "rows_compared": wrong["compared"],
            "clients": CLIENTS,
        },
    }


async def _load(stack: LocalStack, seconds: float) -> None:
    async with AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(client_of(stack)) for _ in range(CLIENTS)]
        tally = Tally(seconds)
        await asyncio.gather(*(pairs(each.locks, f"bench/{n}")(tally) for n, each in enumerate(clients)))


@asynccontextmanager
async def _under_load(stack: LocalStack) -> AsyncIterator[None]:
    """Have clients write until the block ends."""
    task = asyncio.create_task(_load(stack, PATIENCE_S * 10))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _reads(stack: LocalStack, took_ms: list[float]) -> AsyncIterator[None]:
    """Read pages of locks until the block ends; every answer must be of no earlier than the one before."""

    async def read(reads: PostgresLockReads) -> None:
        newest = dict[int, int]()
        while True:
            begun = perf_counter()
            _, when = await reads.locks("dev", LockFilter(), 50, None)
            took_ms.append((perf_counter() - begun) * 1000)
            for stand in when.stands:
                assert stand.next_offset >= newest.get(stand.partition, 0), "an answer went back"
                newest[stand.partition] = stand.next_offset
            await asyncio.sleep(0.005)

    async with pool(str(stack.addresses.postgres), SETTINGS) as opened:
        task = asyncio.create_task(read(PostgresLockReads(opened)))
        try:
            yield
        finally:
            if task.done():
                task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _level(store: ProjectionStore) -> None:
    """Wait until the build has what the live one had."""
    until = monotonic() + PATIENCE_S
    while monotonic() < until:
        stands, found = await store.positions(LOCKS), await store.positions(replace(LOCKS, build=NEXT))
        lacks = [at.next_offset - found.get(where, START).next_offset for where, at in stands.items()]
        if found.keys() >= stands.keys() and sum(lacks) < 100:
            return
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"the build was not level after {PATIENCE_S:.0f} s")


async def _ends(stack: LocalStack) -> dict[PartitionId, int]:
    ends = await ends_of(stack.addresses.kafka, [PartitionId(LOCKS.kind, 0).log_topic])
    return {PartitionId(LOCKS.kind, number): end for (_, number), end in ends.items()}


async def _at_rest(stack: LocalStack, store: ProjectionStore) -> None:
    """Wait until all of the log is in the live build, and nothing more is decided."""
    until = monotonic() + PATIENCE_S
    while monotonic() < until:
        ends, stored = await _ends(stack), await store.positions(LOCKS)
        if {where: at.next_offset for where, at in stored.items()} == ends == await _ends(stack):
            return
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"the logs did not rest within {PATIENCE_S:.0f} s")


async def _wrong_rows(stack: LocalStack, builds: Builds, store: ProjectionStore) -> dict[str, int]:
    """Write the rows of one plain pass as a build that no projector of this version touches, and compare."""
    plain = replace(LOCKS, version=LOCKS.version + 1, build=PLAIN)
    await builds.begin(plain, PLAIN)
    for where, end in (await _ends(stack)).items():
        fold, reader = LOCKS.fold(where, WORDS), CommitReader(where, WORDS)
        async for records in KafkaTopicReader(stack.addresses.kafka, where.log_topic, where.partition).read(
            0, end
        ):
            for record in records:
                accepted = reader.read(record)
                if accepted is not None:
                    fold.commit(accepted)
        await store.write(plain, where, START, reader.checkpoint, fold.take())
    found = await builds.compare(LOCKS, PLAIN, 0, PATIENCE_S)
    return {"rows": found.rows, "compared": sum(each.live for each in found.tables)}
