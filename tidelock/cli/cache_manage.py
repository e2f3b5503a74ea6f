"""`tidelock cache`: making, changing and removing caches."""

from typing import Annotated

import typer

from tidelock.cli import cache_view, options, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.cache_run import Name, on_cache, tell
from tidelock.cli.cache_settings import with_settings
from tidelock.client.caches.terms import CacheOptions


@with_settings
def create(
    cache: Name,
    said: CacheOptions,
    shards: Annotated[
        int, typer.Option(help="Spread it over so many partitions' owners.", min=1, max=64)
    ] = 1,
    relaxed: Annotated[
        bool, typer.Option("--relaxed", help="Writes answer at once; others may read the old value a while.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Make a cache. If it is there with the same settings, that is fine; with others, the exit code is 1.

    It is STRICT unless --relaxed, for good: a write answers when nobody can read the old value any more.

    Example: [green]tidelock cache create prices --shards 4 --ttl 3600[/]
    """
    if relaxed:
        said["mode"] = "RELAXED"
    made = on_cache(home, cache, lambda one: one.create(shards=shards, **said))
    what = f"created {cache}" if made else f"{cache} was there already, just so"
    tell(json, cache, "created", f"{what}: {cache_view.spread(shards)}", shards=shards, created=made)


@with_settings
def configure(
    cache: Name,
    said: CacheOptions,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Change some settings of a cache; the others stay. Without any option it shows them.

    Mode and shards are for good: delete the cache, and create it again.

    Example: [green]tidelock cache configure prices --read-lease 5[/]
    """
    cache_view.settings(cache, on_cache(home, cache, lambda one: one.configure(**said)), json)


def delete_cache(
    cache: Name,
    yes: Yes = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Remove a cache and all in it, also what clients have written and not brought back. None there is fine.

    Example: [green]tidelock cache delete-cache prices --yes[/]
    """
    ask(f"Remove {cache} with all in it, lines held Modified too?", yes=yes)
    count = on_cache(home, cache, lambda one: one.delete_cache())
    tell(json, cache, "deleted", f"deleted {cache}, with {show.number(count)} entries", entries=count)
