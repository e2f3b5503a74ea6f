"""Logs of nodes and services by the real decider, the read model of them, and API nodes that tail and watch them."""

from __future__ import annotations

from typing import Any

from api.subscriptions.nodes import LiveNodes
from api.subscriptions.streams import KindStreams
from storage.memory.nodes import MemoryNodeReads
from streams.domain.decider import Requester
from streams.domain.nodes.commands import (
    DeregisterInstance,
    EvictNode,
    Heartbeat,
    RegisterInstance,
    RegisterNode,
    Registration,
    ReportHealth,
    UpdateInstance,
)
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.names import session_of
from streams.log.vocabulary import Vocabulary
from streams.projections.nodes.projections import NODES as MODEL
from tests.unit.api_subscriptions.model import ReadModel
from tests.unit.api_subscriptions.world import TENANT, Logs, Node

WORDS = Vocabulary(NODES)
REGISTRATION = Registration("h:1", "z", (), 3, (), 5_000)


class NodeLogs(Logs):
    """All partitions of the kind `nodes`. A client acts for the first session of a node of its name."""

    spec = NODES
    words = WORDS

    def who(self, client: str) -> Requester:
        return Requester("app", client, "1", self.sequence, session_of(client, 1, "app"), ("OPERATOR",))

    def join(self, name: str, tenant: str = TENANT) -> str:
        self.commit(("a", RegisterNode(name, REGISTRATION, "")), tenant=tenant)
        session: str = self.happened[-1].event.session
        return session

    def beat(self, name: str, session: str, load: int = 1) -> None:
        self.commit(("a", Heartbeat(name, session, load, "PASSING")))

    def evict(self, name: str) -> None:
        self.commit(("op", EvictNode(name, "", "broken")))

    def offer(self, instance: str, client: str = "n", service: str = "pay", tenant: str = TENANT) -> None:
        command = RegisterInstance(service, instance, "h:1", "z", 100, (), True, 1, 1, False)
        self.commit((client, command), tenant=tenant)

    def weigh(self, instance: str, weight: int, client: str = "n") -> None:
        self.commit((client, UpdateInstance("pay", instance, weight, (), 0)))

    def fail(self, instance: str, client: str = "n") -> None:
        self.commit((client, ReportHealth("pay", instance, False, 1, "slow")))

    def leave(self, instance: str, client: str = "n", service: str = "pay") -> None:
        self.commit((client, DeregisterInstance(service, instance)))


class Model(ReadModel):
    """The read model of nodes."""

    def __init__(self, logs: NodeLogs) -> None:
        super().__init__(logs, MODEL)
        self.reads = MemoryNodeReads(self.store)


class NodeNode(Node):
    """One API process that knows nodes."""

    def __init__(self, logs: NodeLogs, model: Model, **options: Any) -> None:
        super().__init__(logs, **options)
        streams = KindStreams(self.hub, self.replays, self.codec, self.settings)
        self.model = model
        self.nodes = self.live_nodes = LiveNodes(streams, model.reads)

    async def catch_up(self) -> None:
        await super().catch_up()
        await self.model.project()
