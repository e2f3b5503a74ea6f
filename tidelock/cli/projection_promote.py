"""`tidelock projection build | diff | promote | rollback | retire`: another build of a read model takes its place."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeAlias, TypeVar

import typer

from streams.projections.builds import Comparison, Switched
from tidelock.cli import exits, options, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.discovery import find
from tidelock.cli.projection_builds import BuildsAt, build, build_named, builds_at, promote
from tidelock.cli.projection_rebuild import projection_named

T = TypeVar("T")
Named: TypeAlias = Annotated[
    str, typer.Argument(help="Which build, as NAME@N: see `tidelock projection list`.", metavar="NAME@N")
]
Patience: TypeAlias = Annotated[
    float, typer.Option("--patience", min=0.0, help="Wait at most so many seconds for the right moment.")
]
Force: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Although it lacks records, or its rows differ.")
]


def begin(
    named: Named, patience: Patience = 30.0, home: options.Home = options.HOME, json: options.AsJson = False
) -> None:
    """Build a read model anew from the log, beside the one that is read, or go on watching that.

    N is any number that is free. The projectors build, throttled, behind what is live
    ([bold]TIDELOCK_PROJECTOR_BUILD_DECISIONS_PER_S[/]); to interrupt this (Ctrl-C) interrupts only the watching, and
    whoever is killed goes on where it was. Returns once the build could be promoted. Exit code 1 if nothing moves.

    Example: [green]tidelock projection build locks@2[/]
    """
    projection, number = build_named(named)
    kafka = find(home).need_kafka()
    try:
        begun, records = _at(home, lambda at: build(kafka, at, projection, number, patience, quiet=json))
    except KeyboardInterrupt:
        show.say(f"{named} is built without you watching: see `tidelock projection list`.")
        raise typer.Exit(130) from None
    if json:
        show.as_json({"build": begun.label, "version": begun.version, "records": records})
    else:
        show.say(
            f"{begun.label} has {show.number(records)} records. Next: `tidelock projection diff {named}`."
        )


def diff(
    named: Named,
    shown: Annotated[
        int, typer.Option("--show", min=0, max=1000, help="How many rows of a table to show.")
    ] = 3,
    patience: Patience = 30.0,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Compare a build with the live one, row by row, each partition where both have the same position.

    Both go on meanwhile. Exit code 1 if any row differs.

    Example: [green]tidelock projection diff locks@2[/]
    """
    projection, number = build_named(named)
    found = _at(home, lambda at: at.builds.compare(projection, number, shown, patience))
    if json:
        tables = [asdict(each) for each in found.tables]
        positions = {str(partition): offset for partition, offset in found.positions}
        show.as_json({"live": found.live, "build": found.beside, "rows": found.rows, "positions": positions,
                      "tables": tables, "versions": found.versions, "left_out": found.left_out})  # fmt: skip
    else:
        _show(found, named)
    if found.rows:
        raise typer.Exit(exits.NO)


def make_live(
    named: Named, force: Force = False, yes: Yes = False, patience: Patience = 30.0,
    home: options.Home = options.HOME, json: options.AsJson = False,
) -> None:  # fmt: skip
    """Make a build what everybody reads, while projectors write and clients read: nothing is lost, and nothing twice.

    It is compared with the live one first, and has to have caught up; [bold]--force[/] promotes it all the same (rows
    may go back to an earlier position then). Builds of different versions are not compared: their rows are meant to
    differ. What was live goes on: see [bold]rollback[/].

    Example: [green]tidelock projection promote locks@2 --yes[/]
    """
    projection, number = build_named(named)
    ask(f"Make {named} what everybody reads?", yes=yes)
    switched, _ = _at(home, lambda at: promote(at, projection, number, patience, force=force))
    _tell(projection.name, switched, json=json)


def rollback(
    name: Annotated[str, typer.Argument(help="Which read model: see `tidelock projection list`.")],
    force: Force = False,
    yes: Yes = False,
    patience: Patience = 30.0,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Make live what was live before the last promotion. It was kept up to date since, so nothing is lost.

    If it is of an earlier version, by projectors of that release: they keep it up to date from now on, too.

    Example: [green]tidelock projection rollback locks --yes[/]
    """
    projection = projection_named(name)
    ask(f"Go back to the build of {name} before?", yes=yes)
    switched = _at(home, lambda at: at.builds.rollback(projection, within_s=patience, force=force))
    _tell(name, switched, json=json)


def retire(
    named: Named, yes: Yes = False, home: options.Home = options.HOME, json: options.AsJson = False
) -> None:
    """Delete a build that is not live, with its tables. The log is the truth: it can be built anew.

    Example: [green]tidelock projection retire locks@1 --yes[/]
    """
    projection, number = build_named(named)
    ask(f"Delete {named} and its rows?", yes=yes)
    _at(home, lambda at: at.builds.retire(projection, number))
    if json:
        show.as_json({"retired": named})
    else:
        show.say(f"{named} is retired.")


def _at(home: options.Home, work: Callable[[BuildsAt], Awaitable[T]]) -> T:
    postgres = find(home).need_postgres()

    async def done() -> T:
        async with builds_at(postgres) as at:
            return await work(at)

    return asyncio.run(done())


def _show(found: Comparison, named: str) -> None:
    numbers = ("live", "build", "missing", "extra", "changed")
    table = show.table(None, "table", *numbers, right=frozenset(numbers))
    for one in found.tables:
        counts = (one.live, one.beside, one.missing, one.extra, one.changed)
        table.add_row(one.table, *map(show.number, counts))
    show.out.print(table)
    for one in found.tables:
        for ours, theirs in one.first:
            show.out.print(f"{one.table}\n  live:  {ours or '-'}\n  build: {theirs or '-'}", markup=False)
    if found.left_out:
        show.say(f"Not compared, as not both have it: {', '.join(found.left_out)}.")
    live, beside = found.versions
    if live != beside:
        show.say(
            f"They are of versions {live} and {beside}: rows may differ by what was changed between them."
        )
    show.say(
        f"{show.number(found.rows)} rows differ."
        if found.rows
        else f"No row differs. Next: `tidelock projection promote {named}`."
    )


def _tell(name: str, switched: Switched, *, json: bool) -> None:
    if json:
        show.as_json({"projection": name, "live": switched.after, "before": switched.before,
                      "held_ms": round(switched.held_ms, 1)})  # fmt: skip
        return
    before = f"{name}@{switched.before}"
    show.say(
        f"{name}@{switched.after} is live; writes waited {switched.held_ms:.0f} ms. {before} is kept up to date by "
        f"projectors of its version: `tidelock projection rollback {name}`, or `tidelock projection retire {before}`."
    )
