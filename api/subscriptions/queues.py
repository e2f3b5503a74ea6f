"""Live queues: events, and depths, each with the cursor that goes on behind it."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from api.errors import BadArgument
from api.subscriptions.convert_queues import queue_event
from api.subscriptions.depths import Depths
from api.subscriptions.interest import Interest
from api.subscriptions.queue_types import QueueDepthUpdate, QueueEvent, QueueEventKind
from api.subscriptions.streams import KindStreams
from streams.projections.queues.reads import QueueReads
from streams.projections.reads import Progress


class LiveQueues:
    """Live queues, for all connections of a process."""

    def __init__(
        self, streams: KindStreams, reads: QueueReads, progress: Progress, depths: Depths | None = None
    ) -> None:
        self._streams = streams
        self._depths = Depths(streams, reads, progress) if depths is None else depths

    async def queue_events(
        self,
        tenant: str,
        queue: str | None = None,
        prefix: str | None = None,
        only: Collection[QueueEventKind] | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[QueueEvent]:
        """Yield what happens to one queue, in all its shards, or to all whose names start with `prefix`."""
        streams = self._streams
        async with streams.served():
            if (queue is None) == (prefix is None):
                raise BadArgument("Give either `queue` or `prefix`; an empty prefix means all queues.")
            interest: Interest = (
                streams.on_prefix(tenant, prefix or "") if queue is None else streams.on_shards(tenant, queue)
            )
            async with aclosing(streams.events(interest, after, queue_event)) as items:
                async for item in items:
                    if only is None or item.kind in only:
                        yield item

    async def queue_depth(
        self, tenant: str, queue: str, after: str | None = None
    ) -> AsyncGenerator[QueueDepthUpdate]:
        """Yield the queue's numbers, then again whenever they changed; with `after`, the changes alone."""
        streams = self._streams
        async with streams.served():
            interest = streams.on_shards(tenant, queue)
            places = None if after is None else await streams.opened(interest, after)
            with self._depths.watched(interest) as feed:
                turn, cursor = 0, after
                while True:
                    told, turn = await feed.newer(turn, cursor)
                    if places is not None and not told.changed_since(places):
                        continue
                    places, cursor = None, told.item.cursor
                    yield told.item
