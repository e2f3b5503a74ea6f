"""The direct lane's network: connections that delay, drop and repeat frames, and break.

Frames of one direction arrive in order. What a process sends after its death is not sent; what it sent before may
still arrive.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from streams.engine.outbox import Identity
from streams.log.positions import PartitionId
from streams.wire.messages import Answer, Refused
from tests.simulation.faults import Faults
from tests.simulation.loop import Process, SimLoop

if TYPE_CHECKING:
    from tests.simulation.invariants import Judge

TENANT = "t"
PRINCIPAL = "app"
IDENTITY = Identity(TENANT, PRINCIPAL)


class Network:
    """Carries frames between processes."""

    def __init__(self, loop: SimLoop, random: Random, faults: Faults) -> None:
        self.loop = loop
        self.random = random
        self.faults = faults

    def send(self, line: "Line", to: Process, receive: Callable[..., None], *frame: Any) -> None:
        """Deliver `frame` to `receive` in process `to`, later, perhaps never, perhaps twice."""
        random, faults = self.random, self.faults
        if faults.p_net_drop and random.random() < faults.p_net_drop:
            return
        delay = 0.0002 + 0.002 * random.random() ** 2
        if faults.p_net_delay and random.random() < faults.p_net_delay:
            delay += 3.0 * random.random() ** 3
        line.last = max(line.last, self.loop.now + delay)
        self.loop.call_at(line.last, self._arrive, line, receive, frame, context=to.context)
        if faults.p_net_duplicate and random.random() < faults.p_net_duplicate:
            line.last += 0.5 * random.random() ** 2
            self.loop.call_at(line.last, self._arrive, line, receive, frame, context=to.context)

    @staticmethod
    def _arrive(line: "Line", receive: Callable[..., None], frame: tuple[Any, ...]) -> None:
        if line.open:
            receive(*frame)


class Line:
    """One direction of one connection: in order."""

    __slots__ = ("last", "open")

    def __init__(self) -> None:
        self.last = 0.0
        self.open = True


class Connection:
    """One client's connection to one worker; also what the owner answers to."""

    def __init__(
        self,
        network: Network,
        judge: "Judge",
        client: str,
        identity: Identity,
        client_process: Process,
        on_answers: Callable[..., None],
        on_refused: Callable[[Refused], None],
    ) -> None:
        self.client = client
        self.identity = identity
        self.up, self.down = Line(), Line()
        self._network = network
        self._judge = judge
        self._client_process = client_process
        self._on_answers = on_answers
        self._on_refused = on_refused

    @property
    def open(self) -> bool:
        """Whether frames still flow."""
        return self.up.open

    def close(self) -> None:
        """Break it; what is under way is lost."""
        self.up.open = self.down.open = False

    def send(self, to: Process, receive: Callable[..., None], frame: bytes) -> None:
        """Send a command to the worker."""
        self._network.send(self.up, to, receive, self, frame)

    def answer(
        self, where: PartitionId, offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
    ) -> None:
        self._judge.answered(self.identity.principal, self.client, offset, lease_ms, answers)
        self._network.send(
            self.down, self._client_process, self._on_answers, offset, lease_ms, mark_ms, answers
        )

    def refuse(self, refused: Refused) -> None:
        self._network.send(self.down, self._client_process, self._on_refused, refused)
