"""Connections that send what no request is: each is ended while it holds little."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from api import requests
from api.requests import MAX_HEAD_BYTES, HttpProtocol
from api.subscriptions.serving import UNREAD_BYTES, WebSocketProtocol

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _answering(scope: Any, receive: Any, send: Any) -> None:
    """Read what comes, and answer with its length."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    body = json.dumps(length).encode()
    heads = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": heads})
    await send({"type": "http.response.body", "body": body})


@pytest_asyncio.fixture
async def connected() -> AsyncIterator[Callable[[], Awaitable[Connected]]]:
    config = uvicorn.Config(
        _answering, http=HttpProtocol, ws=WebSocketProtocol, ws_per_message_deflate=False, lifespan="off",
        log_config=None,
    )  # fmt: skip
    config.load()
    state = uvicorn.server.ServerState()
    opened: list[asyncio.StreamWriter] = []
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )

    async def connect() -> Connected:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=2**20)
        opened.append(writer)
        return reader, writer

    yield connect
    for writer in opened:
        writer.transport.abort()
    server.close()
    await asyncio.gather(*state.tasks)


async def _ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> int:
    """Return how many bytes of `piece`, over and over, were sent before the peer ended the connection."""
    sent = 0
    async with asyncio.timeout(20):
        try:
            while not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        except ConnectionError:
            pass
    return sent


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"POST / HTTP/1.1\r\n", b"x-more: " + b"y" * 1000 + b"\r\n"),
        (b"POST / HTTP/1.1\r\nx-more: ", b"y" * 4096),
        (b"GET /", b"y" * 4096),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x-more: " + b"y" * 1000 + b"\r\n"),
        (b"", b"\r\n" * 2048),
    ],
    ids=["headers", "one header", "path", "trailers", "empty lines"],
)
async def test_what_never_gets_to_a_body_is_cut_off(connected: Any, begin: bytes, piece: bytes) -> None:
    reader, writer = await connected()
    writer.write(begin)
    assert await _ended(reader, writer, piece) < 8 * 2**20


async def test_a_long_head_and_a_long_body_are_read_one_request_after_the_other(connected: Any) -> None:
    reader, writer = await connected()
    for _ in range(3):
        writer.write(
            b"POST / HTTP/1.1\r\ncontent-length: 300000\r\nx: " + b"y" * (MAX_HEAD_BYTES // 4) + b"\r\n\r\n"
        )
        for _ in range(300):
            writer.write(b"z" * 1000)
            await writer.drain()
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(6) == b"300000"


@pytest.mark.parametrize("begin", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nx: y\r\n"])
async def test_a_head_that_comes_slowly_is_not_waited_for(
    connected: Any, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "HEAD_S", 0.02)
    reader, writer = await connected()
    writer.write(begin)
    async with asyncio.timeout(30):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("begin", "piece"),
    [(b"", b"\x89\xfd" + bytes(4) + b"p" * 125), (b"\x01\x80" + bytes(4), b"\x00\x80" + bytes(4))],
    ids=["pings", "empty fragments"],
)
async def test_a_peer_that_floods_and_does_not_read_is_dropped(
    connected: Any, begin: bytes, piece: bytes
) -> None:
    reader, writer = await connected()
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: " + key + b"\r\n\r\n"
    )
    async with asyncio.timeout(30):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    reader._transport.pause_reading()  # as a peer that does not read
    writer.write(begin)
    dropped = asyncio.create_task(writer.wait_closed())
    sent = 0
    async with asyncio.timeout(20):
        while not writer.transport.is_closing() and not dropped.done():
            writer.write(piece * 500)
            sent += 500 * len(piece)
            try:
                await writer.drain()
            except ConnectionError:
                break
    dropped.cancel()
    assert sent < 40 * UNREAD_BYTES
