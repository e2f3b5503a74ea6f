"""`tidelock cache list|show|entry`: which caches there are, and who has what of them, now or at a moment."""

import asyncio
from itertools import groupby
from typing import Annotated

import typer

from streams.domain.caches.commands import InspectEntry
from streams.domain.caches.inspect import view
from streams.domain.caches.replies import CacheStats, EntryView
from streams.domain.caches.state import ABSENT
from streams.log.vocabulary import Vocabulary
from streams.replay.caches.entry import SHARD_MARK
from streams.replay.moment import AtTime
from streams.wire.shards import shard_of
from tidelock.cli import cache_view, options
from tidelock.cli.cache_log import EntryAsked, read_entry
from tidelock.cli.cache_run import KIND, Entry, Name, on_cache
from tidelock.cli.census import AT_HELP, census
from tidelock.cli.connected import on_client
from tidelock.cli.discovery import find
from tidelock.cli.kinds import kind_named
from tidelock.cli.lease_now import LeaseNow, lease_at
from tidelock.cli.when import Calendar
from tidelock.client.client import Client

At = Annotated[str, typer.Option("--at", help=AT_HELP, metavar="TIME")]


def list_caches(
    context: typer.Context,
    prefix: Annotated[
        str,
        typer.Argument(help="Only those whose names begin so.", metavar="[PREFIX]", callback=options.text),
    ] = "",
    at: At = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """List all caches: mode, shards, entries, lines, who waits.

    Folded from the logs, up to this moment or an earlier one; no database and no worker is asked. With `--json`, one
    object a line.

    Example: [green]tidelock cache list --json | jq -r 'select(.modified > 0).cache'[/]
    """
    found = census(context, KIND, tenant, prefix, at, Calendar.now(utc), home, json)
    shards = [(one.name.partition(SHARD_MARK)[0], one.shown) for one in found]
    named = [
        (name, [shown for _, shown in group if isinstance(shown, CacheStats)])
        for name, group in groupby(sorted(shards, key=lambda one: one[0]), key=lambda one: one[0])
    ]
    cache_view.caches(named, json)


def show_cache(cache: Name, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Show a cache: its settings, and shard by shard its entries, lines, clients and who waits: never stale.

    Example: [green]tidelock cache show prices --json[/]
    """
    cache_view.report(on_cache(home, cache, lambda one: one.stats()), json)


def show_entry(
    context: typer.Context,
    cache: Name,
    entry: Entry,
    at: At = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show an entry as the directory has it: version, size, tags, what is under way, and who has lines of it.

    As its shard's owner decides: never stale. With `--at`, from the logs, as it stood then. Up to 100 lines are shown.

    Example: [green]tidelock cache entry prices sku/42 --at -5m[/]
    """
    if not at:
        cache_view.entry(cache, *on_client(home, lambda client: _stands(client, cache, entry)), json)
        return
    target, words = Calendar.now(utc).target(at), Vocabulary(kind_named(context, KIND))
    asked = EntryAsked(tenant, cache, entry, target)
    asked.check()
    found = asyncio.run(read_entry(find(home).need_kafka(), asked, words, 0, 1, quiet=json))
    assert isinstance(target, AtTime)
    stood = view(ABSENT if found.shard is None else found.shard, entry)
    cache_view.entry(cache, stood, lease_at(found.moment, target.time_ms), json)


async def _stands(client: Client, cache: str, entry: str) -> tuple[EntryView, LeaseNow]:
    shards = len((await client.cache(cache, max_entries=0).stats()).shards)
    answered = await client.ask(KIND, InspectEntry(cache, shard_of(entry, shards), entry))
    assert answered.position is not None
    return answered.reply, LeaseNow(client.lease_ms(answered.position.partition))
