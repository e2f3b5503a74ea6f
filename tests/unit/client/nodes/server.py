"""A worker that decides nodes and locks with the real deciders, and ends dead nodes' sessions everywhere."""

from functools import partial
from typing import Any

from streams.domain.decider import Decision
from streams.domain.kind import KindSpec
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes.events import NodeDied, NodeLeft
from streams.domain.nodes.kind import NODES
from streams.domain.queues.kind import QUEUES
from tests.unit.client.deciding import DecidingWorker
from tests.unit.client.worker import FakeClock

KINDS = (LOCKS, QUEUES, NODES)
SWEEP_S = 0.1


class NodeWorker(DecidingWorker):
    """One owner of all partitions, and the sweeper."""

    def __init__(self, clock: FakeClock, kinds: tuple[KindSpec, ...] = KINDS) -> None:
        super().__init__(clock, kinds)
        self.sweeps = True

    async def start(self) -> "NodeWorker":
        await self.listen()
        return self

    def decided(self, key: str, decision: Decision[Any, Any]) -> None:
        for event in decision.events:
            if self.sweeps and isinstance(event, NodeDied | NodeLeft):
                sweep = partial(self.end_session, event.session, event.cause)
                self.clock.call_at(self.clock.time + SWEEP_S, sweep)

    def happened(self, kind: type) -> list[Any]:
        """Return the events of a type."""
        return [event for _, event in self.events if type(event) is kind]
