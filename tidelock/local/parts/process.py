"""Our own processes: workers, projectors, detectors, API nodes. Their environment tells them all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tidelock.local.parts.part import Helper, Launch
from tidelock.local.parts.probe import http_status
from tidelock.local.ports import PortBook


@dataclass(frozen=True, slots=True)
class Program:
    """What is the same for all processes of one sort."""

    sort: str
    """`worker` is told TIDELOCK_WORKER_NAME, TIDELOCK_WORKER_METRICS and, if it listens, TIDELOCK_WORKER_LISTEN."""
    module: str
    listens: bool = True

    def variable(self, what: str) -> str:
        """Return the name of one of its own environment variables."""
        return f"TIDELOCK_{self.sort.upper()}_{what}"


class ProcessPart:
    """One process of ours."""

    def __init__(
        self, home: Path, program: Program, number: int, ports: PortBook, env: Callable[[], Mapping[str, str]]
    ) -> None:
        self.name = f"{program.sort}-{number}"
        self._home = home.resolve()
        self._program = program
        self._ports = ports
        self._env = env
        self._listen = 0
        self._metrics = 0

    @property
    def address(self) -> str:
        """Where it listens; of one that does not, where it serves its status."""
        return f"127.0.0.1:{self._listen}" if self._program.listens else self.status_address

    @property
    def status_address(self) -> str:
        """Where it serves /metrics, /status and /ready."""
        return f"127.0.0.1:{self._metrics}"

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose its ports."""
        names = [f"{self.name}-metrics", *([f"{self.name}-listen"] if self._program.listens else [])]
        if elsewhere:
            for name in names:
                self._ports.forget(name)
        self._metrics, *listen = map(self._ports.take, names)
        self._listen = listen[0] if listen else 0

    async def prepare(self, run: Helper) -> None:
        """Nothing to do."""

    def launch(self) -> Launch:
        """Return its command line and environment."""
        variable = self._program.variable
        own = {
            "TIDELOCK_HOME": str(self._home),
            variable("NAME"): self.name,
            variable("METRICS"): self.status_address,
        }
        if self._program.listens:
            own[variable("LISTEN")] = self.address
        argv = (sys.executable, "-m", self._program.module)
        return Launch(argv, env={**self._env(), **own}, stop_timeout_s=15.0)

    async def ready(self) -> bool:
        """Say whether it calls itself ready."""
        return await http_status(self._metrics, "/ready") == 200

    async def settle(self) -> None:
        """Nothing to do."""
