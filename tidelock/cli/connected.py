"""What commands that ask a worker share: the connection, and making sure."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import typer

import tidelock
from tidelock.cli import exits
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


def make_sure(yes: bool, what: str) -> None:
    """Ask, unless `yes`; end with "no" if the user is not sure."""
    if not yes and not typer.confirm(f"Really {what}?", default=False, err=True):
        raise typer.Exit(exits.NO)
