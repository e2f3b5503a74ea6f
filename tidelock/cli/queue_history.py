"""`tidelock queue history`: what one message went through, from queue to queue, from the logs alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from streams.log.vocabulary import Vocabulary
from streams.replay.moment import AtEnd, AtTime, Moment, Target
from streams.replay.queues.biography import KIND, Biographer, Chapter, place_of
from streams.replay.queues.steps import Place
from streams.replay.queues.story import Sentence, sentences, standing
from tidelock.cli import options, show
from tidelock.cli.cause_facts import cause_facts
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.kinds import kind_named
from tidelock.cli.proof_view import proof_facts, show_proof
from tidelock.cli.rewinding import resource_name
from tidelock.cli.topics import bar, partitions_of, reader_of
from tidelock.cli.when import Calendar


def history(
    context: typer.Context,
    queue: Annotated[str, typer.Argument(help="The queue that has or had it.", callback=options.text)],
    message: Annotated[
        str, typer.Argument(help="The message's id: <shard>.<incarnation>.<number>.", callback=options.text)
    ],
    until: Annotated[str, typer.Option(help="Only what was by then. Default: now.", metavar="TIME")] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell what a message went through: enqueued, delivered to whom, given back and why, dead, moved, done.

    From the logs alone; each sentence with the time and the position of the record that proves it. A message that was
    moved is followed: back to the queue that it came from, and on to the one where it is. Exit code 1 if there is no
    such message. `tidelock rewind` says how times are written.

    Example: [green]tidelock queue history orders 0.281474976710657.42[/]
    """
    place = place_of(queue, message)
    if place is None:
        raise WrongUse(f"{message!r} is no message id. Give <shard>.<incarnation>.<number>, as it was told.")
    calendar, words = Calendar.now(utc), Vocabulary(kind_named(context, KIND))
    target: Target = AtTime(calendar.time_ms(until)) if until else AtEnd()
    resource_name(KIND, tenant, queue)
    chapters = asyncio.run(_read(find(home).need_kafka(), tenant, place, words, target, json))
    if json:
        show.as_json({"now": standing(chapters), "chapters": [_facts(each) for each in chapters]})
        return
    show.say(f"{queue} {message}: {standing(chapters)}", "bold")
    for chapter in chapters:
        _tell(chapter, calendar)


async def _read(
    kafka: str, tenant: str, place: Place, words: Vocabulary, target: Target, quiet: bool
) -> Sequence[Chapter]:
    await partitions_of(kafka, [KIND], None)
    with bar(quiet) as progress:
        task = progress.add_task(f"reading of {escape(place.queue)}", total=None)
        biographer = Biographer(
            reader_of(kafka), tenant, words, target,
            lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
        return await biographer.biography(place)


def _tell(chapter: Chapter, calendar: Calendar) -> None:
    place = chapter.place
    show.say("")
    show.say(f"In {place.queue}, as {place.id}", "bold cyan")
    for sentence in sentences(chapter):
        show.say(f"  {calendar.short(sentence.time_ms)}  {sentence.position}  {sentence.text}")
    show_proof(chapter.moment, _again(chapter.moment), calendar)


def _again(moment: Moment) -> str:
    return f"tidelock log tail --from {moment.last}"


def _facts(chapter: Chapter) -> dict[str, object]:
    place = chapter.place
    return {
        "queue": place.queue,
        "message": place.id,
        "steps": [_step(sentence) for sentence in sentences(chapter)],
        "proof": proof_facts(chapter.moment),
    }


def _step(sentence: Sentence) -> dict[str, object]:
    step = asdict(sentence.step)
    del step["place"], step["cause"]
    return cause_facts(sentence.step.cause) | step | {"text": sentence.text}
