"""`tidelock node`: the commands for nodes, in the order in which `--help` shows them."""

import typer

from tidelock.cli import exits
from tidelock.cli.deferred import defer

node_app = typer.Typer(
    help="Nodes: who is alive, what became of them, and what to do about it.\n\n"
    "Start with `tidelock node list`, `tidelock node watch`; before maintenance `tidelock node drain NODE`.\n\n"
    "Draining, evicting and the brake take the operator's token: the local stack's is found by itself, that of other "
    "workers is TIDELOCK_OPERATOR_TOKEN, here as there.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

defer(
    node_app,
    "list",
    "tidelock.cli.node_look:list_nodes",
    "List all nodes: alive, suspected, ended; their health, load, zone, and when each was heard.",
)
defer(
    node_app,
    "show",
    "tidelock.cli.node_look:show_node",
    "Show one node: its session, what it says of itself, its checks, what its past asks for.",
)
defer(
    node_app,
    "watch",
    "tidelock.cli.node_events:watch",
    "Tell what becomes of nodes, and of the brake, as it happens, until Ctrl-C.",
)
defer(
    node_app,
    "events",
    "tidelock.cli.node_events:events",
    "Tell what became of a node: registered, suspected, died on which evidence, drained, evicted, swept.",
)
defer(
    node_app,
    "drain",
    "tidelock.cli.node_manage:drain",
    "Give a node no new work; it lives on and keeps what it has.",
)
defer(node_app, "undrain", "tidelock.cli.node_manage:undrain", "Give a node work again.")
defer(
    node_app,
    "evict",
    "tidelock.cli.node_manage:evict",
    "End a node's session: all that it holds goes to others. Exit code 1 if it has none.",
)
defer(
    node_app,
    "deregister",
    "tidelock.cli.node_manage:deregister",
    "End the session of a node whose program has ended without closing. Exit code 1 if it has none.",
)
defer(
    node_app,
    "brake",
    "tidelock.cli.node_brake:brake_app",
    "The brake: while it is pulled, what dead nodes held is not given away.",
)
