"""Commands whose modules are imported when they are asked for, so that `tidelock` starts fast.

What the help of the commands above shows of such a command, its name and its first line, is written where it is
registered; a test holds the line equal to the command's own.
"""

from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Deferred(TyperCommand):
    """Stands for a command in the help; whoever calls it is led to the command itself."""

    where: ClassVar[str]
    """`module:attribute` of a function, or of a group of commands."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Let the command itself parse its arguments; the context that it makes leads to it."""
        return self.itself().make_context(*args, **extra)

    def itself(self) -> TyperCommand | TyperGroup:
        """Import the command and return it."""
        module, attribute = self.where.split(":")
        found = getattr(import_module(module), attribute)
        alone = typer.Typer(rich_markup_mode="rich")
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=self.name)
        else:
            alone.command(self.name)(found)
        made: TyperCommand | TyperGroup = get_group(alone).commands[str(self.name)]  # type: ignore[assignment]
        return made


def defer(app: typer.Typer, name: str, where: str, line: str) -> None:
    """Add to `app` the command `name`, which is at `where`; the help of `app` says `line` of it."""
    app.command(name, cls=type("Deferred", (Deferred,), {"where": where}), help=line)(_unused)


def _unused() -> None:
    """typer wants a function; the command itself is called."""
