"""The connection of commands that ask a worker."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import tidelock
from tidelock.cli.discovery import Running, find
from tidelock.cli.tls import client_tls
from tidelock.client.client import Client

_R = TypeVar("_R")


def on_client(home: Path, do: Callable[[Client], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a client of the running stack. Raises `NothingToTalkTo`, `TidelockError`."""
    running = find(home)
    return asyncio.run(_connected(running, running.token, do))


def as_operator(home: Path, do: Callable[[Client], Awaitable[_R]]) -> _R:
    """Do as `on_client` does, with the operator's token if it is known here."""
    running = find(home)
    return asyncio.run(_connected(running, running.operator or running.token, do))


async def _connected(running: Running, token: str, do: Callable[[Client], Awaitable[_R]]) -> _R:
    async with tidelock.connect(*running.need_workers(), token=token, tls=client_tls()) as client:
        return await do(client)
