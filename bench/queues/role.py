"""A producer or a consumer: a process of its own, told by its arguments what to do and by standard input when.

It prints `ready`; a line on its standard input starts it; it prints its result as a line of JSON, and ends when its
standard input does. Not for users.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from time import time_ns
from typing import Any

import uvloop

import tidelock

STAMP_BYTES = 8


async def line() -> str:
    """Return the next line of standard input."""
    read: str = await asyncio.to_thread(sys.stdin.readline)
    return read.strip()


def stamped(size: int) -> bytes:
    """Return a payload that says when it was made."""
    return time_ns().to_bytes(STAMP_BYTES, "big") + bytes(size - STAMP_BYTES)


def age_ms(payload: bytes) -> float:
    """Return how long ago a payload was made."""
    return (time_ns() - int.from_bytes(payload[:STAMP_BYTES], "big")) / 1e6


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(role: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
    """Run a role, and tell what it gave."""
    say(json.dumps(uvloop.run(role())))
    sys.stdin.read()


async def warm_up(client: tidelock.Client, name: str) -> None:
    """Put, take and acknowledge a few messages elsewhere: codecs are generated when they are first used."""
    queue = client.queue(f"{name}-{os.getpid()}")
    await queue.create()
    await queue.put_many([stamped(64) for _ in range(4)])
    async with queue.consume() as consumer:
        for _ in range(4):
            message = await consumer.get()
            assert message is not None
            await message.ack()
    await queue.delete()
