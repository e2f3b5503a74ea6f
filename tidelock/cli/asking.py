"""Asking before something is done that cannot be undone."""

import sys
from typing import Annotated, TypeAlias

import typer

from tidelock.cli.exits import WrongUse

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def ask(question: str, *, yes: bool, unasked: str) -> None:
    """Go on if the answer is yes, or `yes` is. Raises `WrongUse` with `unasked` where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUse(f"Nobody can be asked here{unasked} Say --yes.")
    typer.confirm(question, abort=True, err=True)
