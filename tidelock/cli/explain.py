"""`tidelock explain`: the story that led to a lock's state, sentence by sentence, each with its position."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.replay.locks.story import Section, story
from tidelock.cli import options, show
from tidelock.cli.discovery import find
from tidelock.cli.proof_view import show_proof
from tidelock.cli.rewind import lock_name, rewound_lock
from tidelock.cli.rewind_view import again, headline, rewound_facts
from tidelock.cli.when import Calendar


def explain(
    what: options.What,
    name: options.OldName,
    at: Annotated[
        str, typer.Option("--at", help=f"{options.AT_HELP} Default: now.", metavar="TIME|POSITION")
    ] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell why a lock stands, or stood, as it does: who asked, who was ahead, how it came free, who was refused.

    From the partition's log alone; each sentence with the time and the position of the record that proves it
    (`tidelock log tail --from POSITION` shows that record).

    Example: [green]tidelock explain lock orders/42 --at -5m[/]
    """
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
