"""How a rewound lock is shown: who held, who waited, and the proof."""

import shlex

from streams.replay.moment import AtPosition, Moment, Target
from streams.replay.phrases import actor, duration
from streams.replay.rewind import LockName, Rewound
from streams.replay.spells import Spell
from tidelock.cli import options, show
from tidelock.cli.spell_facts import cause_facts, party_facts
from tidelock.cli.when import Calendar

SHOWN = 100
"""Holders, and waiters, in the table; JSON has all."""


def rewind_view(rewound: Rewound, target: Target, calendar: Calendar, json: bool) -> None:
    """Print the lock at its moment, and the proof."""
    if json:
        show.as_json(rewound_facts(rewound, calendar))
        return
    show.say(headline(rewound, target, calendar), "bold")
    if rewound.at.holds or rewound.at.waits:
        show.out.print(_table(rewound, calendar))
    changed = rewound.at.changed
    if changed is not None:
        show.say(
            f"changed last at {changed.position}, {calendar.shown(changed.time_ms)}, by {actor(changed)}"
        )
    show_proof(rewound, calendar)


def headline(rewound: Rewound, target: Target, calendar: Calendar) -> str:
    """Return the answer in one line."""
    at, moment = rewound.at, rewound.moment
    time_ms = getattr(target, "time_ms", moment.last_ms)
    place = f"{moment.last}, " if isinstance(target, AtPosition) else ""
    delay = ""
    if at.lock.delay_until > lease_ms(moment):
        delay = f", in its lock-delay for {duration(at.lock.delay_until - lease_ms(moment))} more"
    return (
        f"{rewound.lock.name} at {place}{calendar.shown(time_ms)} ({calendar.zone(time_ms)}): {at.mode}, "
        f"{len(at.holds):,} holding, {len(at.waits):,} waiting{delay}"
    )


def lease_ms(moment: Moment) -> int:
    """Return the partition's lease time at the moment, as its last commit has it."""
    return 0 if moment.commit is None else moment.commit.lease_ms


def _table(rewound: Rewound, calendar: Calendar) -> object:
    table = show.table(
        None, "who", "mode", "token or ticket", "since", "for", "left", "principal", "client", "handle",
        right=frozenset({"for", "left"}),
    )  # fmt: skip
    moment = rewound.moment
    for spells, verb in ((rewound.at.holds, "holds"), (rewound.at.waits, "waits")):
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


def show_proof(rewound: Rewound, calendar: Calendar) -> None:
    """Print what proves the moment, and how to get there again."""
    moment, commit = rewound.moment, rewound.moment.commit
    voids = ", ".join(f"{count:,} {reason}" for reason, count in moment.voids)
    passed = (
        f"{moment.records:,} records, {moment.commits:,} commits that count, {_void_count(moment):,} void"
    )
    show.say("")
    show.say(f"proof  log {moment.log_id.hex()}, generation {moment.generation}, partition {moment.where}")
    if commit is not None:
        show.say(
            f"       commit {commit.position} of {calendar.shown(commit.time_ms)}, lease time {commit.lease_ms:,}"
        )
    show.say(f"       head {moment.head.hex()} after {moment.last}")
    show.say(f"       passed {passed}" + (f" ({voids})" if voids else ""))
    if not moment.settled:
        show.say("       nothing is logged behind it yet; from the next record on, this answer is final")
    show.say(f"again  {again(rewound.lock, moment)}", "dim")


def _void_count(moment: Moment) -> int:
    return sum(count for _, count in moment.voids)


def again(lock: LockName, moment: Moment) -> str:
    """Return the command that gives the same answer for ever."""
    tenant = "" if lock.tenant == options.TENANT else f" --tenant {shlex.quote(lock.tenant)}"
    return f"tidelock rewind --at {moment.last} lock {shlex.quote(lock.name)}{tenant}"


def rewound_facts(rewound: Rewound, calendar: Calendar) -> dict[str, object]:
    """Return a rewound lock for machines."""
    at, moment = rewound.at, rewound.moment
    now = lease_ms(moment)
    return {
        "name": rewound.lock.name,
        "tenant": rewound.lock.tenant,
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


def proof_facts(moment: Moment) -> dict[str, object]:
    """Return what proves a moment, for machines."""
    commit = moment.commit
    return {
        "log_id": moment.log_id.hex(),
        "generation": moment.generation,
        "head": moment.head.hex(),
        "after": str(moment.last),
        "commit": None if commit is None else str(commit.position),
        "commit_ms": None if commit is None else commit.time_ms,
        "lease_ms": lease_ms(moment),
        "owner": moment.owner,
        "records": moment.records,
        "commits": moment.commits,
        "void": _void_count(moment),
        "voids": dict(moment.voids),
    }
