"""What `make run` starts, all of it: a lock taken by the client is seen by GraphQL, now, live, and as of before."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

import tidelock
from tidelock.local.settings import StackSettings
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

pytestmark = pytest.mark.integration

NAME = "orders/42"
HELD = "mode holders { client }"
LOCK = (
    "query ($at: At, $notBefore: Position) {"
    f"  lock(name: {json.dumps(NAME)}, at: $at, notBefore: $notBefore) {{ {HELD} }} }}"
)
LIVE = f"subscription {{ lock(name: {json.dumps(NAME)}) {{ position state {{ {HELD} }} }} }}"
PATIENCE_S = 30.0


async def ask(address: str, token: str, query: str, **variables: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.post(address, json={"query": query, "variables": variables}, headers=headers)
    body = answer.json()
    assert "errors" not in body, body
    found: dict[str, Any] = body["data"]
    return found


async def first_held(address: str, token: str, watching: asyncio.Event) -> dict[str, Any]:
    """Watch the lock, free at first; return the first item that shows a holder."""
    socket = address.replace("http://", "ws://")
    async with connect(socket, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        await connection.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        )
        await connection.recv()
        await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": LIVE}}))
        async for text in connection:
            item: dict[str, Any] = json.loads(text)["payload"]["data"]["lock"]
            if item["state"]["holders"]:
                return item
            watching.set()
    raise AssertionError("the subscription ended")


async def test_a_lock_is_seen_now_live_and_as_of_before(tmp_path: Path) -> None:
    settings = StackSettings.from_environment(tmp_path / "home", env={})
    async with LocalStack(settings, print) as stack, asyncio.timeout(2 * PATIENCE_S):
        address, token = stack.addresses.graphql, DEV.chosen(settings.home)
        assert address is not None
        names = {part.name for part in stack.parts}
        assert {"worker-0", "projector-0", "processes-0", "processes-1", "api-0"} <= names
        async with tidelock.connect(*stack.addresses.workers, token=token) as client:
            watching = asyncio.Event()
            live = asyncio.create_task(first_held(address, token, watching))
            await watching.wait()
            lease = await client.locks.acquire(NAME)
            pushed = await live
            seen = await ask(address, token, LOCK, notBefore=str(lease.position))
            await client.locks.release(lease)
            before = await ask(address, token, LOCK, at=str(lease.position))
    held = {"mode": "EXCLUSIVE", "holders": [{"client": client.id}]}
    assert seen["lock"] == before["lock"] == pushed["state"] == held
    assert pushed["position"] == str(lease.position)
