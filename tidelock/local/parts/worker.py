"""A Tidelock worker: the engine's process, which owns partitions and decides."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tidelock.local.parts.part import Helper, Launch
from tidelock.local.parts.probe import http_status
from tidelock.local.ports import PortBook


class Worker:
    """One worker process; it finds its partitions by itself."""

    def __init__(
        self, home: Path, number: int, ports: PortBook, env: Callable[[], Mapping[str, str]], module: str
    ) -> None:
        self.name = f"worker-{number}"
        self._home = home.resolve()
        self._ports = ports
        self._env = env
        self._module = module
        self._listen = 0
        self._metrics = 0

    @property
    def address(self) -> str:
        """The direct lane's listener."""
        return f"127.0.0.1:{self._listen}"

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose the direct lane's and the metrics' port."""
        if elsewhere:
            self._ports.forget(f"{self.name}-listen")
            self._ports.forget(f"{self.name}-metrics")
        self._listen = self._ports.take(f"{self.name}-listen")
        self._metrics = self._ports.take(f"{self.name}-metrics")

    async def prepare(self, run: Helper) -> None:
        """Nothing to do."""

    def launch(self) -> Launch:
        """Return the worker's command line and environment."""
        own = {
            "TIDELOCK_HOME": str(self._home),
            "TIDELOCK_WORKER_NAME": self.name,
            "TIDELOCK_WORKER_LISTEN": self.address,
            "TIDELOCK_WORKER_METRICS": f"127.0.0.1:{self._metrics}",
        }
        argv = (sys.executable, "-m", self._module)
        return Launch(argv, env={**self._env(), **own}, stop_timeout_s=15.0)

    async def ready(self) -> bool:
        """Say whether the worker calls itself ready."""
        return await http_status(self._metrics, "/ready") == 200

    async def settle(self) -> None:
        """Nothing to do."""
