"""What the commands of `tidelock queue` share: the connection, names, wording."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tidelock.cli import options, show
from tidelock.cli.connected import on_client
from tidelock.cli.exits import WrongUse
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


def tell(json: bool, queue: str, done: str, text: str, **more: object) -> None:
    """Print what was done."""
    show.done({"queue": queue, done: True} | more, text, json=json)


def on_queue(home: Path, name: str, do: Callable[[Queue[bytes]], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a queue."""

    async def run(client: Client) -> _R:
        return await do(client.queue(name))

    return on_client(home, run)


def on_source(home: Path, name: str, subscription: str, do: Callable[[Readable[bytes]], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a queue or, if one is named, of its subscription."""

    async def run(client: Client) -> _R:
        queue = client.queue(name)
        return await do(queue.subscription(subscription) if subscription else queue)

    return on_client(home, run)
