"""Our own processes, started and ended at will."""

import signal
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import httpx

from tidelock.local.child import Child, Watcher
from tidelock.local.journal import tail
from tidelock.local.parts.process import ProcessPart, Program
from tidelock.local.ports import PortBook

WORKER = Program("worker", "streams.engine.worker")
PROCESSES = Program("processes", "streams.processes.worker", listens=False)


class OwnProcess:
    """One worker, projector, detector or API node under nobody's supervision: what is ended stays down."""

    def __init__(
        self, program: Program, home: Path, number: int, ports: PortBook, env: Mapping[str, str]
    ) -> None:
        self._part = ProcessPart(home, program, number, ports, lambda: env)
        self.name = self._part.name
        self._part.place()
        self._log = home / "logs" / f"{self.name}.log"
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._part.address

    @property
    def pid(self) -> int:
        """Its process; it runs."""
        assert self._child is not None
        return self._child.pid

    async def start(self, watcher: Watcher) -> None:
        """Start it; it may not be ready yet."""
        self._child = await Child.spawn(self._part.launch(), self._log, watcher)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._child is not None
        self._child.send(number)

    async def end(self) -> None:
        """End it, if it runs, and wait for that."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    async def status(self, asking: httpx.AsyncClient) -> dict[str, Any] | None:
        """Return its /status, None if it does not answer. Raises `RuntimeError` if it has died."""
        if self._child is not None and self._child.returncode is not None:
            raise RuntimeError(
                f"{self.name} ended with {self._child.returncode}:\n" + "\n".join(tail(self._log))
            )
        try:
            answer = await asking.get(f"http://{self._part.status_address}/status")
        except httpx.TransportError:
            return None
        told: dict[str, Any] = answer.json()
        return told


def leads(status: dict[str, Any] | None, kinds: Collection[str]) -> bool:
    """Say whether a worker with this /status decides on all these kinds, of one partition each."""
    leading = (
        () if status is None else [one["kind"] for one in status["partitions"] if one["phase"] == "leading"]
    )
    return set(kinds).issubset(leading)
