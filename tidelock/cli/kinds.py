"""The kinds that the command line was started with: those of the catalogue, unless whoever starts it has others."""

from collections.abc import Sequence

import typer

from streams.catalog import KINDS
from streams.domain.kind import KindSpec
from tidelock.cli.exits import WrongUse


def kinds_of(context: typer.Context) -> Sequence[KindSpec]:
    """Return all kinds."""
    given: Sequence[KindSpec] | None = context.find_root().obj
    return KINDS if given is None else given


def kind_named(context: typer.Context, name: str) -> KindSpec:
    """Return a kind. Raises `WrongUse`."""
    return kinds_named(context, name)[0]


def kinds_named(context: typer.Context, name: str) -> Sequence[KindSpec]:
    """Return the kind `name`, of '' all. Raises `WrongUse`."""
    kinds = kinds_of(context)
    found = [kind for kind in kinds if name in {"", kind.name}]
    if not found:
        raise WrongUse(f"There is no kind {name!r}. Choose from: {', '.join(kind.name for kind in kinds)}.")
    return found
