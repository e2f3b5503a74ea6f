"""Settings as options of commands: one table a kind, from which what makes it and what changes it have theirs."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

from tidelock.cli.exits import WrongUse


def with_options(
    table: Mapping[str, Any], said_of: Callable[[dict[str, Any]], Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a command the options of the table, each by the name that the client has for it.

    The command gets those that were given, as `said_of` makes them, as `said`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [each for each in signature(command, eval_str=True).parameters.values() if each.name != "said"]
        options = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=option)
            for name, option in table.items()
        ]

        @wraps(command)
        def chosen(**given: Any) -> None:
            named = {name: given.pop(name) for name in table}
            said = {name: each for name, each in named.items() if each is not None}
            command(said=said_of(said), **given)

        first, *rest = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
        chosen.__signature__ = Signature([first, *options, *rest])  # type: ignore[attr-defined]
        return chosen

    return decorate


def checked_choice(said: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> None:
    """Raise `WrongUse` if an option was given that is none of the choices."""
    if said.get(name) not in (None, *choices):
        option = name.replace("_", "-")
        raise WrongUse(f"--{option} is {' or '.join(choices)}. Choose one.")
