"""`tidelock queue`: making, changing, spreading and removing queues."""

from typing import Annotated

import typer

from tidelock.cli import options, queue_view, show
from tidelock.cli.queue_run import Name, on_queue, tell
from tidelock.cli.queue_settings import with_settings
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.resizing import ResizeProgress
from tidelock.client.queues.terms import QueueOptions


@with_settings
def create(
    queue: Name,
    said: QueueOptions,
    shards: Annotated[
        int, typer.Option(help="Spread it over so many partitions' owners.", min=1, max=64)
    ] = 1,
    broadcast: Annotated[
        bool, typer.Option("--broadcast", help="Every message goes to each subscription.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Make a queue. If it is there with the same settings, that is fine; with others, the exit code is 1.

    Example: [green]tidelock queue create orders --max-attempts 3 --dead-letter-queue orders-dead[/]
    """
    if broadcast:
        said["broadcast"] = True
    on_queue(home, queue, lambda one: one.create(shards=shards, **said))
    tell(json, queue, "created", f"created {queue}, {shards} shards", shards=shards)


@with_settings
def configure(
    queue: Name,
    said: QueueOptions,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Change some settings of a queue; the others stay. Without any option it shows them.

    Example: [green]tidelock queue configure orders --lease 120[/]
    """
    settings = on_queue(home, queue, lambda one: one.configure(**said))
    queue_view.settings(queue, settings, json)


def delete(
    queue: Name,
    force: Annotated[bool, typer.Option("--force", help="With all messages that are still in it.")] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Remove a queue; unless --force, only if it is empty (else the exit code is 1).

    Example: [green]tidelock queue delete orders-dead[/]
    """
    count = on_queue(home, queue, lambda one: one.delete(force=force))
    tell(json, queue, "deleted", f"deleted {queue}, with {show.number(count)} messages", messages=count)


def resize(
    queue: Name,
    shards: Annotated[int, typer.Argument(help="How many there shall be.", min=1, max=64)],
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Begin, and let a later call of this end it.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Spread a queue over another number of shards, while it is used.

    Groups keep their order: those that move are drained first, and the window of dedup ids passes, so it takes as long.
    Interrupted, run it again. Example: [green]tidelock queue resize orders 4[/]
    """
    with show.err.status("") as status:

        def told(reached: ResizeProgress) -> None:
            status.update(show.literal(_progress(queue, reached)))

        reached = on_queue(home, queue, lambda one: one.resize(shards, wait=not no_wait, progress=told))
    text = f"{queue} has {shards} shards" if reached.done else _progress(queue, reached)
    tell(json, queue, "resized" if reached.done else "resizing", text, shards=shards)


def _progress(queue: str, reached: ResizeProgress) -> str:
    left = f", {show.number(reached.left)} messages are left where shards go" if reached.left else ""
    return f"{queue}: {reached.drained} of {reached.involved} shards are drained{left}"


def pause(queue: Name, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Deliver nothing until `tidelock queue resume`; putting and settling go on.

    Example: [green]tidelock queue pause orders[/]
    """
    on_queue(home, queue, lambda one: one.pause())
    tell(json, queue, "paused", f"paused {queue}")


def resume(queue: Name, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Deliver again.

    Example: [green]tidelock queue resume orders[/]
    """
    on_queue(home, queue, lambda one: one.resume())
    tell(json, queue, "resumed", f"resumed {queue}")


def subscribe(
    queue: Name,
    subscription: Annotated[str, typer.Argument(help="Its name.", callback=options.text)],
    remove: Annotated[
        bool, typer.Option("--remove", help="Forget it, and what it has not acknowledged.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --remove: also its dead letters.")] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Have a broadcast queue keep messages for one more subscription, from now on.

    Example: [green]tidelock queue subscribe events billing[/]
    """

    async def change(one: Queue[bytes]) -> None:
        chosen = one.subscription(subscription)
        await (chosen.remove(force=force) if remove else chosen.add())

    on_queue(home, queue, change)
    done = "removed" if remove else "added"
    tell(json, queue, done, f"{done} subscription {subscription} of {queue}", subscription=subscription)
