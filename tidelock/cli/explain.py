"""`tidelock explain`: the story behind a lock's state, a node's end or a cache's line, each sentence with its proof."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.replay.locks.story import Section, story
from tidelock.cli import options, show
from tidelock.cli.cache_log import EntryAsked
from tidelock.cli.cache_run import KIND
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.explain_cache import explain_entry
from tidelock.cli.explain_node import explain_node
from tidelock.cli.kinds import kind_named, kinds_named
from tidelock.cli.proof_view import show_proof
from tidelock.cli.rewind import lock_name, rewound_lock
from tidelock.cli.rewind_view import again, headline, rewound_facts
from tidelock.cli.rewinding import checked_tenant
from tidelock.cli.when import Calendar


def explain(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="What it is: lock, node, or cache.", metavar="lock|node|cache")],
    name: Annotated[
        str,
        typer.Argument(
            help="Its name, such as orders/42; of a node also one of its sessions.",
            metavar="NAME",
            callback=options.text,
        ),
    ],
    entry: Annotated[
        str, typer.Argument(help="Of a cache: which entry.", metavar="[ENTRY]", callback=options.text)
    ] = "",
    at: Annotated[
        str, typer.Option("--at", help=f"{options.AT_HELP} Default: now.", metavar="TIME|POSITION")
    ] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell why a lock stands as it does: who asked, who was ahead, how it came free; why a node's session ended; or
    why a line of a cache was lost, or a write waited.

    Of a lock also who was refused; of a node the evidence, and what went with its latest session that ended in every
    kind; of an entry of a cache the latest lines that ended and commands that waited, for whom and for how long. From
    the logs alone; each sentence with the time and the position of the record that proves it
    (`tidelock log tail --from POSITION` shows that record).

    Example: [green]tidelock explain lock orders/42 --at -5m[/], [green]tidelock explain node worker-7[/],
    [green]tidelock explain cache prices sku/42[/]
    """
    if what in {"cache", "caches"}:
        calendar = Calendar.now(utc)
        asked = EntryAsked(tenant, name, entry, calendar.target(at))
        kind = kind_named(context, KIND)
        explained = explain_entry(find(home).need_kafka(), kind, asked, json=json)
        if json:
            show.as_json({"cache": name, "entry": entry, "story": [_facts(one) for one in explained]})
            return
        _tell(explained, calendar)
        if not explained:
            show.say("no line of it ended, and nobody waited for it")
        return
    if entry:
        raise WrongUse("Only caches have entries. Leave the second name out.")
    if what in {"node", "nodes"}:
        if at:
            raise WrongUse("Of a node, name the session instead of a time: tidelock explain node NAME:TOKEN.")
        kafka, tenant = find(home).need_kafka(), checked_tenant(tenant)
        explain_node(kafka, kinds_named(context, ""), tenant, name, Calendar.now(utc), json=json)
        return
    options.check_what(what)
    calendar, lock = Calendar.now(utc), lock_name(tenant, name)
    target = calendar.target(at)
    kafka = find(home).need_kafka()
    rewound = asyncio.run(rewound_lock(kafka, lock, target, quiet=json))
    sections = story(rewound.chronicle, rewound.moment)
    if json:
        show.as_json(rewound_facts(rewound, calendar) | {"story": [_facts(one) for one in sections]})
        return
    show.say(headline(rewound, target, calendar), "bold")
    _tell(sections, calendar)
    show_proof(rewound.moment, again(rewound), calendar)


def _tell(sections: Sequence[Section], calendar: Calendar) -> None:
    for section in sections:
        show.say("")
        show.say(section.title, "bold cyan")
        for line in section.lines:
            show.say(f"  {calendar.short(line.time_ms)}  {line.position}  {line.text}")


def _facts(section: Section) -> dict[str, object]:
    lines = [
        {"position": str(line.position), "time_ms": line.time_ms, "text": line.text} for line in section.lines
    ]
    return {"title": section.title, "lines": lines}
