"""`tidelock rewind`: a lock as it stood at a moment, from the log alone, with the proof."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from streams.replay.moment import Target
from streams.replay.rewind import KIND, LockName, Rewound
from streams.replay.rewind import rewind as rewound_at
from streams.replay.spells import Spell
from streams.wire.keys import name_problem
from tidelock.cli import options
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.rewind_view import rewind_view
from tidelock.cli.topics import partitions_of, reader_of, vocabulary_of
from tidelock.cli.verify import bar
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
    rewound = asyncio.run(rewound_with_bar(kafka, lock, target, quiet=json))
    rewind_view(rewound, target, calendar, json)


def lock_name(tenant: str, name: str) -> LockName:
    """Return whose lock is meant. Raises `WrongUse`."""
    problem = name_problem(name)
    if problem is not None:
        raise WrongUse(problem.message)
    if not tenant or "/" in tenant:
        raise WrongUse(f"{tenant!r} is no tenant: it has at least one character, and no '/'.")
    return LockName(tenant, name)


def _ignore(_spell: Spell) -> None:
    """Need no ended spells."""


async def rewound_with_bar(
    kafka: str, lock: LockName, target: Target, *, quiet: bool, ended: Callable[[Spell], None] = _ignore
) -> Rewound:
    """Return the lock at `target`, with a bar of the records read meanwhile.

    Raises `NothingToTalkTo`, `RewindError`, `PortError`, `LogHalt`.
    """
    await partitions_of(kafka, KIND, None)
    with bar(quiet) as progress:
        task = progress.add_task(f"rewinding {lock.name}", total=None)
        return await rewound_at(
            reader_of(kafka),
            lock,
            vocabulary_of(KIND),
            target,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
            ended=ended,
        )
