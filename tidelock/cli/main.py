"""The entry point: builds the application, and turns every expected error into one line and an exit code."""

import logging
import sys
from typing import NoReturn

import typer

from tidelock.cli import exits
from tidelock.cli.env import environment
from tidelock.cli.feature import feature_app
from tidelock.cli.lock import lock_app
from tidelock.cli.log import log_app
from tidelock.cli.show import complain, debugging
from tidelock.cli.status import status
from tidelock.cli.up import up
from tidelock.cli.verify import verify
from tidelock.cli.workload import workload_app

app = typer.Typer(
    name="tidelock",
    help="Tidelock: locks on a log you can rewind.\n\n"
    "Start with `tidelock up`, then `tidelock lock acquire orders/42` in another terminal, `tidelock status`, "
    "and `tidelock log tail` to see what was logged.",
    epilog=exits.HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
app.command("up")(up)
app.command("status")(status)
app.command("env")(environment)
app.add_typer(feature_app, name="feature")
app.add_typer(lock_app, name="lock")
app.add_typer(log_app, name="log")
app.command("verify")(verify)
app.add_typer(workload_app, name="workload")


def main() -> NoReturn:
    """Run the command line: errors that can happen become one line and an exit code (see `exits`)."""
    if not debugging():
        logging.getLogger("aiokafka").setLevel(
            logging.CRITICAL
        )  # what matters arrives as an error, told once
    try:
        app()
    except exits.EXPECTED as error:
        if debugging():
            raise
        complain(error.code, str(error))
        sys.exit(exits.exit_code_of(error))
    except Exception as error:  # the last line of defence: a bug is told in one line, too
        if debugging():
            raise
        complain("BUG", f"{error!r}. Please report it, with what TIDELOCK_DEBUG=1 shows.")
        sys.exit(exits.BUG)
    sys.exit(exits.OK)


if __name__ == "__main__":
    main()
