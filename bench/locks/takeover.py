"""Take-over: the deciding worker is told to stop, or killed; how long until the other one answers a client."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from bench.locks.direct import open_clients
from bench.plan import Plan
from bench.processes import OwnProcess
from bench.stack import SESSION_MS, BenchStack
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from tidelock import Client, TidelockError
from tidelock.client.lease import Lease

EVERY_S = 0.01
"""A client that keeps trying sends a new acquire so often."""
TTL_MS = 5000
GIVE_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Milliseconds from the signal to an answer of the other worker."""

    first_ms: float
    """To the first of many acquires."""
    patient_ms: float
    """To the one sent right after the signal, which the client library alone repeats."""


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure both ways of going, each in all rounds."""
    await stack.fresh(workers=2)
    await _fill(stack, plan)
    found: dict[signal.Signals, list[TakeOver]] = {}
    for number in (signal.SIGTERM, signal.SIGKILL):
        for count in range(1, plan.rounds + 1):
            plan.say(f"take-over after {number.name}: round {count} of {plan.rounds}")
            found.setdefault(number, []).append(await _take_over(stack, number))
    return {"takeover": summary(found[signal.SIGTERM], found[signal.SIGKILL], plan.log_decisions)}


def summary(graceful: Sequence[TakeOver], killed: Sequence[TakeOver], decisions: int) -> dict[str, Any]:
    """Return medians and spreads."""
    result: dict[str, Any] = {}
    for name, found in (("graceful", graceful), ("killed", killed)):
        first = [each.first_ms for each in found]
        result[f"{name}_ms"] = round(median(first), 1)
        result[f"{name}_ms_spread"] = [round(min(first), 1), round(max(first), 1)]
        result[f"{name}_one_acquire_ms"] = round(median(each.patient_ms for each in found), 1)
    return {**result, "session_ms": SESSION_MS, "decisions_in_log": decisions}


async def _fill(stack: BenchStack, plan: Plan) -> None:
    plan.say(f"take-over: writing {plan.log_decisions} decisions")

    async def some(client: Client, name: str, count: int) -> None:
        for _ in range(count):
            await client.locks.release(await client.locks.acquire(name, wait=0))

    async with AsyncExitStack() as closing:
        clients = await open_clients(stack, 32, closing)
        each = plan.log_decisions // (2 * len(clients)) + 1
        await asyncio.gather(*(some(client, f"fill/{n}", each) for n, client in enumerate(clients)))


async def _take_over(stack: BenchStack, number: signal.Signals) -> TakeOver:
    leader = await _settled_leader(stack)
    async with stack.connect() as client:
        await client.locks.release(await client.locks.acquire("take-over/before", wait=0))
        leader.send(number)
        found = await _until_another(client, leader.address)
    await leader.end()
    await stack.start(leader)
    await stack.wait_for(leader, leading=False)
    return found


async def _settled_leader(stack: BenchStack) -> OwnProcess:
    """Return the deciding worker once it has stayed the same for a session: nobody is joining any more."""
    leader, since = await stack.leader(), perf_counter()
    while perf_counter() - since < SESSION_MS / 1000:
        await asyncio.sleep(0.1)
        now = await stack.leader()
        if now is not leader:
            leader, since = now, perf_counter()
    return leader


async def _until_another(client: Client, before: str) -> TakeOver:
    begun = perf_counter()
    answered: list[float] = []
    attempts = [asyncio.create_task(_attempt(client, 0, before, begun))]
    while not answered and perf_counter() - begun < GIVE_UP_S:
        await asyncio.sleep(EVERY_S)
        attempts.append(asyncio.create_task(_attempt(client, len(attempts), before, begun)))
        answered = [ms for each in attempts if each.done() and (ms := each.result()) is not None]
    times = await asyncio.gather(*attempts)
    by_another = [ms for ms in times if ms is not None]
    if not by_another:
        raise RuntimeError(f"no other worker answered within {GIVE_UP_S:.0f} s")
    return TakeOver(min(by_another), by_another[0])


async def _attempt(client: Client, number: int, before: str, begun: float) -> float | None:
    """Acquire a lock of its own; return after how many ms another worker than `before` granted it."""
    pending = client.locks.ask(AcquireLock(f"take-over/{number}", EXCLUSIVE, TTL_MS))
    try:
        grant = await client.locks.granted(pending)
    except TidelockError as error:
        raise RuntimeError(f"acquire number {number} failed during a take-over") from error
    answered_ms = 1000 * (perf_counter() - begun)
    link = pending.link
    await client.locks.release(Lease(grant, pending, client.locks.clock))
    return answered_ms if link is not None and link.address != before else None
