"""Arguments and options that the commands of `tidelock node` and `tidelock service` share."""

from typing import Annotated, TypeAlias

import typer

from tidelock.cli import options
from tidelock.cli.census import AT_HELP
from tidelock.cli.exits import CliProblem

KIND = "nodes"


class NodeNeverThere(CliProblem):
    """The log knows no such node, or no such session of it."""

    code = "NEVER_USED"


Node: TypeAlias = Annotated[
    str, typer.Argument(help="The node's name, such as worker-7.", metavar="NODE", callback=options.text)
]
Service: TypeAlias = Annotated[
    str, typer.Argument(help="The service's name, such as prices.", metavar="SERVICE", callback=options.text)
]
Why: TypeAlias = Annotated[
    str, typer.Option("--why", help="For whoever reads the log later.", callback=options.text)
]
AtTime: TypeAlias = Annotated[str, typer.Option("--at", help=AT_HELP, metavar="TIME")]
At: TypeAlias = Annotated[
    str, typer.Option("--at", help=f"{options.AT_HELP} Default: now.", metavar="TIME|POSITION")
]
