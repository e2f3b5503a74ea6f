"""How every process of ours begins and ends: settings, what it cannot start without, signals, the event loop."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop
from pydantic import ValidationError

EXIT_CONFIGURATION = 2
GC_THRESHOLDS = (50_000, 20, 100)
"""Decisions make many objects and hardly a cycle: the collector looks less often than by default."""

_Settings = TypeVar("_Settings")


class CannotStart(Exception):
    """Something the process needs is not usable; the message says what, and how to mend it."""

    def __init__(self, exit_code: int, event: str, code: str, message: str) -> None:
        super().__init__(message)
        self.exit_code, self.event, self.code = exit_code, event, code


class Ending:
    """When the process ends, and with which exit code."""

    def __init__(self) -> None:
        self.exit_code = 0
        self.asked = asyncio.Event()

    def on_signals(self) -> None:
        """End on SIGTERM and SIGINT."""
        for signalled in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signalled, self.asked.set)


@contextmanager
def listening(setting: str, address: str) -> Iterator[None]:
    """Listen at `address`, which `setting` names, inside. Raises `CannotStart` if that fails."""
    try:
        yield
    except OSError as error:
        told = f"{setting}={address}: cannot listen there ({error.strerror or error}). "
        cure = "End what listens there, or set another host:port of this machine."
        raise CannotStart(
            EXIT_CONFIGURATION, "settings are not usable", "CANNOT_LISTEN", told + cure
        ) from error


def settings_of(whose: str, kind: Callable[[], _Settings]) -> _Settings | None:
    """Return the settings of the environment; None, and say why on standard error, if they are not usable."""
    try:
        return kind()
    except ValidationError as error:
        sys.stderr.write(f"{whose} settings are not usable (environment, TIDELOCK_*):\n{error}\n")
        return None


def run_process(
    running: Coroutine[Any, Any, int], gc_thresholds: tuple[int, int, int] = GC_THRESHOLDS
) -> int:
    """Run a process to its end; return its exit code. `gc_thresholds`: how often cycles are looked for."""
    gc.freeze()
    gc.set_threshold(*gc_thresholds)
    return uvloop.run(running)
