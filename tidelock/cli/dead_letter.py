"""`tidelock dead-letter`: what the platform itself could not take."""

import asyncio
from typing import Annotated, cast, get_args

import typer

from storage.kafka.letters import KafkaLetterDesk
from streams.log.letters import Stage
from streams.log.vocabulary import Vocabulary
from streams.replay.letters.deeds import purgeable, purged
from streams.replay.letters.plan import Plan, Planned
from streams.replay.letters.shelf import FOREVER_MS, Wanted, letter_at, search
from tidelock.cli import exits, options, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.dead_letter_redrive import operator, planned, redrive_now
from tidelock.cli.dead_letter_view import as_facts, show_found, show_letter
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.kinds import kind_named, kinds_of
from tidelock.cli.when import Calendar

dead_letter_app = typer.Typer(
    help="What the platform itself could not take: look at it, ask it anew, delete it. Messages that consumers gave up "
    "are not here: see `tidelock queue`.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

STAGES = get_args(Stage)
SCAN = 10_000


@dead_letter_app.command("list")
def list_letters(
    stage: Annotated[str, typer.Option(help=f"Only those of this stage: {', '.join(STAGES)}.")] = "",
    tenant: Annotated[str, typer.Option(help="Only those of this tenant.")] = "",
    error: Annotated[str, typer.Option(help="Only those with this error code.", metavar="CODE")] = "",
    kind: Annotated[str, typer.Option(help="Only those of this kind of resource.")] = "",
    read_model: Annotated[str, typer.Option(help="Only those that this read model could not take.")] = "",
    since: options.Since = "",
    until: options.Until = "",
    limit: options.Limit = 50,
    scan: Annotated[
        int, typer.Option(help="Look at so many of the newest letters at the most.", min=1, max=10_000_000)
    ] = SCAN,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show dead letters, oldest first, and what operators did to them.

    [bold]DECODE[/] and [bold]DECIDE[/]: a command of the topic lane that could not be read, or was refused before
    anything was decided. [bold]PROJECTION[/] and [bold]SINK[/]: a decision that a read model could not fold, or its
    database could not store. Everything else went on.

    Example: [green]tidelock dead-letter list --stage DECODE --since -1h --json | jq '.letters[].id'[/]
    """
    if stage and stage.upper() not in STAGES:
        raise WrongUse(f"There is no stage {stage!r}. Choose from: {', '.join(STAGES)}.")
    calendar = Calendar.now(utc)
    wanted = Wanted(
        cast(Stage, stage.upper()) if stage else None, tenant, error, kind, read_model,
        calendar.time_ms(since) if since else 0, calendar.time_ms(until) if until else FOREVER_MS,
    )  # fmt: skip
    found = asyncio.run(search(KafkaLetterDesk(find(home).need_kafka()).letters, wanted, limit, scan))
    show_found(found, calendar, json=json)


@dead_letter_app.command("show")
def show_one(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Its id.", metavar="ID", min=0)],
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show one dead letter: place, error, attempts, trace, its bytes, and what they mean, as far as can be told.

    Example: [green]tidelock dead-letter show 17[/]
    """
    filed = asyncio.run(letter_at(KafkaLetterDesk(find(home).need_kafka()).letters, number))
    known = {kind.name for kind in kinds_of(context)}
    words = Vocabulary(kind_named(context, filed.letter.kind)) if filed.letter.kind in known else None
    facts = as_facts(filed, words)
    if json:
        show.as_json(facts)
    else:
        show_letter(facts, filed, Calendar.now(utc))


@dead_letter_app.command("redrive")
def redrive(
    context: typer.Context,
    numbers: Annotated[list[int], typer.Argument(help="Their ids.", metavar="ID...", min=0)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was redriven before.")] = False,
    yes: Yes = False,
    patience: Annotated[
        float, typer.Option("--patience", min=1.0, help="Give up when nothing moves for so many seconds.")
    ] = 30.0,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Have dead letters taken after all, by a release or a database that was mended.

    [bold]DECODE[/], [bold]DECIDE[/]: a [bold]new command[/] is appended to the commands topic, by a client of its own
    (redrive-ID) and with a minute to be decided; the old one stays refused. [bold]PROJECTION[/], [bold]SINK[/]: the
    decision stands in the log, so its read model is [bold]emptied and rebuilt[/] from there, as by
    `tidelock projection rebuild`. Nothing is redriven if one of the letters cannot be. Exit code 1 then, and if a dry
    run finds one that would become a dead letter again.

    Example: [green]tidelock dead-letter redrive 17 18 --dry-run[/]
    """
    running = find(home)
    kafka, words = running.need_kafka(), {kind.name: Vocabulary(kind) for kind in kinds_of(context)}
    plan = asyncio.run(planned(kafka, words, numbers, again=again, trial=dry_run, quiet=json))
    if dry_run:
        _tell(plan, json=json)
        raise typer.Exit(0 if plan.helps else exits.NO)
    plan.check()
    ask(plan.question, yes=yes)
    told = asyncio.run(redrive_now(kafka, running.need_postgres, plan, patience, quiet=json))
    show.done({"redriven": [one.id for one in plan.steps], "told": told}, told, json=json)


@dead_letter_app.command("purge")
def purge(
    through: Annotated[int, typer.Option("--through", help="Id of the last letter that goes.", min=0)],
    yes: Yes = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Delete all dead letters up to one, for ever. The records that they are copies of stay where they are.

    What was done stays among the letters as a note: see `tidelock dead-letter list`.

    Example: [green]tidelock dead-letter purge --through 17[/]
    """
    desk = KafkaLetterDesk(find(home).need_kafka())
    filed = asyncio.run(purgeable(desk, through))
    ask(f"Delete all dead letters up to {filed.id} ({filed.letter.place}), for ever?", yes=yes)
    count = asyncio.run(purged(desk, through, operator()))
    show.done({"purged": count, "through": through}, f"{show.number(count)} records are deleted.", json=json)


def _tell(plan: Plan, *, json: bool) -> None:
    if json:
        show.as_json([one.facts for one in plan.steps])
        return
    table = show.table(None, *Planned.COLUMNS)
    for one in plan.steps:
        table.add_row(*(show.literal(str(each)) for each in one.facts.values()))
    show.out.print(table)
