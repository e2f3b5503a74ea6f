"""Deadlocks among real clients, over real partitions, with two detectors, one of which is killed."""

import asyncio
import signal
from random import Random
from typing import Any

import pytest

import tidelock
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of
from tests.integration.processes.proof import PARTITIONS, read
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("processes"),
]
PATIENCE_S = 30.0
WAIT_S = 120.0
"""Longer than any test: a deadlock that nobody breaks is not broken by time."""
RUNS = 8
PROGRAMS = 12


def connect(stack: LocalStack) -> Any:
    return tidelock.connect(*stack.addresses.workers, token=DEV.chosen(stack.settings.home))


def one_name_a_partition(prefix: str) -> list[str]:
    """Return a name in each partition."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < len(PARTITIONS):
        name = f"{prefix}/{number}"
        found.setdefault(partition_of(key_of("dev", name), len(PARTITIONS)), name)
        number += 1
    return [found[each] for each in sorted(found)]


async def test_the_youngest_of_three_hears_of_the_whole_circle_and_the_others_go_on(
    stack: LocalStack,
) -> None:
    names = one_name_a_partition("three")[:3]
    async with connect(stack) as client, asyncio.timeout(PATIENCE_S):
        transactions = [client.transaction(started_ms=1_000 + number) for number in range(3)]
        for transaction, name in zip(transactions, names, strict=True):
            await transaction.acquire(name)

        async def go_on(number: int) -> str:
            async with transactions[number] as transaction:
                try:
                    await transaction.acquire(names[(number + 1) % 3], wait=WAIT_S)
                except tidelock.Deadlock as deadlock:
                    return " ".join(sorted(deadlock.cycle))
            return "done"

        told = await asyncio.gather(*map(go_on, range(3)))
    ids = [transaction.id for transaction in transactions]
    edges = [f"{ids[n]} waits on {names[(n + 1) % 3]} for {ids[(n + 1) % 3]}" for n in range(3)]
    assert told == ["done", "done", " ".join(sorted(edges))]


async def test_every_circle_is_broken_and_nothing_else_while_a_detector_is_killed(stack: LocalStack) -> None:
    names = [name for prefix in ("a", "b") for name in one_name_a_partition(prefix)]

    async def program(client: Client, random: Random) -> int:
        victim = 0
        for _ in range(RUNS):
            started_ms: int | None = None
            wanted = random.sample(names, random.randint(2, 4))
            while True:
                transaction = client.transaction(started_ms=started_ms)
                started_ms = transaction.started_ms
                try:
                    async with transaction:
                        for name in wanted:
                            await transaction.acquire(name, shared=random.random() < 0.3, wait=WAIT_S)
                    break
                except tidelock.Deadlock as deadlock:
                    assert transaction.id in deadlock.cycle[0]
                    victim += 1
        return victim

    async def killer() -> None:
        for name in ("processes-0", "processes-1"):
            part = stack.part(name)
            part.kill(signal.SIGKILL)
            await part.wait_ready()

    async with connect(stack) as one, connect(stack) as two, asyncio.timeout(PATIENCE_S):
        programs = [asyncio.create_task(program((one, two)[n % 2], Random(n))) for n in range(PROGRAMS)]
        await asyncio.gather(killer(), *programs)
    deadlocks = sum(each.result() for each in programs)
    proof = await read(stack.addresses.kafka)
    proof.check()
    assert proof.timed_out == 0
    assert len(proof.aborts) == deadlocks + 1
    assert deadlocks > PROGRAMS
