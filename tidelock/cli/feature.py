"""`tidelock feature`: which behaviour is switched on, and switching on more once every worker supports it."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import httpx
import typer

from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.feature_ask import TIMEOUT_S, Levels, activate, levels_of

feature_app = typer.Typer(
    help="Show and activate feature levels.", no_args_is_help=True, pretty_exceptions_enable=False,
    epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

Metrics: TypeAlias = Annotated[
    list[str] | None, typer.Option("--metrics", help="host:port of a worker's /status; may be repeated.")
]


@feature_app.command("status")
def feature_status(
    home: options.Home = options.HOME, metrics: Metrics = None, json: options.AsJson = False
) -> None:
    """Show the level that is active on each partition, and the highest that each worker of the group supports.

    Example: [green]tidelock feature status[/]
    """
    _, addresses = _where(home, metrics)

    async def ask() -> Levels:
        async with _http() as http:
            return await levels_of(http, addresses)

    _view(asyncio.run(ask()), json)


@feature_app.command("activate")
def feature_activate(
    level: Annotated[int, typer.Argument(help="The level to activate.", min=1, max=999_999_999)],
    home: options.Home = options.HOME,
    metrics: Metrics = None,
    json: options.AsJson = False,
) -> None:
    """Activate a feature level on every partition: a record in each log, for ever.

    Refused, with their names, while workers of the group do not support it: upgrade all of them first, and start no
    older one afterwards, for it could own nothing. Exit code 1 if it is refused or some partitions have not followed;
    to run it again does no harm. It takes the operator's token: the local stack's is found by itself, that of other
    workers is TIDELOCK_OPERATOR_TOKEN, here as there.

    Example: [green]tidelock feature activate 2[/]
    """
    token, addresses = _where(home, metrics)

    async def ask() -> Levels:
        async with _http() as http:
            return await activate(http, addresses, token, level)

    _view(asyncio.run(ask()), json)


def _where(home: Path, metrics: list[str] | None) -> tuple[str | None, tuple[str, ...]]:
    running = find(home)
    return running.operator, tuple(metrics or (address for _, address in running.metrics))


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)


def _view(levels: Levels, json: bool) -> None:
    if json:
        show.as_json(asdict(levels))
        return
    table = show.table(None, "partition", "active level", right=frozenset({"active level"}))
    for where, active in levels.partitions.items():
        table.add_row(where, "nobody owns it" if active is None else str(active))
    show.out.print(table)
    for member, most in sorted(levels.members.items()):
        show.say(f"worker {member} supports up to level {most}")
