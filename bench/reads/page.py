"""GraphQL over HTTP: a page of 20 locks with their holders, by 32 connections that are kept alive, one API process."""

import asyncio
import os
from itertools import repeat
from typing import Any

from bench.cpu import CpuMeter
from bench.plan import Plan
from bench.reads.requests import Caller, caller, repeating, request
from bench.reads.stack import client_of, pid_of, read_stack
from bench.rounds import run_row

CONNECTIONS = 32
LOCKS = 2000
QUERY = """
query Page($first: Int!) {
  locks(first: $first) {
    nodes { name mode holderCount waiterCount token since holders { principal client token } }
    pageInfo { hasNextPage endCursor }
    asOf { positions time }
  }
}
"""
PAGE = request(QUERY, {"first": 20})


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure the page."""
    async with read_stack(apis=1) as stack, client_of(stack) as client:
        plan.say(f"page: taking {LOCKS:,} locks")
        await asyncio.gather(*(client.locks.acquire(f"bench/{n:05}", ttl=3600) for n in range(LOCKS)))
        callers = [await caller(stack.addresses.apis[0]) for _ in range(CONNECTIONS)]
        await _until_full(callers[0])
        pids = {"api": pid_of(stack, "api-0"), "postgres": pid_of(stack, "postgres"), "client": os.getpid()}
        meter = CpuMeter(pids, with_children=("postgres",))
        load = [repeating(each, repeat(PAGE)) for each in callers]
        row = await run_row(load, plan, meter, f"page of 20 rows, {CONNECTIONS} connections", 1)
        for each in callers:
            each.close()
    return {
        "page_per_s": row["pairs_per_s"], "page_per_s_spread": row["pairs_per_s_spread"],
        "page_p50_ms": row["p50_ms"], "page_p99_ms": row["p99_ms"], "page": row,
    }  # fmt: skip


async def _until_full(asking: Caller) -> None:
    async with asyncio.timeout(60):
        while len((await asking.ask(PAGE))["locks"]["nodes"]) < 20:
            await asyncio.sleep(0.05)
