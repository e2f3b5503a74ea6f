"""What a part of the stack is: something to prepare, a program to launch, a way to see that it is ready."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """Who a program is to be when the stack runs as root and the program refuses that."""

    uid: int
    gid: int
    namespace: bool
    """True: root seen as this account, in a user namespace of its own. False: the account itself."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a part's program, and how to end it."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the stack's process dies."""
    nice: int = 0


class Helper(Protocol):
    """Runs a short program (initdb, format) under the same rules as a part: logged, and never orphaned."""

    async def __call__(self, launch: Launch) -> None:
        """Run to the end; raises PartFailed when it fails."""


class Part(Protocol):
    """One program of the stack."""

    @property
    def name(self) -> str:
        """Short name, also of the log file: `kafka-0`."""

    @property
    def address(self) -> str:
        """Where clients reach it; valid after `place`."""

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose ports; `elsewhere` asks for others than last time."""

    async def prepare(self, run: Helper) -> None:
        """Make directories and data: done before every first start, cheap when nothing is missing."""

    def launch(self) -> Launch:
        """Return the program to start; asked again at each restart."""

    async def ready(self) -> bool:
        """Say whether it serves now; never raises for a server that is still starting."""

    async def settle(self) -> None:
        """Set up what needs the running server (a database, a bucket); done once a start, may be repeated."""
