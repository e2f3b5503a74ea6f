"""`tidelock cache`: putting, getting, removing and warming entries."""

from pathlib import Path
from typing import Annotated

import typer

from streams.domain.caches.limits import MAX_VALUE
from tidelock.cli import cache_view, exits, options, show
from tidelock.cli.cache_run import Entry, Name, Tag, Ttl, on_cache, tell
from tidelock.cli.cache_warm import Warmup, warm
from tidelock.cli.inputs import payload_of, standard_input
from tidelock.client.caches.cache import Cache
from tidelock.client.errors import ValueTooLarge


def put(
    cache: Name,
    entry: Entry,
    value: Annotated[
        str | None, typer.Argument(help="The value; without: standard input.", callback=options.text)
    ] = None,
    ttl: Ttl = None,
    tag: Tag = None,
    if_version: Annotated[
        int | None, typer.Option(help="Only if it is of this version; 0: only if there is none.", min=0)
    ] = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Put a value; print its version. Of a STRICT cache: nobody reads the old one any more.

    Clients that are dead or frozen hold it up for the cache's read lease at most (`tidelock explain cache` tells for
    whom a write waited). Exit code 1 if the entry is not of the version that was named.

    Example: [green]tidelock cache put prices sku/42 '{"cents": 1999}' --tag shop/7[/], or
    [green]./render | tidelock cache put pages front[/]
    """

    async def run(one: Cache[bytes]) -> int:
        given = (
            await payload_of(standard_input(), MAX_VALUE, ValueTooLarge) if value is None else value.encode()
        )
        return await one.put(entry, given, ttl=ttl, tags=tag or (), if_version=if_version)

    version = on_cache(home, cache, run)
    tell(json, cache, "put", str(version), entry=entry, version=version)


def get(cache: Name, entry: Entry, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Print the value of an entry as it is; exit code 1 if there is none.

    A newline follows text; bytes that are no text are written as they are (a terminal and --json get base64). What
    a client has written to a line of its own is brought back first. With --json also the version, for --if-version.

    Example: [green]tidelock cache get prices sku/42[/]
    """
    found = on_cache(home, cache, lambda one: one.get_versioned(entry))
    if found is None:
        if not json:
            show.err.print(show.literal(f"{cache}: there is no {entry}"), style="dim", soft_wrap=True)
        raise typer.Exit(exits.NO)
    cache_view.value(cache, entry, *found, json)


def delete(
    cache: Name,
    entry: Entry,
    if_version: Annotated[
        int | None, typer.Option(help="Only if it is of this version, else exit code 1.", min=1)
    ] = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Remove an entry. One that is not there is fine.

    Example: [green]tidelock cache delete prices sku/42[/]
    """
    there = on_cache(home, cache, lambda one: one.delete(entry, if_version=if_version))
    text = f"deleted {entry} of {cache}" if there else f"{cache}: there was no {entry}"
    show.done({"cache": cache, "entry": entry, "deleted": there}, text, json=json)


def invalidate(
    cache: Name,
    tag: Annotated[str, typer.Argument(help="Such as shop/7.", metavar="TAG", callback=options.text)],
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Remove all entries that have a tag; print how many. Of a STRICT cache: nobody reads one of them any more.

    Example: [green]tidelock cache invalidate prices shop/7[/]
    """
    count = on_cache(home, cache, lambda one: one.invalidate_tag(tag))
    text = f"removed {show.number(count)} entries of {cache} with tag {tag}"
    tell(json, cache, "invalidated", text, tag=tag, entries=count)


def warm_entries(
    cache: Name,
    path: Annotated[
        Path, typer.Argument(help="A JSON object on each line; - is standard input.", metavar="FILE")
    ],
    ttl: Ttl = None,
    tag: Tag = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Put in the entries of a file that are missing; what is there stays.

    Each line is as `tidelock cache get --json` prints it: {"entry": "sku/42", "value": ...}. A value that is text is
    stored as it is (with "encoding": "base64": the bytes that it stands for), any other as its JSON. A line that is
    wrong ends it, and is named; what is in by then stays, so mend it and run it again.

    Example: [green]tidelock cache warm prices prices.ndjson --ttl 3600[/]
    """
    on_cache(home, cache, lambda one: warm(one, Warmup(path, ttl, tuple(tag or ()), json)))
