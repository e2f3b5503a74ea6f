"""The direct lane's network: byte streams that delay, cut, fall silent and break, as TCP's do.

What arrives of one direction arrives in order and once, in pieces of any size. What a process sent before its death
may still arrive. A stream that fell silent stays so: nobody is told, only the peer's patience finds out.
"""

import asyncio
from collections.abc import Callable
from random import Random

from streams.engine.outbox import Identity
from tests.simulation.faults import Faults
from tests.simulation.loop import Process, SimLoop

TENANT = "t"
PRINCIPAL = "app"
IDENTITY = Identity(TENANT, PRINCIPAL, ("SYSTEM", "OPERATOR"))
TOKEN = "token"


class Network:
    """Carries bytes between processes."""

    def __init__(self, loop: SimLoop, random: Random, faults: Faults) -> None:
        self.loop = loop
        self.random = random
        self.faults = faults
        self._sockets: list[Socket] = []

    def connect(
        self,
        process: Process,
        protocol: asyncio.Protocol,
        server: Process,
        serve: Callable[[], asyncio.Protocol],
    ) -> "Socket":
        """Return the near end of a new connection to `server`, which makes its protocol when it hears of it."""
        near, far = Socket(self, process, protocol), Socket(self, server, None)
        near.peer, far.peer = far, near
        self._sockets = [one for one in self._sockets if not one.over]
        self._sockets += (near, far)
        near.last = self.loop.now + self.latency()
        self.loop.call_at(near.last, _accept, far, serve, context=server.context)
        return near

    def latency(self) -> float:
        """Return one way's delay."""
        delay = 0.0002 + 0.002 * self.random.random() ** 2
        if self.faults.p_net_delay and self.random.random() < self.faults.p_net_delay:
            delay += 3.0 * self.random.random() ** 3
        return delay

    def hit(self, probability: float) -> bool:
        """Draw a fault. Costs no randomness where the fault is off."""
        return probability > 0.0 and self.random.random() < probability

    def died(self, process: Process) -> None:
        """Its kernel closes what a process had open."""
        for socket in self._sockets:
            if socket.process is process:
                socket.die()

    def open(self) -> list["Socket"]:
        """Return the ends that are open."""
        return [one for one in self._sockets if not one.over]


class Socket(asyncio.Transport):
    """One end of a connection. `write` and `close` are what asyncio's protocols know."""

    __slots__ = ("_aborted", "_closing", "_network", "_protocol", "last", "mute", "peer", "process")

    peer: "Socket"

    def __init__(self, network: Network, process: Process, protocol: asyncio.Protocol | None) -> None:
        self.process = process
        self.last = 0.0
        """When the last byte that was written here arrives over there."""
        self.mute = False
        """What is written here from now on is lost."""
        self._network = network
        self._protocol = protocol
        self._closing = False
        self._aborted = False

    @property
    def over(self) -> bool:
        """Whether this end is closed."""
        return self._closing

    # ── asyncio.Transport ───────────────────────────────────────────────────────────────────────────────────

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits to be sent, so nobody is ever asked to pause."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        network = self._network
        if self._closing or self.process.dead:
            return
        if network.hit(network.faults.p_net_drop / 10):
            self.mute = True
            self.peer.mute |= network.random.random() < 0.5
        if self.mute:
            return
        if len(data) > 1 and network.hit(network.faults.p_net_cut):
            cut = network.random.randrange(1, len(data))
            self._carry(bytes(data[:cut]))
            data = data[cut:]
        self._carry(bytes(data))

    def close(self) -> None:
        self._finish(aborted=False)

    def abort(self) -> None:
        self._finish(aborted=True)

    # ── fate ────────────────────────────────────────────────────────────────────────────────────────────────

    def reset(self) -> None:
        """Something between the two ends breaks the connection; what is under way is lost."""
        for end in (self, self.peer):
            end._aborted = True
            end._hang_up(end.peer)

    def die(self) -> None:
        """The process is gone."""
        if not self._closing:
            self._closing = True
            self._hang_up(self.peer)

    def _finish(self, *, aborted: bool) -> None:
        if self._closing:
            return
        self._closing, self._aborted = True, aborted
        self._network.loop.call_at(self._network.loop.now, self._lost, context=self.process.context)
        if not self.mute:
            self._hang_up(self.peer)

    def _hang_up(self, end: "Socket") -> None:
        self.last = max(self.last, self._network.loop.now + self._network.latency())
        self._network.loop.call_at(self.last, end._ended, context=end.process.context)

    def _carry(self, data: bytes) -> None:
        loop = self._network.loop
        self.last = max(self.last, loop.now + self._network.latency())
        loop.call_at(self.last, self._arrive, data, context=self.peer.process.context)

    def _arrive(self, data: bytes) -> None:
        peer = self.peer
        if not peer._closing and not self._aborted and peer._protocol is not None:
            peer._protocol.data_received(data)

    def _ended(self) -> None:
        if not self._closing:
            self._closing = True
            self._lost()

    def _lost(self) -> None:
        if self._protocol is not None:
            self._protocol.connection_lost(None)


def _accept(end: Socket, serve: Callable[[], asyncio.Protocol]) -> None:
    if not end._closing:
        end._protocol = serve()
        end._protocol.connection_made(end)
