"""`tidelock window`: what is going on now, from the windows that projectors keep open."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer

from storage.kafka.changelog import KafkaChangelogs
from storage.tables.activity import ChangelogActivity, Names
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.activity.reads import Activity
from streams.projections.reads import Behind, behind
from tidelock.cli import exits, options, show, window_view
from tidelock.cli.discovery import find
from tidelock.cli.exits import NothingToTalkTo
from tidelock.cli.kinds import kind_named
from tidelock.cli.projection_rebuild import COMMAND_LINE, ends_of_kind
from tidelock.cli.when import Calendar

window_app = typer.Typer(
    help="What is going on now: the minute that is open, and the one before it.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip
Top = Annotated[int, typer.Option("--limit", help="The busiest so many.", min=1, max=100_000)]
T = TypeVar("T", Activity, Names)


@window_app.command("list")
def list_windows(
    context: typer.Context,
    kind: options.OneKind,
    limit: Top = 20,
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """List the names of a kind that something happens to, the busiest first, each by its newest window.

    From the changelog of the read model, which is read as a whole; its projector notices nothing. [bold]open[/]: the
    minute was not over when the read model stood where it stands; below it says how far that is behind.
    [bold]wait 95%[/] and [bold]hold 95%[/]: how long those lasted that came to their end.

    Example: [green]tidelock window list locks --limit 5[/]
    """
    found, lacks = _asked(context, kind, home, lambda reads: reads.names(kind, tenant))
    windows, calendar = found.windows, Calendar.now(utc)
    busiest = sorted(windows.items(), key=lambda each: (-each[1].commands, each[0]))[:limit]
    if json:
        shown = [{"name": name} | asdict(window) for name, window in busiest]
        show.as_json({"kind": kind, "windows": shown} | _stand(found, lacks))
        return
    window_view.names(busiest, len(windows), calendar)
    window_view.missing(found.overflowed, lacks, calendar)


@window_app.command("show")
def show_windows(
    context: typer.Context,
    kind: options.OneKind,
    name: Annotated[
        str, typer.Argument(help="The resource's name. Default: all of the tenant.", callback=options.text)
    ] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show what is going on with one resource, or with all of a kind: the open minute and the one before it.

    Exit code 1 if nothing happened in them.

    Example: [green]tidelock window show locks orders/42[/]
    """
    found, lacks = _asked(context, kind, home, lambda reads: reads.activity(kind, tenant, name or None))
    if json:
        told = {"kind": kind, "name": name or None, "windows": [asdict(window) for window in found.windows]}
        show.as_json(told | _stand(found, lacks))
    else:
        calendar = Calendar.now(utc)
        window_view.windows(found.windows, calendar)
        window_view.missing(found.overflowed if name else 0, lacks, calendar)
    if not found.windows:
        raise typer.Exit(exits.NO)


def _stand(found: Activity | Names, lacks: Behind) -> dict[str, Any]:
    positions = [str(one) for one in found.as_of.positions]
    return {"overflowed": found.overflowed, "positions": positions} | asdict(lacks)


def _asked(
    context: typer.Context,
    kind: str,
    home: options.Home,
    question: Callable[[ChangelogActivity], Awaitable[T]],
) -> tuple[T, Behind]:
    """Return the answer, and what it lacks of the logs. Raises `WrongUse`, `NothingToTalkTo`."""
    known = {each.kind for each in ACTIVITIES}
    if kind_named(context, kind).name not in known:
        raise exits.WrongUse(f"{kind} has no windows. Choose from: {', '.join(sorted(known))}.")
    kafka = find(home).need_kafka()

    async def ask() -> tuple[T, Behind]:
        ends = await ends_of_kind(kafka, kind)  # first, so that who keeps up is not shown behind
        changelogs = KafkaChangelogs(kafka, COMMAND_LINE)
        try:
            found = await question(ChangelogActivity(changelogs, ACTIVITIES))
        finally:
            await changelogs.close()
        return found, behind(found.as_of, ends)

    answer = asyncio.run(ask())
    if not answer[0].as_of.stands:
        raise NothingToTalkTo(
            f"No projector has written windows of {kind} yet. Start one: `tidelock up`, or "
            "`python -m streams.projector.worker`."
        )
    return answer
