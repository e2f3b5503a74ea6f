"""Listing all there is of a kind: its partitions are read side by side, from the logs alone."""

import asyncio
from pathlib import Path
from typing import Any

import typer

from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.census import take_census
from streams.replay.moment import AtPosition, AtTime, Moment, Target
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.kinds import kind_named
from tidelock.cli.lease_now import LeaseNow, lease_at
from tidelock.cli.rewinding import checked_tenant
from tidelock.cli.topics import bar, partitions_of, reader_of
from tidelock.cli.when import Calendar

AT_ONCE = 8
AT_HELP = "2026-11-17T14:03:07, 14:03:07 of today, or -5m. Default: now."


@value
class Counted:
    """One that is there."""

    name: str
    shown: Any
    """As the kind shows it."""
    moment: Moment
    """Of its partition."""
    now: LeaseNow


def census(
    context: typer.Context,
    kind: str,
    tenant: str,
    prefix: str,
    at: str,
    calendar: Calendar,
    home: Path,
    json: bool,
) -> list[Counted]:
    """Return all of a kind whose name begins with `prefix`, by name. Raises `WrongUse`, and as a rewind does."""
    checked_tenant(tenant)
    target, words = calendar.target(at), Vocabulary(kind_named(context, kind))
    if isinstance(target, AtPosition):
        raise WrongUse(f"--at {at} is a place in one partition, and this lists all of them. Give a time.")
    kafka = find(home).need_kafka()
    counted = asyncio.run(_read(kafka, tenant, words, prefix, target, calendar.now_ms, json))
    return sorted(counted, key=lambda one: one.name)


async def _read(
    kafka: str, tenant: str, words: Vocabulary, prefix: str, target: Target, now_ms: int, quiet: bool
) -> list[Counted]:
    wheres = await partitions_of(kafka, [words.kind.name], None)
    read, room = reader_of(kafka), asyncio.Semaphore(AT_ONCE)
    time_ms = target.time_ms if isinstance(target, AtTime) else now_ms
    with bar(quiet) as progress:

        async def one(where: PartitionId) -> list[Counted]:
            task = progress.add_task(f"reading {where}", total=None)
            async with room:
                moment, found = await take_census(
                    read(where), where, tenant, words, target,
                    progress=lambda done, total: progress.update(task, completed=done, total=total),
                )  # fmt: skip
            now = lease_at(moment, time_ms)
            return [Counted(name, shown, moment, now) for name, shown in found.shown(prefix)]

        return [each for found in await asyncio.gather(*map(one, wheres)) for each in found]
