"""`tidelock cache watch`: what ends or replaces values of a cache, and lines of its clients, as it happens."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.vocabulary import Vocabulary
from streams.replay.caches.endings import WHY, Ended, ended
from streams.replay.caches.entry import is_shard_of
from streams.replay.causes import Cause, cause_of
from tidelock.cli import options, show
from tidelock.cli.cache_run import KIND, Name
from tidelock.cli.cause_facts import cause_facts, who_of
from tidelock.cli.discovery import find
from tidelock.cli.following import watch_from_now
from tidelock.cli.kinds import kind_named
from tidelock.cli.rewinding import resource_name
from tidelock.cli.when import Calendar

NAMED = 5
"""Entries that a line names."""


@value
class Seen:
    """One thing that ended or was replaced, and the decision that proves it."""

    cause: Cause
    ended: Ended


def watch(
    context: typer.Context,
    cache: Name,
    entry: Annotated[str, typer.Option(help="Only this entry.", callback=options.text)] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell what ends or replaces values of a cache, and lines of its clients, as it happens, until Ctrl-C.

    Written, loaded, deleted, evicted, expired, called away, lost, and why: a line each, from now on, from the logs
    alone, with the position of the record that proves it. With `--json`, one object a line.

    Example: [green]tidelock cache watch prices --json | jq -r 'select(.kind == "LOST").entries[]'[/]
    """
    calendar, words = Calendar.now(utc), Vocabulary(kind_named(context, KIND))
    resource = resource_name(KIND, tenant, cache)

    def tell(accepted: AcceptedCommit) -> None:
        for seen in seen_in(accepted, resource.tenant, cache, entry):
            say(seen, calendar, json)

    try:
        asyncio.run(watch_from_now(find(home).need_kafka(), words, tell))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def seen_in(accepted: AcceptedCommit, tenant: str, cache: str, entry: str) -> Iterator[Seen]:
    """Yield what a commit ends or replaces in the cache, or of one entry of it."""
    for decided in accepted.decided:
        if not is_shard_of(decided.decision.key, tenant, cache):
            continue
        for event in decided.events:
            found = ended(event)
            if found is not None and (not entry or found.concerns(entry)):
                yield Seen(cause_of(accepted, decided), found)


def say(seen: Seen, calendar: Calendar, json: bool) -> None:
    """Print it."""
    told, cause = seen.ended, seen.cause
    if json:
        facts = asdict(told) | {"entries": list(told.entries), "why": WHY[told.kind]}
        show.as_json(cause_facts(cause) | facts)
        return
    more = f" and {len(told.entries) - NAMED:,} more" if len(told.entries) > NAMED else ""
    entries = ", ".join(told.entries[:NAMED]) + more or "all"
    whose = "" if told.holder is None else f" of {told.holder.principal}/{told.holder.client}"
    version = "" if told.version is None else f", version {told.version}"
    when = f"{calendar.short(cause.time_ms)}  {cause.position}"
    show.say(f"{when}  {told.kind} {entries}{whose}{version}: by {who_of(cause)}. {WHY[told.kind]}")
