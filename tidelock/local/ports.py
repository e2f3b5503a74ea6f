"""Free loopback ports that stay ours.

They are chosen *below* the kernel's ephemeral range: a client that keeps dialling a dead port inside that
range can be given the very same port as its source and connect to itself, and then the restarted server
cannot bind.
"""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

_LOWEST = 20000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 200


class PortBook:
    """Ports by name, remembered in a file so that a restarted stack keeps its addresses."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports: dict[str, int] = _read(file)
        self._given: set[int] = set()

    def take(self, name: str) -> int:
        """Return the port `name` had before if it is free, else a new one."""
        port = self._ports.get(name)
        if port is None or port in self._given or not is_free(port):
            port = self._fresh()
        self._given.add(port)
        self._ports[name] = port
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._ports, indent=1))
        return port

    def forget(self, name: str) -> None:
        """Make the next `take(name)` choose another port."""
        self._ports.pop(name, None)

    def _fresh(self) -> int:
        known = self._given | set(self._ports.values())
        for _ in range(_TRIES):
            port = random.randint(_LOWEST, _highest())  # noqa: S311 - not a secret
            if port not in known and is_free(port):
                return port
        raise OSError(f"no free port on 127.0.0.1 after {_TRIES} tries")


def is_free(port: int) -> bool:
    """Say whether `port` can be bound on the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _highest() -> int:
    if _RANGE.exists():
        low = int(_RANGE.read_text().split()[0])
        if low - _LOWEST > 1000:
            return low - 1
    return 32767


def _read(file: Path) -> dict[str, int]:
    try:
        return {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    except (FileNotFoundError, ValueError):
        return {}  # only a wish list: without it ports are simply new
