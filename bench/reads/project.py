"""The projector: how fast a new process folds a log into PostgreSQL: rows, history, audit and checkpoints."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from bench.cpu import CpuMeter
from bench.locks.direct import pairs
from bench.plan import CLIENTS, WHERE, Plan
from bench.reads.stack import client_of, one_more, read_stack
from bench.rounds import Tally, median_of
from storage.kafka.log import KafkaTopicReader
from storage.postgres.migrations import migrate
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from streams.log.checkpoint import START, Checkpoint
from streams.projector.settings import LaneSettings
from streams.read_models import PROJECTIONS
from tidelock.local.parts.catalog import PROJECTOR
from tidelock.local.stack import LocalStack

OF_KIND = tuple(one for one in PROJECTIONS if one.kind == WHERE.kind)
FILL_ROUNDS = {1: 8, CLIENTS[-1]: 4}
"""The log is as long as so many rounds of load by so many clients make it."""
LOOK_S = 0.02
PATIENCE_S = 300.0


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure the log that 256 clients wrote: many decisions a commit."""
    found = await _measured(plan, CLIENTS[-1], "projection")
    return {"project_decisions_per_s": found["decisions_per_s"], "project_decisions_per_s_spread": found["spread"],
            "project": found}  # fmt: skip


async def measure_single(plan: Plan) -> dict[str, Any]:
    """Measure the log that one client wrote: one decision a commit."""
    found = await _measured(plan, 1, "projection, one decision a record")
    return {"project_single_per_s": found["decisions_per_s"], "project_single_per_s_spread": found["spread"],
            "project_single": found}  # fmt: skip


async def _measured(plan: Plan, clients: int, what: str) -> dict[str, Any]:
    """Write a log, then have new processes project it from its start."""
    async with read_stack(partitions=1, projectors=0) as stack, AsyncExitStack() as closing:
        assert stack.addresses.postgres is not None
        await migrate(stack.addresses.postgres)
        plan.say(f"{what}: writing the log")
        await _fill(stack, clients, FILL_ROUNDS[clients] * plan.seconds)
        end = (await KafkaTopicReader(stack.addresses.kafka, WHERE.log_topic, WHERE.partition).bounds())[1]
        opened = await closing.enter_async_context(pool(stack.addresses.postgres, PoolSettings()))
        store = PostgresProjectionStore(opened)
        rounds = []
        for number in range(1, plan.rounds + 1):
            plan.say(f"{what}: round {number} of {plan.rounds}")
            async with one_more(stack, PROJECTOR) as projector:
                rounds.append(await _round(store, end, CpuMeter({"projector": projector.pid})))
            for projection in OF_KIND:
                await store.reset(projection)
    return _row(rounds, end)


async def _fill(stack: LocalStack, count: int, seconds: float) -> None:
    async with AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(client_of(stack)) for _ in range(count)]
        tally = Tally(seconds)
        await asyncio.gather(*(pairs(each.locks, f"bench/{n}")(tally) for n, each in enumerate(clients)))


async def _round(store: PostgresProjectionStore, end: int, meter: CpuMeter) -> tuple[float, float]:
    """Return (decisions a second, projector's us of processor time a decision), from the first rows on.

    What may have been folded by then, and was not yet written, does not count.
    """
    first = await _first_rows(store)
    meter.start()
    begun = perf_counter()
    counted = await _reached(store, end) - first - LaneSettings().unwritten
    return counted / (perf_counter() - begun), meter.stop(counted).us_per_command["projector"]


async def _first_rows(store: PostgresProjectionStore) -> int:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = max(place.decisions for place in await _places(store))
            if found:
                return found
            await asyncio.sleep(LOOK_S)


async def _reached(store: PostgresProjectionStore, end: int) -> int:
    """Return how many decisions the log has, once every read model has all its records."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            places = await _places(store)
            if min(place.next_offset for place in places) >= end:
                return places[0].decisions
            await asyncio.sleep(LOOK_S)


async def _places(store: PostgresProjectionStore) -> Sequence[Checkpoint]:
    return [(await store.positions(projection)).get(WHERE, START) for projection in OF_KIND]


def _row(rounds: Sequence[tuple[float, float]], records: int) -> dict[str, Any]:
    rate, cpu_us = median_of(rounds, lambda each: each[0])
    rates = [round(each[0]) for each in rounds]
    return {
        "decisions_per_s": round(rate),
        "spread": [min(rates), max(rates)],
        "projector_us_per_decision": round(cpu_us, 1),
        "records": records,
    }
