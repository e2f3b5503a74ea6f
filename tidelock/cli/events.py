"""`tidelock events`: each decision on a resource of any kind, and what it caused, from the log alone."""

import asyncio
from collections import deque
from typing import Annotated

import typer

from streams.domain.value import value
from streams.log.vocabulary import Vocabulary
from streams.replay.history import decisions_on, outcome_of
from streams.replay.plain import typed
from streams.replay.resource import KeyDecision, ResourceName
from streams.replay.rewind import home_of
from tidelock.cli import options, show
from tidelock.cli.cause_facts import cause_facts, who_of
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.kinds import kind_named
from tidelock.cli.rewinding import resource_name
from tidelock.cli.topics import partitions_of, reader_of
from tidelock.cli.when import Calendar


@value
class Span:
    """Which decisions are wanted: those from `since_ms` to `until_ms`, the latest `limit` of them."""

    since_ms: int
    until_ms: int | None
    limit: int
    follow: bool


def events(
    context: typer.Context,
    kind: options.OneKind,
    name: options.Name,
    since: Annotated[str, typer.Option(help="Only what was decided from then on.", metavar="TIME")] = "",
    until: Annotated[str, typer.Option(help="Only what was decided by then.", metavar="TIME")] = "",
    limit: Annotated[int, typer.Option(help="The latest so many.", min=1, max=100_000)] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as decisions are made, until Ctrl-C.")
    ] = False,
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
    until_ms = calendar.time_ms(until) if until else None
    span = Span(calendar.time_ms(since) if since else 0, until_ms, limit, follow)
    if until_ms is not None and (follow or until_ms < span.since_ms):
        raise WrongUse("--until goes neither with --follow nor before --since. Leave one out, or swap them.")
    kafka = find(home).need_kafka()
    telling = _Telling(span, calendar, json)
    try:
        asyncio.run(_tell(kafka, resource_name(kind, tenant, name), words, telling))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


class _Telling:
    """Shows decisions: those that are there in one go, then each as it comes."""

    def __init__(self, span: Span, calendar: Calendar, json: bool) -> None:
        self.span = span
        self._calendar, self._json = calendar, json
        self._kept: deque[KeyDecision] | None = deque(maxlen=span.limit)
        self._count = 0

    def take(self, decision: KeyDecision) -> None:
        """Keep, or show, what is wanted."""
        if decision.cause.time_ms < self.span.since_ms:
            return
        if self._kept is None:
            self._show(decision)
        else:
            self._count += 1
            self._kept.append(decision)

    def caught_up(self) -> None:
        """Show what was kept; what comes later is shown at once."""
        if self._kept is None:
            return
        kept, self._kept = self._kept, None
        if self._count > len(kept) and not self._json:
            show.say(f"{self._count - len(kept):,} older decisions are left out; --limit shows more", "dim")
        if not kept and not self.span.follow and not self._json:
            show.say("nothing was decided on it in this time")
        for decision in kept:
            self._show(decision)

    def _show(self, decision: KeyDecision) -> None:
        if self._json:
            show.as_json(_facts(decision))
            return
        cause = decision.cause
        what = outcome_of(decision) + (", waiting" if decision.waiting else "")
        show.say(
            f"{self._calendar.short(cause.time_ms)}  {cause.position}  {cause.command} by {who_of(cause)}"
            + (f"  {what}" if what else "")
        )
        for event in decision.events:
            named = typed(event)
            show.say(f"    → {named.pop('type')} {show.compact(named)}", "green")


async def _tell(kafka: str, resource: ResourceName, words: Vocabulary, telling: _Telling) -> None:
    await partitions_of(kafka, [resource.kind], None)
    read = reader_of(kafka)
    where = await home_of(read, resource)
    log, span = read(where), telling.span
    _, end = await log.bounds()
    stop = None if span.follow else end
    with show.err.status("reading; what counts depends on all that stands before") as spinner:
        async for reached, decisions in decisions_on(resource.key, log, where, words, end=stop):
            over = _take(decisions, telling)
            if reached >= end or over:
                spinner.stop()
                telling.caught_up()
            if over:
                break
    telling.caught_up()


def _take(decisions: list[KeyDecision], telling: _Telling) -> bool:
    """Say whether the span is over."""
    until_ms = telling.span.until_ms
    for decision in decisions:
        if until_ms is not None and decision.cause.time_ms > until_ms:
            return True
        telling.take(decision)
    return False


def _facts(decision: KeyDecision) -> dict[str, object]:
    return cause_facts(decision.cause) | {
        "key": decision.key,
        "events": [typed(event) for event in decision.events],
        "outcome": outcome_of(decision),
        "waiting": decision.waiting,
        "reply": None if decision.reply is None else typed(decision.reply),
    }
