"""The projector: how fast a new process folds a log into PostgreSQL: rows, history, audit and checkpoints."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import httpx

from bench.cpu import CpuMeter, CpuUse
from bench.locks.direct import pairs
from bench.plan import CLIENTS, WHERE, Plan
from bench.processes import OwnProcess
from bench.reads.stack import client_of, one_more, pid_of, read_stack
from bench.rounds import Tally, median_of
from storage.kafka.log import KafkaTopicReader
from storage.kept import store_at
from storage.postgres.migrations import migrate
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.projection import Projection
from streams.read_models import PROJECTIONS
from tidelock.local.parts.catalog import PROJECTOR
from tidelock.local.stack import LocalStack

LOCKS = tuple(one for one in PROJECTIONS if one.kind == WHERE.kind)
FILL_ROUNDS = {1: 8, CLIENTS[-1]: 4}
"""The log is as long as so many rounds of load by so many clients make it."""
LOOK_S = 0.1
"""Between two looks. Each asks PostgreSQL for all checkpoints, on the processors that are measured."""
ASK_S = 0.01
PATIENCE_S = 300.0
Fill: TypeAlias = Callable[[LocalStack], Awaitable[None]]


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure the log that 256 clients wrote: many decisions a commit."""
    found = await _of_locks(plan, CLIENTS[-1], "projection")
    return {"project_decisions_per_s": found["decisions_per_s"], "project_decisions_per_s_spread": found["spread"],
            "project": found}  # fmt: skip


async def measure_single(plan: Plan) -> dict[str, Any]:
    """Measure the log that one client wrote: one decision a commit."""
    found = await _of_locks(plan, 1, "projection, one decision a record")
    return {"project_single_per_s": found["decisions_per_s"], "project_single_per_s_spread": found["spread"],
            "project_single": found}  # fmt: skip


async def _of_locks(plan: Plan, clients: int, what: str) -> dict[str, Any]:
    return await projected(
        plan, what, LOCKS, lambda stack: _fill(stack, clients, FILL_ROUNDS[clients] * plan.seconds)
    )


async def projected(plan: Plan, what: str, models: Sequence[Projection], fill: Fill) -> dict[str, Any]:
    """Write logs of one partition a kind, then have new processes project them from their start."""
    async with read_stack(partitions=1, projectors=0) as stack, AsyncExitStack() as closing:
        assert stack.addresses.postgres is not None
        await migrate(stack.addresses.postgres)
        plan.say(f"{what}: writing the log")
        await fill(stack)
        opened = await closing.enter_async_context(pool(stack.addresses.postgres, PoolSettings()))
        in_rows = [
            one for one in models if one.kept == "rows"
        ]  # what is kept in tables is folded beside them
        reading = Reading(PostgresProjectionStore(opened), in_rows, await _ends(stack, models))
        server = pid_of(stack, "postgres")
        rounds = []
        for number in range(1, plan.rounds + 1):
            plan.say(f"{what}: round {number} of {plan.rounds}")
            async with one_more(stack, PROJECTOR) as projector:
                meter = CpuMeter({"projector": projector.pid, "postgres": server}, ("postgres",))
                await _assigned(projector)
                rounds.append(await _round(reading, meter))
            async with store_at(stack.addresses.kafka, stack.addresses.postgres, "bench") as everything:
                for projection in models:
                    await everything.reset(projection)
    return _row(rounds, sum(reading.ends.values()))


async def _ends(stack: LocalStack, models: Sequence[Projection]) -> dict[PartitionId, int]:
    ends = {}
    for where in {PartitionId(one.kind, 0) for one in models}:
        ends[where] = (await KafkaTopicReader(stack.addresses.kafka, where.log_topic, 0).bounds())[1]
    return ends


async def _fill(stack: LocalStack, count: int, seconds: float) -> None:
    async with AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(client_of(stack)) for _ in range(count)]
        tally = Tally(seconds)
        await asyncio.gather(*(pairs(each.locks, f"bench/{n}")(tally) for n, each in enumerate(clients)))


@dataclass(frozen=True, slots=True)
class Reading:
    """The read models of some logs, and where the logs end."""

    store: PostgresProjectionStore
    models: Sequence[Projection]
    ends: Mapping[PartitionId, int]

    async def decisions(self) -> tuple[int, bool]:
        """Return how many decisions the furthest read model of each log has, and whether all have all."""
        furthest, done = dict.fromkeys(self.ends, 0), True
        for model in self.models:
            where = PartitionId(model.kind, 0)
            at = (await self.store.positions(model)).get(where, START)
            furthest[where] = max(furthest[where], at.decisions)
            done = done and at.next_offset >= self.ends[where]
        return sum(furthest.values()), done


async def _assigned(projector: OwnProcess) -> None:
    """Wait until the group has given it the logs: it has read nothing of them before."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as asking:
        while not (status := await projector.status(asking)) or not status["lanes"]:
            await asyncio.sleep(ASK_S)


async def _round(reading: Reading, meter: CpuMeter) -> tuple[float, CpuUse]:
    """Return decisions a second, and processor time a decision: of whole logs, up to the last row written."""
    meter.start()
    begun = perf_counter()
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await reading.decisions())[1]:
            await asyncio.sleep(LOOK_S)
    return found[0] / (perf_counter() - begun), meter.stop(found[0])


def _row(rounds: Sequence[tuple[float, CpuUse]], records: int) -> dict[str, Any]:
    rate, cpu = median_of(rounds, lambda each: each[0])
    rates = [round(each[0]) for each in rounds]
    return {
        "decisions_per_s": round(rate),
        "spread": [min(rates), max(rates)],
        "projector_us_per_decision": round(cpu.us_per_command["projector"], 1),
        "postgres_us_per_decision": round(cpu.us_per_command["postgres"], 1),
        "records": records,
    }
