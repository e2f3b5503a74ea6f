"""`tidelock rewind`: a lock as it stood at a moment, from the log alone, with the proof."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from streams.domain.locks.kind import LOCKS
from streams.log.vocabulary import Vocabulary
from streams.replay.locks.chronicle import LockChronicle
from streams.replay.locks.spells import Spell
from streams.replay.moment import Target
from streams.replay.resource import ResourceName
from streams.replay.rewind import Rewound
from tidelock.cli import options
from tidelock.cli.discovery import find
from tidelock.cli.rewind_view import rewind_view
from tidelock.cli.rewinding import resource_name, rewound_with_bar
from tidelock.cli.when import Calendar


def rewind(
    what: options.What,
    name: options.OldName,
    at: Annotated[str, typer.Option("--at", help=options.AT_HELP, metavar="TIME|POSITION")],
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show a lock as it stood at a moment: who held it, who waited, in which order, since when.

    Folded from the partition's log alone, from its first record, as its owner folded it; no database is asked. With
    the proof: the chain's head there, which the next commit carries and anybody can compute again.
    TIME is 2026-11-17T14:03:07 (this machine's zone, if none is written), 14:03:07 of today, or -5m; a POSITION is
    what `tidelock log tail` and every answer name.

    Example: [green]tidelock rewind --at 2026-11-17T14:03:07 lock orders/42[/]
    """
    options.check_what(what)
    calendar, lock = Calendar.now(utc), lock_name(tenant, name)
    target = calendar.target(at)
    kafka = find(home).need_kafka()
    rewound = asyncio.run(rewound_lock(kafka, lock, target, quiet=json))
    rewind_view(rewound, target, calendar, json)


def lock_name(tenant: str, name: str) -> ResourceName:
    """Return whose lock is meant. Raises `WrongUse`."""
    return resource_name(LOCKS.name, tenant, name)


def _ignore(_spell: Spell) -> None:
    """Need no ended spells."""


async def rewound_lock(
    kafka: str, lock: ResourceName, target: Target, *, quiet: bool, ended: Callable[[Spell], None] = _ignore
) -> Rewound[LockChronicle]:
    """Return the lock at `target`; `ended` is told of each spell that ended before it.

    Raises `NothingToTalkTo`, `RewindError`, `PortError`, `LogHalt`.
    """
    words = Vocabulary(LOCKS)
    chronicle = LockChronicle(lock.key, words, ended)
    return await rewound_with_bar(kafka, lock, words, target, chronicle, quiet=quiet)
