"""`tidelock queue`: the commands for queues, in the order in which `--help` shows them."""

import typer

from tidelock.cli import exits
from tidelock.cli.deferred import defer

queue_app = typer.Typer(
    help="Make, fill, empty and look at queues.\n\n"
    "Start with `tidelock queue create orders`, `tidelock queue put orders hello`, `tidelock queue take orders`.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

defer(
    queue_app,
    "create",
    "tidelock.cli.queue_manage:create",
    "Make a queue. If it is there with the same settings, that is fine; with others, the exit code is 1.",
)
defer(
    queue_app,
    "put",
    "tidelock.cli.queue_messages:put_messages",
    "Put a message, or one for each line of a file, into a queue; print its id.",
)
defer(
    queue_app,
    "take",
    "tidelock.cli.queue_messages:take_messages",
    "Take messages: print each and acknowledge it, or run COMMAND for it and acknowledge if that succeeds.",
)
defer(
    queue_app,
    "ack",
    "tidelock.cli.queue_receipts:ack",
    "Acknowledge leased messages: they are gone. Exit code 1 if a receipt holds no longer.",
)
defer(
    queue_app,
    "nack",
    "tidelock.cli.queue_receipts:nack",
    "Give leased messages back, as failed. Exit code 1 if a receipt holds no longer.",
)
defer(
    queue_app,
    "extend",
    "tidelock.cli.queue_receipts:extend",
    "Keep leased messages for longer. Exit code 1 if a receipt holds no longer.",
)
defer(
    queue_app,
    "peek",
    "tidelock.cli.queue_messages:peek",
    "Look at messages without taking them, shard by shard in the order of their numbers.",
)
defer(
    queue_app,
    "stats",
    "tidelock.cli.queue_messages:stats",
    "Show how many messages a queue holds, in which state, and how old the oldest is: never stale.",
)
defer(
    queue_app,
    "dead",
    "tidelock.cli.queue_messages:dead",
    "Show the dead letters that are in a queue, and why they died.",
)
defer(
    queue_app,
    "redrive",
    "tidelock.cli.queue_messages:redrive",
    "Give dead letters new attempts, oldest first.",
)
defer(
    queue_app,
    "purge",
    "tidelock.cli.queue_messages:purge",
    "Remove messages for good, oldest first; never those that are leased.",
)
defer(
    queue_app,
    "history",
    "tidelock.cli.queue_history:history",
    "Tell what a message went through: enqueued, delivered to whom, given back and why, dead, moved, done.",
)
defer(
    queue_app,
    "configure",
    "tidelock.cli.queue_manage:configure",
    "Change some settings of a queue; the others stay. Without any option it shows them.",
)
defer(
    queue_app,
    "pause",
    "tidelock.cli.queue_manage:pause",
    "Deliver nothing until `tidelock queue resume`; putting and settling go on.",
)
defer(queue_app, "resume", "tidelock.cli.queue_manage:resume", "Deliver again.")
defer(
    queue_app,
    "resize",
    "tidelock.cli.queue_manage:resize",
    "Spread a queue over another number of shards, while it is used.",
)
defer(
    queue_app,
    "subscribe",
    "tidelock.cli.queue_manage:subscribe",
    "Have a broadcast queue keep messages for one more subscription, from now on.",
)
defer(
    queue_app,
    "delete",
    "tidelock.cli.queue_manage:delete",
    "Remove a queue; unless --force, only if it is empty (else the exit code is 1).",
)
