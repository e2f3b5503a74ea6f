"""Many connections that send one GraphQL request again and again: as little work a request as a client can have."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any, cast

from bench.reads.stack import TOKEN
from bench.rounds import Repeat, Tally

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "


def request(query: str, variables: Mapping[str, object]) -> bytes:
    """Return the bytes of one request."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller(asyncio.Protocol):
    """One connection, kept alive. Any answer but a good one ends the benchmark."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._buffer += data
        head, end, body = self._buffer.partition(END_OF_HEAD)
        length = int(head.lower().partition(LENGTH)[2].split(b"\r\n")[0]) if end else len(body) + 1
        if len(body) >= length and self._answer is not None:
            self._buffer = b""
            self._answer.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        """An answer that is still awaited will not come."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the API hung up"))

    async def ask(self, data: bytes) -> dict[str, Any]:
        """Send a request; return its data. Raises `RuntimeError` on errors in the answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        body = await self._answer
        if b'"errors"' in body:
            raise RuntimeError(body[:500].decode())
        found: dict[str, Any] = json.loads(body)["data"]
        return found

    async def timed(self, data: bytes) -> float:
        """Return the seconds that one request takes; the answer is looked at, not read."""
        assert self._transport is not None
        begun = perf_counter()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        if b'"errors"' in await self._answer:
            raise RuntimeError("an answer held errors")
        return perf_counter() - begun

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()


async def caller(address: str) -> Caller:
    """Return a connection to the API at `host:port`."""
    host, _, port = address.rpartition(":")
    _, made = await asyncio.get_running_loop().create_connection(Caller, host, int(port))
    return made


def repeating(asking: Caller, requests: Iterator[bytes]) -> Repeat:
    """Return one client that sends `requests`, one after the other."""

    async def repeat(tally: Tally) -> None:
        going = True
        while going:
            begun = perf_counter()
            await asking.timed(next(requests))
            going = tally.done(begun)

    return repeat
