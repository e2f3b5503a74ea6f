"""Asking before something is done that cannot be undone."""

import sys
from typing import Annotated, TypeAlias

import typer

from tidelock.cli.exits import WrongUse

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def ask(question: str, *, yes: bool) -> None:
    """Go on if the answer is yes, or `yes` is; abort else. Raises `WrongUse` where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUse(f"Nobody can be asked here: {question} Say --yes.")
    typer.confirm(question, abort=True, err=True)
