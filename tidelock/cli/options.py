"""Options that several commands share, with one wording."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from streams.catalog import KINDS
from tidelock.cli.exits import WrongUse

Home: TypeAlias = Annotated[
    Path,
    typer.Option("--home", envvar="TIDELOCK_HOME", help="Directory of the local stack.", show_default=True),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
Kind: TypeAlias = Annotated[str, typer.Argument(help="Kind of resource.", metavar="[KIND]")]
Partition: TypeAlias = Annotated[
    int | None, typer.Option("--partition", "-p", min=0, help="Only this partition.")
]

HOME = Path(".tidelock")


def check_kind(kind: str) -> str:
    """Return `kind` if there is one. Raises `WrongUse`."""
    known = [spec.name for spec in KINDS]
    if kind not in known:
        raise WrongUse(f"There is no kind {kind!r}. Choose from: {', '.join(known)}.")
    return kind
