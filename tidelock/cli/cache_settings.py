"""The settings of a cache as options: one table, from which `create` and `configure` have theirs."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from tidelock.cli.setting_options import checked_choice, with_options
from tidelock.client.caches.terms import CacheOptions

_Whole, _Real, _Text = int | None, float | None, str | None

SETTINGS: Final[Mapping[str, Any]] = {
    "write_policy": Annotated[
        _Text, typer.Option(help="BACK: clients may keep further writes to themselves; THROUGH: never.")
    ],
    "max_entries": Annotated[
        _Whole, typer.Option(help="In one shard; beyond it entries are evicted.", min=1, max=10_000_000)
    ],
    "max_bytes": Annotated[_Whole, typer.Option(help="Of values in one shard.", min=1, max=1 << 36)],
    "max_value_bytes": Annotated[_Whole, typer.Option(help="Of one value.", min=1, max=65_536)],
    "ttl": Annotated[
        _Real, typer.Option(help="Of entries put without one, s; 0: without end.", min=0, max=31_622_400)
    ],
    "read_lease": Annotated[
        _Real, typer.Option(help="How long a client that is not heard may use its lines, s.", min=0.1, max=60)
    ],
    "fill_lease": Annotated[_Real, typer.Option(help="How long a loader may take, s.", min=0.1, max=600)],
}
"""By the name that the client has for it; the mode is for good, so only `create` has it."""


def _said(given: dict[str, Any]) -> CacheOptions:
    """Return those that were given. Raises `WrongUse`."""
    said: CacheOptions = given  # type: ignore[assignment]
    checked_choice(given, "write_policy", ("BACK", "THROUGH"))
    return said


with_settings: Final = with_options(SETTINGS, _said)
"""Gives a command an option for each setting."""
