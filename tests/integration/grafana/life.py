"""A little of everything that a panel shows: contention, failures, a node that dies, a record that nobody can read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import httpx

import tidelock
from storage.kafka.letters import KafkaLetterDesk
from streams.domain.nodes import commands as nodes
from streams.log.positions import PartitionId
from tidelock.client.client import Client
from tidelock.client.queues.codecs import Json
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV


async def once(stack: LocalStack) -> None:
    """What need happen only once."""
    await KafkaLetterDesk(stack.addresses.kafka).send([(PartitionId("locks", 0), b"garbage")])
    async with connected(stack) as client:
        gone = nodes.Registration("", "", (), 0, (), 1_000)
        await client.command("nodes", nodes.RegisterNode("gone", gone, ""))
        queue = client.queue("orders", codec=Json())
        await queue.create(max_attempts=1)
        await queue.put_many(range(4))
        done, failed = await queue.receive(2, wait=5.0)
        await done.ack()
        await failed.nack()


async def again_and_again(stack: LocalStack) -> None:
    """What comes in every window, until cancelled."""
    async with connected(stack) as one, connected(stack) as other:
        while True:
            with contextlib.suppress(tidelock.TidelockError):
                await _locks(one, other)
                await _queues(one)
                await _caches(one, other)
            await _asks(stack)
            await asyncio.sleep(0.2)


def connected(stack: LocalStack) -> Any:
    return tidelock.connect(*stack.addresses.workers, token=DEV.chosen(stack.settings.home), timeout=30.0)


async def _locks(one: Client, other: Client) -> None:
    """One waits for what the other holds."""
    lease = await one.locks.acquire("contended")
    waiting = asyncio.create_task(other.locks.acquire("contended", wait=10.0))
    await asyncio.sleep(0.05)
    await one.locks.release(lease)
    await other.locks.release(await waiting)


async def _queues(client: Client) -> None:
    queue = client.queue("orders", codec=Json())
    await queue.put(1)
    for message in await queue.receive(1, wait=1.0):
        await message.ack()


async def _caches(one: Client, other: Client) -> None:
    """Who writes waits until the other gave its line up; and a hit."""
    mine, theirs = one.cache("prices", codec=Json()), other.cache("prices", codec=Json())
    await mine.create()
    await mine.get_or_load("tea", _price)
    await theirs.get_or_load("tea", _price)
    await theirs.get("tea")
    await mine.put("tea", 2)


async def _price() -> int:
    return 1


async def _asks(stack: LocalStack) -> None:
    address, token = stack.addresses.graphql, DEV.chosen(stack.settings.home)
    assert address is not None
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        asked = {"query": '{ lock(name: "contended") { mode } }'}
        await http.post(address, json=asked, headers={"Authorization": f"Bearer {token}"})


async def until_none(missing: Callable[[], Any], patience_s: float) -> None:
    """Wait until `missing` returns nothing; else say what."""
    left: Any = "nothing was looked for"
    try:
        async with asyncio.timeout(patience_s):
            while left := await missing():
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise AssertionError(f"no rows: {left}") from None
