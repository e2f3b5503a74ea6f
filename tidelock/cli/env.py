"""`tidelock env`: the environment that lets programs reach the running stack."""

import shlex
from typing import Annotated

import typer

from tidelock.cli.discovery import find
from tidelock.cli.options import HOME, Home
from tidelock.local.tokens import OPERATOR


def environment(
    home: Home = HOME,
    operator: Annotated[
        bool,
        typer.Option("--operator", help="With the operator's token too, for `tidelock feature activate`."),
    ] = False,
) -> None:
    """Print the settings that let programs of this machine reach the running stack.

    Example: `eval "$(tidelock env)"`, then `python your_program.py` with `tidelock.connect()` in it, or
    `examples/publish_command.py`. The operator's token is left out unless you ask: applications must not have it.
    """
    running = find(home)
    settings: dict[str, str | None] = {
        "TIDELOCK_KAFKA": running.kafka,
        "TIDELOCK_WORKERS": ",".join(running.workers),
        "TIDELOCK_TOKEN": running.token,
        "TIDELOCK_GRAPHQL": running.graphql,
    }
    if operator:
        settings |= {
            "TIDELOCK_METRICS": ",".join(address for _, address in running.metrics),
            OPERATOR.variable: running.operator or "",
        }
    for name, text in settings.items():
        if text:
            print(f"export {name}={shlex.quote(text)}")
