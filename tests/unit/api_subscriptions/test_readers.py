"""Peers that do not read what they are sent, over real connections: none keeps its place for long."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from api import requests
from api.requests import READ_BYTES, HttpProtocol
from tests.unit.api_subscriptions.asgi import TOKEN, app_of
from tests.unit.api_subscriptions.world import Logs, Node, settle

EVENTS = 'subscription { lockEvents(name: "a") { cursor index position why __typename } }'
HEADS = f"authorization: Bearer {TOKEN}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
LONG = 4 * 2**20

Serve = Callable[[Any], Awaitable[socket.socket]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an application; return the socket of a peer whose kernel keeps little for it, too."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.setblocking(False)
    servers = []
    state = uvicorn.server.ServerState()

    async def serving(app: Any) -> socket.socket:
        config = uvicorn.Config(app, http=HttpProtocol, lifespan="off", log_config=None)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: HttpProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        servers.append(server)
        await loop.sock_connect(peer, server.sockets[0].getsockname())
        return peer

    yield serving
    peer.close()
    for server in servers:
        server.close()
    await asyncio.gather(*state.tasks)


async def test_an_event_stream_that_nobody_reads_frees_its_place(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "READ_S", 0.05)
    logs = Logs(1)
    node = await Node(logs).start()
    await node.catch_up()
    peer = await serve(app_of(node))
    body = json.dumps({"query": EVENTS})
    asked = f"POST /graphql HTTP/1.1\r\nhost: x\r\n{HEADS}content-length: {len(body)}\r\n\r\n{body}"
    await asyncio.get_running_loop().sock_sendall(peer, asked.encode())
    async with asyncio.timeout(20):
        while not node.hub.subscriptions:
            await asyncio.sleep(0)
        while node.hub.subscriptions:
            for _ in range(50):
                logs.toggle("a")
            await node.catch_up()
            await settle()
    await node.stop()


async def test_who_reads_slowly_is_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()
    look = HttpProtocol._look

    def looking(protocol: HttpProtocol, waited: int) -> None:
        look(protocol, waited)
        looked.set()

    monkeypatch.setattr(requests, "READ_S", 0.1)
    monkeypatch.setattr(HttpProtocol, "_look", looking)

    async def long_answer(scope: Any, receive: Any, send: Any) -> None:
        heads = [(b"content-length", b"%d" % LONG)]
        await send({"type": "http.response.start", "status": 200, "headers": heads})
        await send({"type": "http.response.body", "body": bytes(LONG)})

    loop, peer = asyncio.get_running_loop(), await serve(long_answer)
    await loop.sock_sendall(peer, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    came = 0
    async with asyncio.timeout(20):
        for _ in range(5):
            looked.clear()
            came += await taken(peer, 64 * READ_BYTES)
            await looked.wait()
        came += await taken(peer, LONG - came)
    assert came == LONG


async def taken(peer: socket.socket, wanted: int) -> int:
    came = 0
    while came < wanted:
        data = await asyncio.get_running_loop().sock_recv(peer, min(65536, wanted - came))
        assert data, "the connection was cut"
        came += len(data)
    return came
