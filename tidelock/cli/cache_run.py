"""What the commands of `tidelock cache` share: the connection, names, wording."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tidelock.cli import options, show
from tidelock.cli.connected import on_client
from tidelock.client.caches.cache import Cache
from tidelock.client.client import Client

_R = TypeVar("_R")

KIND = "caches"
Name = Annotated[
    str, typer.Argument(help="The cache's name, such as prices.", metavar="CACHE", callback=options.text)
]
Entry = Annotated[
    str, typer.Argument(help="The entry's name, such as sku/42.", metavar="ENTRY", callback=options.text)
]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Removed with all that has it; several times.")]
Ttl = Annotated[
    float | None,
    typer.Option(help="Kept for so long, s; 0: without end. Default: the cache's.", min=0, max=31_622_400),
]


def on_cache(home: Path, name: str, do: Callable[[Cache[bytes]], Awaitable[_R]]) -> _R:
    """Return what `do` makes of a cache. No line is kept: writers need not wait for a command line."""

    async def run(client: Client) -> _R:
        return await do(client.cache(name, max_entries=0, keep="INVALID"))

    return on_client(home, run)


def tell(json: bool, cache: str, done: str, text: str, **more: object) -> None:
    """Print what was done."""
    show.done({"cache": cache, done: True} | more, text, json=json)
