"""`tidelock queue`: making, changing, spreading and removing queues."""

from typing import Annotated, Any

import typer

from tidelock.cli import options, queue_view, show
from tidelock.cli.exits import WrongUse
from tidelock.cli.queue_run import Name, on_queue, tell
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.resizing import ResizeProgress
from tidelock.client.queues.terms import QueueOptions

MaxAttempts = Annotated[
    int | None, typer.Option(help="Deliveries before a message is a dead letter.", min=1, max=1_000)
]
Lease = Annotated[
    float | None, typer.Option(help="How long a consumer may be silent, s.", min=0.1, max=43_200)
]
BackoffMin = Annotated[
    float | None, typer.Option(help="Pause before the second attempt, s.", min=0, max=86_400)
]
BackoffMax = Annotated[float | None, typer.Option(help="Longest pause, s.", min=0, max=86_400)]
DeadLetters = Annotated[
    str | None,
    typer.Option(
        "--dead-letter-queue", help="Where dead letters go; '': they stay here.", callback=options.text
    ),
]
Dedup = Annotated[
    float | None, typer.Option(help="How long a dedup id is known, s; 0: not.", min=0, max=604_800)
]
MaxDepth = Annotated[int | None, typer.Option(help="Messages in one shard.", min=1, max=10_000_000)]
Overflow = Annotated[str | None, typer.Option(help="Where there is no room: REFUSE or DEAD_LETTER_OLDEST.")]
Priority = Annotated[
    int | None, typer.Option("--default-priority", help="0 to 9; 9 is served first.", min=0, max=9)
]
Aging = Annotated[
    float | None, typer.Option(help="One priority higher for each so many s of waiting; 0: never.", min=0)
]


def _options(**given: Any) -> QueueOptions:
    """Return those that were given."""
    said: QueueOptions = {name: each for name, each in given.items() if each is not None}  # type: ignore[assignment]
    if said.get("dead_letter_queue") == "":
        said["dead_letter_queue"] = None
    if said.get("overflow") not in (None, "REFUSE", "DEAD_LETTER_OLDEST"):
        raise WrongUse("--overflow is REFUSE or DEAD_LETTER_OLDEST. Choose one.")
    return said


def create(
    queue: Name,
    shards: Annotated[
        int, typer.Option(help="Spread it over so many partitions' owners.", min=1, max=64)
    ] = 1,
    max_attempts: MaxAttempts = None,
    lease: Lease = None,
    backoff_min: BackoffMin = None,
    backoff_max: BackoffMax = None,
    dead_letter_queue: DeadLetters = None,
    dedup_window: Dedup = None,
    max_depth: MaxDepth = None,
    overflow: Overflow = None,
    default_priority: Priority = None,
    aging: Aging = None,
    broadcast: Annotated[
        bool, typer.Option("--broadcast", help="Every message goes to each subscription.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Make a queue. If it is there with the same settings, that is fine; with others, the exit code is 1.

    Example: [green]tidelock queue create orders --max-attempts 3 --dead-letter-queue orders-dead[/]
    """
    said = _options(
        max_attempts=max_attempts, lease=lease, backoff_min=backoff_min, backoff_max=backoff_max,
        dead_letter_queue=dead_letter_queue, dedup_window=dedup_window, max_depth=max_depth, overflow=overflow,
        default_priority=default_priority, aging=aging, broadcast=broadcast or None,
    )  # fmt: skip
    on_queue(home, queue, lambda one: one.create(shards=shards, **said))
    tell(json, queue, "created", f"created {queue}, {shards} shards", shards=shards)


def configure(
    queue: Name,
    max_attempts: MaxAttempts = None,
    lease: Lease = None,
    backoff_min: BackoffMin = None,
    backoff_max: BackoffMax = None,
    dead_letter_queue: DeadLetters = None,
    dedup_window: Dedup = None,
    max_depth: MaxDepth = None,
    overflow: Overflow = None,
    default_priority: Priority = None,
    aging: Aging = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Change some settings of a queue; the others stay. Without any option it shows them.

    Example: [green]tidelock queue configure orders --lease 120[/]
    """
    said = _options(
        max_attempts=max_attempts, lease=lease, backoff_min=backoff_min, backoff_max=backoff_max,
        dead_letter_queue=dead_letter_queue, dedup_window=dedup_window, max_depth=max_depth, overflow=overflow,
        default_priority=default_priority, aging=aging,
    )  # fmt: skip
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
            status.update(_progress(queue, reached))

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
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Have a broadcast queue keep messages for one more subscription, from now on.

    Example: [green]tidelock queue subscribe events billing[/]
    """

    async def change(one: Queue[bytes]) -> None:
        chosen = one.subscription(subscription)
        await (chosen.remove() if remove else chosen.add())

    on_queue(home, queue, change)
    done = "removed" if remove else "added"
    tell(json, queue, done, f"{done} subscription {subscription} of {queue}", subscription=subscription)
