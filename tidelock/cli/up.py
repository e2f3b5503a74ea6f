"""`tidelock up`: the whole stack on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tidelock.cli import options, show
from tidelock.cli.demo import demo_beside
from tidelock.local.settings import StackSettings
from tidelock.local.up import up as run_stack


def up(
    home: options.Home = options.HOME,
    brokers: Annotated[int, typer.Option(min=1, help="Kafka brokers.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Tidelock workers.")] = 1,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", envvar="DEMO", help="Let a small workload run.")
    ] = True,
) -> None:
    """Start the whole stack on this machine and keep it running until Ctrl-C.

    Real Kafka, PostgreSQL, Redis and Tidelock workers, as child processes whose data stay in the home directory.
    The first start downloads Kafka. A handful of demo clients contend for a few locks, so that there is something
    to see; `--no-demo` (or DEMO=0) leaves them out. What the environment names (TIDELOCK_KAFKA, ...) is used
    instead of the local part.

    Example: [green]tidelock up --workers 2 --no-demo[/]
    """
    settings = StackSettings.from_environment(Path(home), brokers=brokers, workers=workers, demo=demo)
    beside = demo_beside(settings.home, show.out) if demo else None
    raise typer.Exit(asyncio.run(run_stack(settings, show.out, beside)))
