"""`tidelock cache history`: what became of one entry, from the logs alone."""

import asyncio
from typing import Annotated

import typer

from streams.log.vocabulary import Vocabulary
from streams.replay.caches.steps import Step
from tidelock.cli import options, show
from tidelock.cli.cache_log import EntryAsked, read_entry
from tidelock.cli.cache_run import KIND, Entry, Name
from tidelock.cli.cause_facts import cause_facts
from tidelock.cli.census import AT_HELP
from tidelock.cli.discovery import find
from tidelock.cli.kinds import kind_named
from tidelock.cli.when import Calendar


def history(
    context: typer.Context,
    cache: Name,
    entry: Entry,
    since: options.Since = "",
    until: Annotated[
        str, typer.Option("--until", "--at", help=f"Only what was by then: {AT_HELP}", metavar="TIME")
    ] = "",
    limit: options.Limit = 50,
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell what became of an entry: read, written, called away from whom, waited for whom, lost, removed, and why.

    From the logs alone, oldest first; each sentence with the time and the position of the record that proves it.
    With `--json`, one object a line. `tidelock explain cache` tells why lines were lost and writes waited.

    Example: [green]tidelock cache history prices sku/42 --since -1h[/]
    """
    calendar, words = Calendar.now(utc), Vocabulary(kind_named(context, KIND))
    since_ms = calendar.time_ms(since) if since else 0
    asked = EntryAsked(tenant, cache, entry, calendar.target(until))
    asked.check()
    found = asyncio.run(read_entry(find(home).need_kafka(), asked, words, since_ms, limit, quiet=json))
    if json:
        for step in found.steps:
            show.as_json(cause_facts(step.cause) | {"what": step.told.what, "text": step.told.text})
        return
    show.say(f"{cache} {entry} up to {calendar.shown(found.moment.last_ms)}", "bold")
    if found.left_out:
        show.say(f"{found.left_out:,} older ones are left out; --limit shows more", "dim")
    if not found.steps:
        show.say("nothing became of it in this time")
    for step in found.steps:
        show.say(line(step, calendar))


def line(step: Step, calendar: Calendar) -> str:
    """Return a step as one line."""
    return f"{calendar.short(step.cause.time_ms)}  {step.cause.position}  {step.told.text}."
