"""Subscribers over WebSockets, and a steady load for them to see."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

import tidelock
from bench.reads.stack import TOKEN

PROTOCOL = Subprotocol("graphql-transport-ws")
Taken: TypeAlias = Callable[[dict[str, Any], float], None]
"""(item, when it came: seconds since 1970)"""


async def subscribe(address: str, query: str, variables: Mapping[str, object]) -> ClientConnection:
    """Return a connection whose one subscription has begun."""
    connection = await connect(
        f"ws://{address}/graphql", subprotocols=[PROTOCOL], compression=None, open_timeout=60
    )
    await _say(connection, {"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}})
    await connection.recv()
    payload = {"query": query, "variables": variables}
    await _say(connection, {"type": "subscribe", "id": "1", "payload": payload})
    return connection


async def take(connection: ClientConnection, taken: Taken) -> None:
    """Hand on each item as it comes, until the connection is closed. Raises `RuntimeError` on an error."""
    async for text in connection:
        now = time.time()
        message = json.loads(text)
        if message["type"] == "next":
            taken(message["payload"]["data"]["it"], now)
        elif message["type"] == "error":
            raise RuntimeError(str(text)[:500])


async def steady(client: tidelock.Client, names: list[str], pairs_per_s: float, seconds: float) -> int:
    """Take and give back `names` in turn at a steady rate; return how many pairs were made."""
    loop, begun, number = asyncio.get_running_loop(), time.perf_counter(), 0
    under_way: set[asyncio.Task[None]] = set()
    while (due := begun + number / pairs_per_s) < begun + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = loop.create_task(_pair(client, names[number % len(names)]))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
    await asyncio.gather(*under_way)
    return number


async def _pair(client: tidelock.Client, name: str) -> None:
    await client.locks.release(await client.locks.acquire(name, wait=10))


async def _say(connection: ClientConnection, message: Mapping[str, object]) -> None:
    await connection.send(json.dumps(message))
