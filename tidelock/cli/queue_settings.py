"""The settings of a queue as options: one table, from which `create` and `configure` have theirs."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from tidelock.cli import options
from tidelock.cli.setting_options import checked_choice, with_options
from tidelock.client.queues.terms import QueueOptions

_Whole, _Real, _Text = int | None, float | None, str | None

SETTINGS: Final[Mapping[str, Any]] = {
    "max_attempts": Annotated[
        _Whole, typer.Option(help="Deliveries before a message is a dead letter.", min=1, max=1_000)
    ],
    "lease": Annotated[
        _Real, typer.Option(help="How long a consumer may be silent, s.", min=0.1, max=43_200)
    ],
    "backoff_min": Annotated[
        _Real, typer.Option(help="Pause before the second attempt, s.", min=0, max=86_400)
    ],
    "backoff_max": Annotated[_Real, typer.Option(help="Longest pause, s.", min=0, max=86_400)],
    "backoff_factor": Annotated[
        _Real, typer.Option(help="By how much the pause grows with every attempt.", min=1, max=10)
    ],
    "jitter": Annotated[_Real, typer.Option(help="Share of the pause by which it varies.", min=0, max=1)],
    "dead_letter_queue": Annotated[
        _Text, typer.Option(help="Where dead letters go; '': they stay here.", callback=options.text)
    ],
    "dedup_window": Annotated[
        _Real, typer.Option(help="How long a dedup id is known, s; 0: not.", min=0, max=604_800)
    ],
    "max_depth": Annotated[_Whole, typer.Option(help="Messages in one shard.", min=1, max=10_000_000)],
    "max_bytes": Annotated[_Whole, typer.Option(help="Bytes of payload in one shard.", min=1, max=1 << 36)],
    "max_payload": Annotated[_Whole, typer.Option(help="Bytes of one message.", min=1, max=131_072)],
    "overflow": Annotated[
        _Text,
        typer.Option(help="Where there is no room: REFUSE or DEAD_LETTER_OLDEST.", callback=options.text),
    ],
    "default_priority": Annotated[_Whole, typer.Option(help="0 to 9; 9 is served first.", min=0, max=9)],
    "aging": Annotated[
        _Real, typer.Option(help="One priority higher for each so many s of waiting; 0: never.", min=0)
    ],
}
"""By the name that the client has for it."""


def _said(given: dict[str, Any]) -> QueueOptions:
    """Return those that were given. Raises `WrongUse`."""
    said: QueueOptions = given  # type: ignore[assignment]
    if said.get("dead_letter_queue") == "":
        said["dead_letter_queue"] = None
    checked_choice(given, "overflow", ("REFUSE", "DEAD_LETTER_OLDEST"))
    return said


with_settings: Final = with_options(SETTINGS, _said)
"""Gives a command an option for each setting."""
