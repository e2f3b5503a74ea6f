"""`tidelock service evict`: what operators do to one instance."""

from typing import Annotated

import typer

from streams.domain.nodes.commands import EvictInstance
from streams.domain.nodes.replies import InstanceClosed
from tidelock.cli import exits, options, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.connected import as_operator
from tidelock.cli.node_options import KIND, Service, Why

Instance = Annotated[
    str, typer.Argument(help="The instance's name.", metavar="INSTANCE", callback=options.text)
]


def evict(
    service: Service,
    instance: Instance,
    why: Why = "",
    yes: Yes = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Take an instance out of discovery, whoever offers it. Exit code 1 if it is not offered.

    Its program is not asked, keeps its node's session and all else that it has; it may offer the instance anew, and
    does with its node's next session: `tidelock node evict` and `tidelock node drain` are for whole nodes.

    Example: [green]tidelock service evict prices worker-7 --why 'answers nonsense'[/]
    """
    ask(f"Take {instance} of {service} out of discovery?", yes=yes)
    closed: InstanceClosed = as_operator(
        home, lambda client: client.command(KIND, EvictInstance(service, instance, why))
    )
    told = f"{instance} of {service} is offered no longer" if closed.ended else f"{service} has no {instance}"
    show.done({"service": service, "instance": instance, "evicted": closed.ended}, told, json=json)
    if not closed.ended:
        raise typer.Exit(exits.NO)
