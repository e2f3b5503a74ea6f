"""`tidelock service`: the commands for services, in the order in which `--help` shows them."""

import typer

from tidelock.cli import exits
from tidelock.cli.deferred import defer

service_app = typer.Typer(
    help="Services: who offers what, and who of them is healthy.\n\n"
    "Start with `tidelock service list`, `tidelock service watch SERVICE`.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

defer(
    service_app,
    "list",
    "tidelock.cli.service_look:list_services",
    "List all services that are offered: how many instances, how many of them healthy.",
)
defer(
    service_app,
    "show",
    "tidelock.cli.service_look:show_service",
    "Show a service in numbers, zone by zone. Exit code 1 if nobody can be called.",
)
defer(
    service_app,
    "instances",
    "tidelock.cli.service_look:instances",
    "Show the instances of a service: where, how healthy and why, which weight, whose. Exit code 1 if there are none.",
)
defer(
    service_app,
    "watch",
    "tidelock.cli.service_watch:watch",
    "Show the instances of a service now, and each change of them, until Ctrl-C.",
)
defer(
    service_app,
    "evict",
    "tidelock.cli.service_manage:evict",
    "Take an instance out of discovery, whoever offers it. Exit code 1 if it is not offered.",
)
