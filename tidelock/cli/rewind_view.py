"""How a rewound lock is shown: who held, who waited, and the proof."""

import shlex

from streams.replay.locks.chronicle import LockChronicle
from streams.replay.locks.phrases import actor, duration
from streams.replay.locks.spells import Spell
from streams.replay.moment import AtPosition, Moment, Target
from streams.replay.rewind import Rewound
from tidelock.cli import options, show
from tidelock.cli.cause_facts import cause_facts
from tidelock.cli.proof_view import lease_ms, proof_facts, show_proof
from tidelock.cli.spell_facts import party_facts
from tidelock.cli.when import Calendar

Lock = Rewound[LockChronicle]
SHOWN = 100
"""Holders, and waiters, in the table; JSON has all."""


def rewind_view(rewound: Lock, target: Target, calendar: Calendar, json: bool) -> None:
    """Print the lock at its moment, and the proof."""
    if json:
        show.as_json(rewound_facts(rewound, calendar))
        return
    at = rewound.chronicle.at()
    show.say(headline(rewound, target, calendar), "bold")
    if at.holds or at.waits:
        show.out.print(_table(rewound, calendar))
    changed = at.changed
    if changed is not None:
        show.say(
            f"changed last at {changed.position}, {calendar.shown(changed.time_ms)}, by {actor(changed)}"
        )
    show_proof(rewound.moment, again(rewound), calendar)


def headline(rewound: Lock, target: Target, calendar: Calendar) -> str:
    """Return the answer in one line."""
    at, moment = rewound.chronicle.at(), rewound.moment
    time_ms = getattr(target, "time_ms", moment.last_ms)
    place = f"{moment.last}, " if isinstance(target, AtPosition) else ""
    delay = ""
    if at.lock.delay_until > lease_ms(moment):
        delay = f", in its lock-delay for {duration(at.lock.delay_until - lease_ms(moment))} more"
    return (
        f"{rewound.resource.name} at {place}{calendar.shown(time_ms)} ({calendar.zone(time_ms)}): {at.mode}, "
        f"{len(at.holds):,} holding, {len(at.waits):,} waiting{delay}"
    )


def _table(rewound: Lock, calendar: Calendar) -> object:
    table = show.table(
        None, "who", "mode", "token or ticket", "since", "for", "left", "principal", "client", "handle",
        right=frozenset({"for", "left"}),
    )  # fmt: skip
    at, moment = rewound.chronicle.at(), rewound.moment
    for spells, verb in ((at.holds, "holds"), (at.waits, "waits")):
        for spell in spells[:SHOWN]:
            table.add_row(verb, *_row(spell, moment, calendar))
        if len(spells) > SHOWN:
            table.add_row(f"and {len(spells) - SHOWN:,} more")
    return table


def _row(spell: Spell, moment: Moment, calendar: Calendar) -> tuple[str, ...]:
    one, since = spell.party, spell.since.time_ms
    now_ms = moment.last_ms if moment.commit is None else moment.commit.time_ms
    left = spell.until_lease_ms - lease_ms(moment)
    mode = one.mode if spell.upgrade_of is None or one.role == "HOLDER" else "upgrade"
    return (
        mode, str(one.number), calendar.short(since), duration(now_ms - since),
        duration(left) if left > 0 else "over", one.principal, one.client, one.handle,
    )  # fmt: skip


def again(rewound: Lock) -> str:
    """Return the command that gives the same answer for ever."""
    lock, last = rewound.resource, rewound.moment.last
    tenant = "" if lock.tenant == options.TENANT else f" --tenant {shlex.quote(lock.tenant)}"
    return f"tidelock rewind --at {last} lock {shlex.quote(lock.name)}{tenant}"


def rewound_facts(rewound: Lock, calendar: Calendar) -> dict[str, object]:
    """Return a rewound lock for machines."""
    at, moment = rewound.chronicle.at(), rewound.moment
    now = lease_ms(moment)
    return {
        "name": rewound.resource.name,
        "tenant": rewound.resource.tenant,
        "partition": moment.where.partition,
        "position": str(moment.last),
        "time": calendar.shown(moment.last_ms),
        "time_ms": moment.last_ms,
        "settled": moment.settled,
        "mode": at.mode,
        "delay_until": at.lock.delay_until or None,
        "holders": [_open_facts(spell, now) for spell in at.holds],
        "waiters": [_open_facts(spell, now) for spell in at.waits],
        "changed": None if at.changed is None else cause_facts(at.changed),
        "proof": proof_facts(moment),
    }


def _open_facts(spell: Spell, now: int) -> dict[str, object]:
    return party_facts(spell.party) | {
        "sequence": spell.sequence,
        "since": str(spell.since.position),
        "since_ms": spell.since.time_ms,
        "until_lease_ms": spell.until_lease_ms,
        "left_ms": max(0, spell.until_lease_ms - now),
        "priority": spell.priority,
        "upgrade_of": spell.upgrade_of,
        "transaction": None if spell.transaction is None else spell.transaction.id,
    }
