"""`tidelock window`: what is going on now, from the windows that projectors keep open."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from storage.kafka.changelog import KafkaChangelogs
from storage.tables.activity import ChangelogActivity
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.reads import AsOf
from tidelock.cli import exits, options, show, window_view
from tidelock.cli.discovery import find
from tidelock.cli.exits import NothingToTalkTo
from tidelock.cli.kinds import kind_named
from tidelock.cli.when import Calendar

window_app = typer.Typer(
    help="What is going on now: the minute that is open, and the one before it.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip
Top = Annotated[int, typer.Option("--limit", help="The busiest so many.", min=1, max=100_000)]
T = TypeVar("T")


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

    From the changelog of the read model, which is read as a whole; its projector notices nothing.
    [bold]wait 95%[/] and [bold]hold 95%[/]: how long those lasted that came to their end.

    Example: [green]tidelock window list locks --limit 5[/]
    """
    found, as_of = _asked(context, kind, home, lambda reads: reads.names(kind, tenant))
    busiest = sorted(found.items(), key=lambda each: (-each[1].commands, each[0]))[:limit]
    if json:
        shown = [{"name": name} | asdict(window) for name, window in busiest]
        show.as_json({"kind": kind, "windows": shown, "positions": [str(one) for one in as_of.positions]})
        return
    window_view.names(busiest, len(found), Calendar.now(utc))


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
    found, as_of = _asked(context, kind, home, lambda reads: reads.activity(kind, tenant, name or None))
    if json:
        told = {"kind": kind, "name": name or None, "windows": [asdict(window) for window in found]}
        show.as_json(told | {"positions": [str(one) for one in as_of.positions]})
    else:
        window_view.windows(found, Calendar.now(utc))
    if not found:
        raise typer.Exit(exits.NO)


def _asked(
    context: typer.Context,
    kind: str,
    home: options.Home,
    question: Callable[[ChangelogActivity], Awaitable[tuple[T, AsOf]]],
) -> tuple[T, AsOf]:
    """Return the answer. Raises `WrongUse`, `NothingToTalkTo`."""
    known = {each.kind for each in ACTIVITIES}
    if kind_named(context, kind).name not in known:
        raise exits.WrongUse(f"{kind} has no windows. Choose from: {', '.join(sorted(known))}.")
    kafka = find(home).need_kafka()

    async def ask() -> tuple[T, AsOf]:
        changelogs = KafkaChangelogs(kafka, "tidelock command line")
        try:
            return await question(ChangelogActivity(changelogs, ACTIVITIES))
        finally:
            await changelogs.close()

    answer = asyncio.run(ask())
    if not answer[1].stands:
        raise NothingToTalkTo(
            f"No projector has written windows of {kind} yet. Start one: `tidelock up`, or "
            "`python -m streams.projector.worker`."
        )
    return answer
