"""`tidelock events`: each decision on a resource of any kind, and what it caused, from the log alone."""

import asyncio

import typer

from streams.log.vocabulary import Vocabulary
from streams.replay.history import outcome_of
from streams.replay.plain import typed
from streams.replay.resource import KeyDecision
from tidelock.cli import options, show
from tidelock.cli.cause_facts import cause_facts, who_of
from tidelock.cli.discovery import find
from tidelock.cli.kinds import kind_named
from tidelock.cli.rewinding import resource_name
from tidelock.cli.telling import Telling, span_of, tell
from tidelock.cli.when import Calendar


def events(
    context: typer.Context,
    kind: options.OneKind,
    name: options.Name,
    since: options.Since = "",
    until: options.Until = "",
    limit: options.Limit = 50,
    follow: options.Follow = False,
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show every decision on a resource of any kind: when, who, which command, what it caused, what was answered.

    From the partition's log alone, oldest first, each with its position. With `--json`, one object a line.

    Example: [green]tidelock events locks orders/42 --since -1h --json[/]
    """
    calendar, words = Calendar.now(utc), Vocabulary(kind_named(context, kind))
    span = span_of(calendar, since, until, limit, follow)
    kafka = find(home).need_kafka()
    telling = Telling(span, lambda one: (one,), lambda one: _show(one, calendar, json), json=json)
    try:
        asyncio.run(tell(kafka, resource_name(kind, tenant, name), words, telling))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _show(decision: KeyDecision, calendar: Calendar, json: bool) -> None:
    if json:
        show.as_json(_facts(decision))
        return
    cause = decision.cause
    what = outcome_of(decision) + (", waiting" if decision.waiting else "")
    show.say(
        f"{calendar.short(cause.time_ms)}  {cause.position}  {cause.command} by {who_of(cause)}"
        + (f"  {what}" if what else "")
    )
    for event in decision.events:
        named = typed(event)
        show.say(f"    → {named.pop('type')} {show.compact(named)}", "green")


def _facts(decision: KeyDecision) -> dict[str, object]:
    return cause_facts(decision.cause) | {
        "key": decision.key,
        "events": [typed(event) for event in decision.events],
        "outcome": outcome_of(decision),
        "waiting": decision.waiting,
        "reply": None if decision.reply is None else typed(decision.reply),
    }
