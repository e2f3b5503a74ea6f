"""The program `tidelock`: told to end while it still loads, it ends without a word, as any program does."""

import signal
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line, and run it."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    run: Callable[[], NoReturn] = import_module("tidelock.cli.main").main
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
