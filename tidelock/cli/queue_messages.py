"""`tidelock queue`: putting, taking, looking at, reviving and removing messages."""

from pathlib import Path
from typing import Annotated

import typer

from tidelock.cli import options, queue_view, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.exits import WrongUse
from tidelock.cli.queue_put import Load, put
from tidelock.cli.queue_run import Name, Sub, on_queue, on_source, state_of, tell
from tidelock.cli.queue_take import Wish, take
from tidelock.client.queues.terms import MessageOptions


def put_messages(
    queue: Name,
    payload: Annotated[
        str | None, typer.Argument(help="The message; without: standard input.", callback=options.text)
    ] = None,
    lines: Annotated[
        Path | None,
        typer.Option("--lines", help="A message for each line of this file; - is standard input."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Delivered in order within it.", callback=options.text)
    ] = None,
    key: Annotated[str | None, typer.Option(help="Decides the shard.", callback=options.text)] = None,
    priority: Annotated[int | None, typer.Option(help="9 is served first.", min=0, max=9)] = None,
    delay: Annotated[float, typer.Option(help="Not delivered earlier, s.", min=0, max=31_622_400)] = 0.0,
    dedup_id: Annotated[
        str | None, typer.Option(help="A second one with it is dropped.", callback=options.text)
    ] = None,
    header: Annotated[list[str] | None, typer.Option("--header", help="NAME=VALUE; several times.")] = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Put a message, or one for each line of a file, into a queue; print its id.

    Of a pipe, lines are put as they come. If some cannot be put, that is told by line, and the exit code is not 0.

    Example: [green]tidelock queue put orders '{"id": 42}' --group customer/7[/], or
    [green]tidelock queue put orders --lines orders.ndjson[/], or [green]./make-report | tidelock queue put reports[/]
    """
    if payload is not None and lines is not None:
        raise WrongUse("PAYLOAD and --lines do not go together. Leave one out.")
    if lines is not None and dedup_id is not None:
        raise WrongUse(
            "--dedup-id is one message's: of --lines, all but the first would be dropped. Leave it out, or put each "
            "message by itself with an id of its own."
        )
    said: MessageOptions = {
        "group": group, "key": key, "priority": priority, "delay": delay, "dedup_id": dedup_id,
        "headers": _headers(header or []),
    }  # fmt: skip
    on_queue(home, queue, lambda one: put(one, Load(payload, lines, said, json)))


def _headers(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if not all(name and equals for name, equals, _ in pairs):
        raise WrongUse("A header is NAME=VALUE. Write --header trace=42.")
    return {name: text for name, _, text in pairs}


def take_messages(
    queue: Name,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="Run this for each message, the payload is its input.", metavar="[-- COMMAND...]"
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="So many; 0: until Ctrl-C.", min=0)] = 1,
    wait: Annotated[
        float, typer.Option(help="Wait so long for each, s; with -n 0 for ever.", min=0, max=86_400)
    ] = 5.0,
    lease: Annotated[float | None, typer.Option(help="Length of the lease, s.", min=0.1)] = None,
    ack: Annotated[bool, typer.Option("--ack", help="Acknowledge each: it is gone (default).")] = False,
    nack: Annotated[
        bool, typer.Option("--nack", help="Fail each: it comes again after the backoff.")
    ] = False,
    hold: Annotated[
        bool, typer.Option("--lease-only", help="Leave each leased, and tell its receipt.")
    ] = False,
    reason: Annotated[str, typer.Option(help="With --nack: why.", callback=options.text)] = "by hand",
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Take messages: print each and acknowledge it, or run COMMAND for it and acknowledge if that succeeds.

    Standard output gets the payloads, standard error what became of each. A newline follows text; bytes that are no
    text are written as they are (a terminal and --json get base64): take such one by one, or with --json.
    COMMAND finds the id in TIDELOCK_MESSAGE and the attempt in TIDELOCK_ATTEMPT; the lease is extended while it runs.
    What --lease-only leaves is settled by `tidelock queue ack`, `nack` and `extend`.
    The exit code is 1 if no message came or one failed.

    Example: [green]tidelock queue take orders[/], or [green]tidelock queue take orders -n 0 -- ./ship.sh[/]
    """
    if ack + nack + hold + bool(command) > 1:
        raise WrongUse("Choose one of --ack, --nack, --lease-only and COMMAND.")
    outcome = "exec" if command else "nack" if nack else "lease" if hold else "ack"
    wish = Wish(count, wait, lease, outcome, tuple(command or ()), reason, json, subscription)
    raise typer.Exit(on_source(home, queue, subscription, lambda source: take(source, wish)))


def peek(
    queue: Name,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=100_000)] = 20,
    state: Annotated[
        str, typer.Option(help="Only READY, DELAYED, LEASED, DEAD or MOVING ones.", case_sensitive=False)
    ] = "",
    after: Annotated[str, typer.Option(help="Behind the message with this id.", callback=options.text)] = "",
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Look at messages without taking them, shard by shard in the order of their numbers.

    With --json, one object a line. Example: [green]tidelock queue peek orders --state DELAYED[/]
    """
    wanted = state_of(state, ("READY", "DELAYED", "LEASED", "DEAD", "MOVING")) if state else None
    views = on_source(
        home, queue, subscription, lambda one: one.peek(limit, state=wanted, after=after or None)
    )
    queue_view.peeked(queue, views, json)


def dead(
    queue: Name,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=100_000)] = 20,
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show the dead letters that are in a queue, and why they died.

    Those of a queue with a dead-letter queue are there: `tidelock queue peek` it.
    Example: [green]tidelock queue dead orders[/]
    """
    views = on_source(home, queue, subscription, lambda one: one.peek(limit, state="DEAD"))
    queue_view.peeked(queue, views, json)


def stats(queue: Name, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Show how many messages a queue holds, in which state, and how old the oldest is: never stale.

    Example: [green]tidelock queue stats orders --json[/]
    """
    queue_view.report(on_queue(home, queue, lambda one: one.stats()), json)


def redrive(
    queue: Name,
    messages: Annotated[
        list[str] | None, typer.Argument(help="Ids; without: all that fit.", metavar="[ID...]")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Into this queue; without: here.", callback=options.text)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Only those of this group.", callback=options.text)
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only if the reason holds this text.", callback=options.text)
    ] = None,
    limit: Annotated[int | None, typer.Option(help="So many at most.", min=1)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Give dead letters new attempts, oldest first.

    Example: [green]tidelock queue redrive orders --reason Timeout --dry-run[/]
    """
    chosen = on_source(
        home, queue, subscription,
        lambda one: one.redrive(
            *(messages or ()), to=to, group=group, reason=reason, limit=limit, dry_run=dry_run
        ),
    )  # fmt: skip
    ids = [str(each) for each in chosen]
    if json:
        show.as_json({"queue": queue, "messages": ids, "dry_run": dry_run})
    elif dry_run:
        show.say("\n".join([f"would redrive {len(ids)} messages of {queue}", *ids]))
    else:
        show.say(f"redrove {show.number(len(ids))} messages of {queue}{f' to {to}' if to else ''}")


def purge(
    queue: Name,
    state: Annotated[str, typer.Option(help="READY, DELAYED or DEAD.", case_sensitive=False)] = "READY",
    limit: Annotated[int | None, typer.Option(help="So many at most.", min=1)] = None,
    yes: Yes = False,
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Remove messages for good, oldest first; never those that are leased.

    Example: [green]tidelock queue purge orders --state DEAD --yes[/]
    """
    wanted = state_of(state, ("READY", "DELAYED", "DEAD"))
    ask(f"Remove the {wanted} messages of {queue} for good?", yes=yes)
    count = on_source(home, queue, subscription, lambda one: one.purge(wanted, limit=limit))
    tell(json, queue, "purged", f"removed {show.number(count)} messages of {queue}", messages=count)
