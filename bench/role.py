"""A role: a process of its own, told by its arguments what to do and by standard input when.

It prints `ready`; a line on its standard input starts it; it prints its result as a line of JSON, and ends when its
standard input does. Not for users.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

LAST_S = 120.0


async def line() -> str:
    """Return the next line of standard input."""
    read: str = await asyncio.to_thread(sys.stdin.readline)
    return read.strip()


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(role: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
    """Run a role, and tell what it gave."""
    say(json.dumps(uvloop.run(role())))
    sys.stdin.read()


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start the role of a module, and wait until it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(LAST_S):
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{module} did not start")
    return process


async def told(process: asyncio.subprocess.Process, text: str) -> dict[str, Any]:
    """Write a line to a role, and return the result that it then tells."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{text}\n".encode())
    async with asyncio.timeout(LAST_S):
        out = await process.stdout.readline()
    result: dict[str, Any] = json.loads(out)
    return result
