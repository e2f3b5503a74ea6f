"""Logs of queues by the real decider, a read model that the real fold writes, and nodes that tail and watch them."""

from __future__ import annotations

from typing import Any

from api.subscriptions.depths import Depths
from api.subscriptions.queues import LiveQueues
from api.subscriptions.streams import KindStreams
from storage.memory.queues import MemoryQueueReads
from streams.domain.arguments import shard_name
from streams.domain.queues.commands import (
    AckMessages,
    CreateQueue,
    EnqueueMessages,
    NewMessage,
    Receipt,
    ReceiveMessages,
)
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.settings import QueueRoute
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.queues.projections import QUEUES as MODEL
from tests.unit.api_subscriptions.model import ReadModel
from tests.unit.api_subscriptions.world import TENANT, Logs, Node
from tidelock.client.queues.terms import DEFAULTS

WORDS = Vocabulary(QUEUES)


class QueueLogs(Logs):
    """All partitions of the kind `queues`."""

    spec = QUEUES
    words = WORDS

    def create(self, queue: str, shards: int = 1, tenant: str = TENANT) -> None:
        for shard in range(shards):
            command = CreateQueue(queue, shard, DEFAULTS, QueueRoute(1, shards, shards))
            self.commit(("a", command), tenant=tenant)

    def put(self, queue: str, *texts: str, shard: int = 0, tenant: str = TENANT) -> None:
        messages = tuple(NewMessage(t.encode(), None, None, -1, 0, None, (), shard, None) for t in texts)
        self.commit(("p", EnqueueMessages(queue, shard, 1, messages)), tenant=tenant)

    def take(self, queue: str, count: int = 10, shard: int = 0) -> list[Receipt]:
        self.commit(("c", ReceiveMessages(queue, shard, "", count, 0, 30_000)))
        event = self.happened[-1].event
        assert type(event).__name__ == "MessagesDelivered"
        return [Receipt(one.message, event.token) for one in event.messages]

    def ack(self, queue: str, receipts: list[Receipt], shard: int = 0) -> None:
        self.commit(("c", AckMessages(queue, shard, "", tuple(receipts))))

    def shard_at(self, queue: str, shard: int) -> PartitionId:
        return self.where(shard_name(queue, shard))


class Model(ReadModel):
    """The read model of queues."""

    def __init__(self, logs: QueueLogs) -> None:
        super().__init__(logs, MODEL)
        self.reads = Reads(self.store)


class Reads(MemoryQueueReads):
    """Counts, and fails as told."""

    asked = 0
    fails: Exception | None = None

    async def queues_by_name(self, tenant: str, names: Any, *, whole: bool = True) -> Any:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return await super().queues_by_name(tenant, names, whole=whole)


class QueueNode(Node):
    """One API process that knows queues."""

    def __init__(self, logs: QueueLogs, model: Model, **options: Any) -> None:
        super().__init__(logs, **options)
        streams = KindStreams(self.hub, self.replays, self.codec, self.settings)
        self.model = model
        self.depths = Depths(streams, model.reads, model, pause_s=0)
        self.queues = self.live_queues = LiveQueues(streams, model.reads, model, self.depths)

    async def catch_up(self) -> None:
        await super().catch_up()
        await self.model.project()
