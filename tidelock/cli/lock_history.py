"""`tidelock lock history`: who held a lock and who waited for it, spell by spell, from the log alone."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.domain.value import value
from streams.replay.locks.phrases import duration
from streams.replay.locks.spells import Spell
from streams.replay.moment import AtEnd, AtTime, Moment
from streams.replay.resource import ResourceName
from tidelock.cli import options, show
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.rewind import lock_name, rewound_lock
from tidelock.cli.spell_facts import spell_facts
from tidelock.cli.when import Calendar


@value
class Span:
    """Which spells are wanted: those that touch [since, until], the latest `limit` of them."""

    since_ms: int
    until_ms: int | None
    limit: int


class Spells:
    """Gathers the ended spells that are wanted."""

    def __init__(self, span: Span) -> None:
        self.kept: deque[Spell] = deque(maxlen=span.limit)
        self.count = 0
        self._since_ms = span.since_ms

    def add(self, spell: Spell) -> None:
        """Take one that has ended."""
        if spell.to_ms is not None and spell.to_ms >= self._since_ms:
            self.kept.append(spell)
            self.count += 1


def show_history(
    name: options.OldName,
    since: Annotated[str, typer.Option(help="Only what lasted until then or longer.", metavar="TIME")] = "",
    until: Annotated[str, typer.Option(help="Only what began by then. Default: now.", metavar="TIME")] = "",
    limit: Annotated[int, typer.Option(help="The latest so many.", min=1, max=100_000)] = 50,
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show who held a lock and who waited for it, from when to when, and how it ended.

    From the partition's log alone, each spell with the position where it began. A renewed lease is one spell; a
    change of mode begins another. Times are written as for `tidelock rewind`. With `--json`, one object a line.

    Example: [green]tidelock lock history orders/42 --since -1h[/]
    """
    calendar = Calendar.now(utc)
    until_ms = calendar.time_ms(until) if until else None
    span = Span(calendar.time_ms(since) if since else 0, until_ms, limit)
    if until_ms is not None and until_ms < span.since_ms:
        raise WrongUse("--until is before --since. Swap them.")
    history(find(home).need_kafka(), lock_name(tenant, name), span, calendar, json)


def history(kafka: str, lock: ResourceName, span: Span, calendar: Calendar, json: bool) -> None:
    """Print the spells of `lock` within `span`, oldest first."""
    spells = Spells(span)
    target = AtEnd() if span.until_ms is None else AtTime(span.until_ms)
    rewound = asyncio.run(rewound_lock(kafka, lock, target, quiet=json, ended=spells.add))
    at = rewound.chronicle.at()
    still = [*at.holds, *at.waits]
    found = sorted([*spells.kept, *still], key=_place)[-span.limit :]
    left_out = spells.count + len(still) - len(found)
    if json:
        for spell in found:
            show.as_json(spell_facts(spell, rewound.moment.last_ms))
        return
    _show(found, left_out, rewound.moment, lock, calendar)


def _place(spell: Spell) -> tuple[int, int, int]:
    return (spell.began.position.offset, spell.began.index, spell.party.number)


def _show(
    found: Sequence[Spell], left_out: int, moment: Moment, lock: ResourceName, calendar: Calendar
) -> None:
    last = moment.last_ms
    show.say(f"{lock.name} up to {moment.last}, {calendar.shown(last)} ({calendar.zone(last)})", "bold")
    if left_out:
        show.say(f"{left_out:,} older spells are left out; --limit shows more", "dim")
    if not found:
        show.say("nobody held it or waited for it in this time")
        return
    columns = ("who", "mode", "from", "to", "for", "ended", "token or ticket", "client", "handle", "position")
    table = show.table(None, *columns, right=frozenset({"for"}))
    for spell in found:
        table.add_row(*_row(spell, last, calendar))
    show.out.print(table)


def _row(spell: Spell, last_ms: int, calendar: Calendar) -> tuple[str, ...]:
    one, began = spell.party, spell.began
    return (
        "held" if one.role == "HOLDER" else "waited",
        one.mode if one.role == "HOLDER" or spell.upgrade_of is None else "upgrade",
        calendar.short(began.time_ms),
        "-" if spell.to_ms is None else calendar.short(spell.to_ms)[11:],
        duration(spell.lasted_ms(last_ms)),
        _ended(spell),
        str(one.number),
        f"{one.principal}/{one.client}",
        one.handle,
        str(began.position),
    )


def _ended(spell: Spell) -> str:
    renewed = f", renewed {spell.renewals:,} x" if spell.renewals else ""
    if spell.ended is None:
        return ("holds" if spell.party.role == "HOLDER" else "waits") + renewed
    return spell.ended.how.lower().replace("_", " ") + renewed
