"""The entry point: builds the application, and turns every expected error into one line and an exit code."""

import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import typer

from streams.catalog import KINDS
from streams.domain.kind import KindSpec
from tidelock.cli import exits
from tidelock.cli.env import environment
from tidelock.cli.events import events
from tidelock.cli.explain import explain
from tidelock.cli.feature import feature_app
from tidelock.cli.lock import lock_app
from tidelock.cli.log import log_app
from tidelock.cli.projection import projection_app
from tidelock.cli.queue import queue_app
from tidelock.cli.rewind import rewind
from tidelock.cli.show import complain, debugging
from tidelock.cli.state import state
from tidelock.cli.status import status
from tidelock.cli.up import up
from tidelock.cli.verify import verify
from tidelock.cli.workload import workload_app

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


app = typer.Typer(
    name="tidelock",
    help="Tidelock: locks and queues on a log you can rewind.\n\n"
    "Start with `tidelock up`, then `tidelock lock acquire orders/42` in another terminal, "
    "`tidelock queue put orders hello`, `tidelock status`, "
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
app.add_typer(projection_app, name="projection")
app.command("state")(state)
app.command("events")(events)
app.add_typer(queue_app, name="queue")
app.command("rewind")(rewind)
app.command("explain")(explain)
app.command("verify")(verify)
app.add_typer(workload_app, name="workload")


def main(kinds: Sequence[KindSpec] = KINDS) -> NoReturn:
    """Run the command line over `kinds`: errors that can happen become one line and an exit code (see `exits`)."""
    if not debugging():
        logging.getLogger("aiokafka").setLevel(
            logging.CRITICAL
        )  # what matters arrives as an error, told once
    try:
        _run(kinds)
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


def _run(kinds: Sequence[KindSpec]) -> None:
    """Run the application until all that it printed is written. Raises `OutputLost`, `WrongUse`, and its errors."""
    try:
        app(obj=kinds)
    except OSError as error:
        if error.errno in _FULL:
            raise exits.OutputLost(error) from error
        raise
    except UnicodeEncodeError as error:
        if not _is_undecoded(error.object[error.start : error.end]):
            raise
        raise exits.WrongUse(
            "An argument or a TIDELOCK_ variable is not UTF-8. Write it in UTF-8."
        ) from error
    finally:
        _flush()


def _is_undecoded(text: str) -> bool:
    """Whether `text` stands for bytes of an argument or of the environment that are not UTF-8 (PEP 383)."""
    return all("\udc80" <= each <= "\udcff" for each in text)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        # else the interpreter tries once more when it ends, fails again, and makes its own exit code of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise exits.OutputLost(error) from error


if __name__ == "__main__":
    main()
