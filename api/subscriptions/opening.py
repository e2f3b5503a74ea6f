"""Follows the real logs of all kinds, for who watches them: for the composition root."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import Gauge

from api.ports import LogEnds
from api.subscriptions.cursor import CursorCodec
from api.subscriptions.hub import Hub, HubLimits
from api.subscriptions.replay import Replays
from api.subscriptions.tail import Ends, Tail
from storage.kafka.log import KafkaTopicReader
from storage.kafka.tail import KafkaLogTail
from streams.domain.kind import KindSpec
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import LogMarks

SUBSCRIPTIONS = Gauge("tidelock_api_subscriptions", "Live subscriptions now.", ("kind",))
RING_BYTES = 8 * 1024 * 1024
"""Of all kinds together."""


@value
class Followed:
    """The logs of one kind as this process follows them."""

    hub: Hub
    replays: Replays
    cursors: CursorCodec


def log_reader(kafka: str) -> Callable[[PartitionId], KafkaTopicReader]:
    """Return what opens a partition's log."""
    return lambda where: KafkaTopicReader(kafka, where.log_topic, where.partition)


@asynccontextmanager
async def followed(
    kafka: str, kinds: Sequence[KindSpec], ends: LogEnds, marks: LogMarks, key: bytes, subscriptions: int
) -> AsyncIterator[dict[str, Followed]]:
    """Tail the logs of `kinds`, each for itself; serve so many subscriptions in all."""
    limits = HubLimits(ring_bytes=RING_BYTES // len(kinds), subscriptions=subscriptions)
    made = {kind.name: _followed(kafka, Vocabulary(kind), limits, marks, key) for kind in kinds}
    hubs = [each.hub for each in made.values()]
    tailing = []
    for kind, each in made.items():
        hub = each.hub
        hub.beside = tuple(other for other in hubs if other is not hub)
        SUBSCRIPTIONS.labels(kind).set_function(partial(_subscriptions, hub))
        tail = Tail(hub, KafkaLogTail(kafka), _ends_of(kind, ends), marks)
        tailing.append(asyncio.create_task(tail.run(), name=f"tail {kind}"))
    try:
        yield made
    finally:
        for task in tailing:
            task.cancel()
        await asyncio.wait(tailing)


def _followed(kafka: str, words: Vocabulary, limits: HubLimits, marks: LogMarks, key: bytes) -> Followed:
    hub = Hub(words, limits)
    replays = Replays(marks, log_reader(kafka), words)
    return Followed(hub, replays, CursorCodec(words.kind.name, key, hub.genesis_of))


def _subscriptions(hub: Hub) -> float:
    return hub.subscriptions


def _ends_of(kind: str, ends: LogEnds) -> Ends:
    async def ends_now() -> dict[PartitionId, int]:
        count = await ends.partitions(kind)
        return await ends.ends([PartitionId(kind, number) for number in range(count)])

    return ends_now
