"""The entry point: builds the application, and turns every expected error into one line and an exit code."""

import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import typer

from streams.domain.kind import KindSpec
from tidelock.cli import exits
from tidelock.cli.cures import typed_cures
from tidelock.cli.deferred import defer
from tidelock.cli.show import complain, debugging

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

app = typer.Typer(
    name="tidelock",
    help="Tidelock: locks, queues and caches on a log you can rewind.\n\n"
    "Start with `tidelock up`, then `tidelock lock acquire orders/42` in another terminal, "
    "`tidelock queue put orders hello`, `tidelock cache put prices sku/42 1999`, `tidelock status`, "
    "and `tidelock log tail` to see what was logged.",
    epilog=exits.HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
defer(
    app, "up", "tidelock.cli.up:up", "Start the whole stack on this machine and keep it running until Ctrl-C."
)
defer(
    app,
    "status",
    "tidelock.cli.status:status",
    "Show each partition's owner, its health, and how far it is behind.",
)
defer(
    app,
    "env",
    "tidelock.cli.env:environment",
    "Print the settings that let programs of this machine reach the running stack.",
)
defer(
    app,
    "state",
    "tidelock.cli.state:state",
    "Show a resource of any kind as it stands, or stood at a moment, field by field.",
)
defer(
    app,
    "events",
    "tidelock.cli.events:events",
    "Show every decision on a resource of any kind: when, who, which command, what it caused, what was answered.",
)
defer(
    app,
    "rewind",
    "tidelock.cli.rewind:rewind",
    "Show a lock as it stood at a moment: who held it, who waited, in which order, since when.",
)
defer(
    app,
    "explain",
    "tidelock.cli.explain:explain",
    "Tell why a lock stands as it does: who asked, who was ahead, how it came free; why a node's session ended; "
    "or why a line of a cache was lost, or a write waited.",
)
defer(
    app,
    "verify",
    "tidelock.cli.verify:verify",
    "Walk the logs from their first record and check every promise that they make.",
)
defer(
    app,
    "cache",
    "tidelock.cli.cache:cache_app",
    "Make, fill, empty and look at caches; see who has which entry, and what became of it.",
)
defer(
    app,
    "dead-letter",
    "tidelock.cli.dead_letter:dead_letter_app",
    "What the platform itself could not take: look at it, ask it anew, delete it. Messages that consumers gave up "
    "are not here: see `tidelock queue`.",
)
defer(app, "feature", "tidelock.cli.feature:feature_app", "Show and activate feature levels.")
defer(app, "lock", "tidelock.cli.lock:lock_app", "Take, give back and look at one lock.")
defer(app, "log", "tidelock.cli.log:log_app", "Look at the log itself, the only truth.")
defer(
    app,
    "node",
    "tidelock.cli.node:node_app",
    "Nodes: who is alive, what became of them, and what to do about it.",
)
defer(
    app,
    "projection",
    "tidelock.cli.projection:projection_app",
    "The read models: what projectors make of the logs, for queries.",
)
defer(app, "queue", "tidelock.cli.queue:queue_app", "Make, fill, empty and look at queues.")
defer(
    app,
    "service",
    "tidelock.cli.service:service_app",
    "Services: who offers what, and who of them is healthy.",
)
defer(
    app,
    "window",
    "tidelock.cli.window:window_app",
    "What is going on now: the minute that is open, and the one before it.",
)
defer(
    app,
    "workload",
    "tidelock.cli.workload:workload_app",
    "Put real clients to work, and prove from the log what came of it.",
)


def main(kinds: Sequence[KindSpec] | None = None) -> NoReturn:
    """Run the command line over `kinds`, or all that ship: each expected error is one line and an exit code."""
    if not debugging():
        logging.getLogger("aiokafka").setLevel(
            logging.CRITICAL
        )  # what matters arrives as an error, told once
    try:
        _run(kinds)
    except exits.EXPECTED as error:
        if debugging():
            raise
        complain(error.code, typed_cures(str(error)))
        sys.exit(exits.exit_code_of(error))
    except Exception as error:  # the last line of defence: a bug is told in one line, too
        if debugging():
            raise
        complain("BUG", f"{error!r}. Please report it, with what TIDELOCK_DEBUG=1 shows.")
        sys.exit(exits.BUG)
    sys.exit(exits.OK)


def _run(kinds: Sequence[KindSpec] | None) -> None:
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
