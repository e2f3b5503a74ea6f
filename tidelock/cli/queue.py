"""`tidelock queue`: the commands for queues, in the order in which `--help` shows them."""

import typer

from tidelock.cli import exits, queue_manage, queue_messages, queue_receipts
from tidelock.cli.queue_history import history

queue_app = typer.Typer(
    help="Make, fill, empty and look at queues.\n\n"
    "Start with `tidelock queue create orders`, `tidelock queue put orders hello`, `tidelock queue take orders`.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

queue_app.command("create")(queue_manage.create)
queue_app.command("put")(queue_messages.put_messages)
queue_app.command("take")(queue_messages.take_messages)
queue_app.command("ack")(queue_receipts.ack)
queue_app.command("nack")(queue_receipts.nack)
queue_app.command("extend")(queue_receipts.extend)
queue_app.command("peek")(queue_messages.peek)
queue_app.command("stats")(queue_messages.stats)
queue_app.command("dead")(queue_messages.dead)
queue_app.command("redrive")(queue_messages.redrive)
queue_app.command("purge")(queue_messages.purge)
queue_app.command("history")(history)
queue_app.command("configure")(queue_manage.configure)
queue_app.command("pause")(queue_manage.pause)
queue_app.command("resume")(queue_manage.resume)
queue_app.command("resize")(queue_manage.resize)
queue_app.command("subscribe")(queue_manage.subscribe)
queue_app.command("delete")(queue_manage.delete)
