"""Asking a starting server whether it is there yet: None as long as nobody answers."""

from __future__ import annotations

import asyncio
import struct

_TIMEOUT_S = 2.0


async def http_status(port: int, path: str) -> int | None:
    """Return the status of `GET path` on a loopback port."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    line = await ask_line(port, request)
    words = line.split() if line else []
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


async def ask_line(port: int, request: bytes) -> bytes | None:
    """Send bytes and return the first line of the answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None


async def exchange(port: int, request: bytes) -> bytes | None:
    """Send one length-prefixed message and return the one that answers it, both without their length."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(struct.pack(">i", len(request)) + request)
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                return await reader.readexactly(size)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return None
