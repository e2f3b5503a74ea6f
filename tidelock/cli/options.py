"""Options that several commands share, with one wording."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from tidelock.cli.exits import WrongUse

Home: TypeAlias = Annotated[
    Path,
    typer.Option("--home", envvar="TIDELOCK_HOME", help="Directory of the local stack.", show_default=True),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
Kind: TypeAlias = Annotated[str, typer.Argument(help="Kind of resource. Default: all.", metavar="[KIND]")]
OneKind: TypeAlias = Annotated[str, typer.Argument(help="Kind of resource, such as locks.", metavar="KIND")]
Partition: TypeAlias = Annotated[
    int | None, typer.Option("--partition", "-p", min=0, help="Only this partition.")
]

HOME = Path(".tidelock")


def text(argument: str | None) -> str | None:
    """Return `argument` if it is text, or left out: what goes to the cluster may not be any bytes."""
    if argument is None:
        return None
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter(
            f"{os.fsencode(argument or '')!r} is not UTF-8. Write it in UTF-8."
        ) from None
    return argument


What: TypeAlias = Annotated[str, typer.Argument(help="What it is: lock.", metavar="lock")]
OldName: TypeAlias = Annotated[
    str, typer.Argument(help="The lock's name, such as orders/42.", metavar="NAME", callback=text)
]
Name: TypeAlias = Annotated[
    str, typer.Argument(help="The resource's name, such as orders/42.", metavar="NAME", callback=text)
]
Tenant: TypeAlias = Annotated[
    str, typer.Option("--tenant", envvar="TIDELOCK_TENANT", help="Whose it is.", callback=text)
]
Utc: TypeAlias = Annotated[
    bool, typer.Option("--utc", help="Read and show times in UTC, not in this machine's zone.")
]
Since: TypeAlias = Annotated[str, typer.Option(help="Only what was decided from then on.", metavar="TIME")]
Until: TypeAlias = Annotated[str, typer.Option(help="Only what was decided by then.", metavar="TIME")]
Limit: TypeAlias = Annotated[int, typer.Option(help="The latest so many.", min=1, max=100_000)]
Follow: TypeAlias = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on as decisions are made, until Ctrl-C.")
]
AT_HELP = "2026-11-17T14:03:07, 14:03:07 of today, -5m, or a position: locks/3@1205."
TENANT = "dev"


def check_what(what: str) -> None:
    """Raise `WrongUse` if `what` is nothing that can be rewound."""
    if what not in {"lock", "locks"}:
        raise WrongUse(
            f"There is no {what!r} to look back at. Choose: lock. Other kinds: `tidelock state KIND NAME --at TIME`."
        )
