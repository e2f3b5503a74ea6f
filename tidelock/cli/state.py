"""`tidelock state`: a resource of any kind as it stands, or stood at a moment, from the log alone, with the proof."""

import asyncio
import shlex
from typing import Annotated

import typer

from streams.log.vocabulary import Vocabulary
from streams.replay.plain import plain
from streams.replay.resource import KeyChronicle, ResourceName
from streams.replay.rewind import Rewound
from tidelock.cli import options, show
from tidelock.cli.cause_facts import cause_facts, who_of
from tidelock.cli.discovery import find
from tidelock.cli.kinds import kind_named
from tidelock.cli.proof_view import proof_facts, show_proof
from tidelock.cli.rewinding import resource_name, rewound_with_bar
from tidelock.cli.when import Calendar


def state(
    context: typer.Context,
    kind: options.OneKind,
    name: options.Name,
    at: Annotated[
        str, typer.Option("--at", help=f"{options.AT_HELP} Default: now.", metavar="TIME|POSITION")
    ] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show a resource of any kind as it stands, or stood at a moment, field by field.

    Folded from the partition's log alone, by the kind's own decider, with the proof; no database and no worker is
    asked. Of what holds many things, the first 100 are shown. What a kind says of itself in better words has commands
    of its own: `tidelock rewind`, `tidelock lock show`.

    Example: [green]tidelock state locks orders/42 --at -5m[/]
    """
    calendar, words = Calendar.now(utc), Vocabulary(kind_named(context, kind))
    resource, target = resource_name(kind, tenant, name), calendar.target(at)
    kafka, chronicle = find(home).need_kafka(), KeyChronicle(resource_name(kind, tenant, name).key, words)
    rewound = asyncio.run(rewound_with_bar(kafka, resource, words, target, chronicle, quiet=json))
    if json:
        show.as_json(_facts(rewound, calendar))
    else:
        _show(rewound, calendar)


def _show(rewound: Rewound[KeyChronicle], calendar: Calendar) -> None:
    resource, moment, chronicle = rewound.resource, rewound.moment, rewound.chronicle
    time_ms, shown = moment.last_ms, plain(chronicle.state)
    show.say(
        f"{resource.kind} {resource.name} at {moment.last}, {calendar.shown(time_ms)} ({calendar.zone(time_ms)})"
        + (": nothing is there" if shown is None else ""),
        "bold",
    )
    if shown is not None:
        table = show.table(None, "field", "value")
        for field, value in shown.items() if isinstance(shown, dict) else [("value", shown)]:
            table.add_row(show.literal(field), show.literal(show.compact(value)))
        show.out.print(table)
    changed = chronicle.changed
    if changed is not None:
        by = f"{changed.command} of {who_of(changed)}"
        show.say(f"changed last at {changed.position}, {calendar.shown(changed.time_ms)}, by {by}")
    if chronicle.failed_timer is not None:
        show.say(f"its timer failed: {chronicle.failed_timer}", "red")
    show_proof(moment, _again(resource, str(moment.last)), calendar)


def _again(resource: ResourceName, position: str) -> str:
    tenant = "" if resource.tenant == options.TENANT else f" --tenant {shlex.quote(resource.tenant)}"
    return f"tidelock state {resource.kind} {shlex.quote(resource.name)} --at {position}{tenant}"


def _facts(rewound: Rewound[KeyChronicle], calendar: Calendar) -> dict[str, object]:
    resource, moment, chronicle = rewound.resource, rewound.moment, rewound.chronicle
    return {
        "kind": resource.kind,
        "name": resource.name,
        "tenant": resource.tenant,
        "position": str(moment.last),
        "time": calendar.shown(moment.last_ms),
        "time_ms": moment.last_ms,
        "settled": moment.settled,
        "state": plain(chronicle.state),
        "changed": None if chronicle.changed is None else cause_facts(chronicle.changed),
        "failed_timer": chronicle.failed_timer,
        "proof": proof_facts(moment),
    }
