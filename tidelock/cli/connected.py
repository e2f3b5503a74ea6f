"""What commands that ask a worker share: the connection, and making sure."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import typer

import tidelock
from tidelock.cli import exits
from tidelock.cli.discovery import find
from tidelock.cli.tls import client_tls
from tidelock.client.client import Client

_R = TypeVar("_R")


def on_client(home: Path, do: Callable[[Client], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a client of the running stack. Raises `NothingToTalkTo`, `TidelockError`."""
    return asyncio.run(_connected(home, do))


async def _connected(home: Path, do: Callable[[Client], Awaitable[_R]]) -> _R:
    running = find(home)
    async with tidelock.connect(*running.need_workers(), token=running.token, tls=client_tls()) as client:
        return await do(client)


def make_sure(yes: bool, what: str) -> None:
    """Ask, unless `yes`; end with "no" if the user is not sure."""
    if not yes and not typer.confirm(f"Really {what}?", default=False, err=True):
        raise typer.Exit(exits.NO)
