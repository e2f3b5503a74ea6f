"""What the commands of `tidelock queue` share: the connection, names, wording."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

import tidelock
from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.tls import client_tls
from tidelock.client.client import Client
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.reading import Readable

_R = TypeVar("_R")

Name = Annotated[
    str, typer.Argument(help="The queue's name, such as orders.", metavar="QUEUE", callback=options.text)
]
Sub = Annotated[
    str, typer.Option("--subscription", "-s", help="Of a broadcast queue.", callback=options.text)
]


def state_of(given: str, known: tuple[str, ...]) -> Any:
    """Return the state that was named. Raises `WrongUse`."""
    if given.upper() not in known:
        raise WrongUse(f"There is no state {given!r}. Choose from: {', '.join(known)}.")
    return given.upper()


def make_sure(yes: bool, what: str) -> None:
    """Ask, unless `yes`; end with "no" if the user is not sure."""
    if not yes and not typer.confirm(f"Really {what}?", default=False, err=True):
        raise typer.Exit(exits.NO)


def tell(json: bool, queue: str, done: str, text: str, **more: object) -> None:
    """Print what was done."""
    if json:
        show.as_json({"queue": queue, done: True} | more)
    else:
        show.say(text)


def on_queue(home: Path, name: str, do: Callable[[Queue[bytes]], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a queue."""

    async def run(client: Client) -> _R:
        return await do(client.queue(name))

    return asyncio.run(_connected(home, run))


def on_source(home: Path, name: str, subscription: str, do: Callable[[Readable[bytes]], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a queue or, if one is named, of its subscription."""

    async def run(client: Client) -> _R:
        queue = client.queue(name)
        return await do(queue.subscription(subscription) if subscription else queue)

    return asyncio.run(_connected(home, run))


async def _connected(home: Path, do: Callable[[Client], Awaitable[_R]]) -> _R:
    running = find(home)
    async with tidelock.connect(*running.need_workers(), token=running.token, tls=client_tls()) as client:
        return await do(client)
