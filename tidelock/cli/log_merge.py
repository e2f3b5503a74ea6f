"""Several partitions read as one stream: by append time if it is bounded, as they come if it is not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from streams.log.judged import Judged, read_partition
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId

Open = Callable[[PartitionId], TopicReader]
AHEAD = 100


async def _each(log: TopicReader, where: PartitionId, start: int, follow: bool) -> AsyncIterator[Judged]:
    async for records in read_partition(log, where, start=start, follow=follow):
        for one in records:
            yield one


async def merged(read: Open, starts: Mapping[PartitionId, int]) -> AsyncIterator[Judged]:
    """Yield what stands in the partitions now, in the order of append times."""
    streams = {where: _each(read(where), where, start, follow=False) for where, start in starts.items()}
    heads: dict[PartitionId, Judged] = {}
    waiting = list(streams)
    while True:
        for where, one in zip(
            waiting, await asyncio.gather(*(anext(streams[w], None) for w in waiting)), strict=True
        ):
            if one is not None:
                heads[where] = one
        if not heads:
            return
        soonest = min(heads, key=lambda where: (heads[where].timestamp_ms, where.partition))
        yield heads.pop(soonest)
        waiting = [soonest]


async def following(read: Open, starts: Mapping[PartitionId, int]) -> AsyncIterator[Judged]:
    """Yield records as they come, for ever; in order within each partition."""
    queue: asyncio.Queue[Judged] = asyncio.Queue(AHEAD)

    async def pump(where: PartitionId, start: int) -> None:
        async for one in _each(read(where), where, start, follow=True):
            await queue.put(one)

    pumps = [asyncio.create_task(pump(where, start)) for where, start in starts.items()]
    getting: asyncio.Task[Judged] | None = None
    try:
        while True:
            getting = asyncio.create_task(queue.get())
            await asyncio.wait({getting, *pumps}, return_when=asyncio.FIRST_COMPLETED)
            for each in pumps:
                if each.done():
                    each.result()
            yield await getting
    finally:
        for task in [*pumps, *([getting] if getting else [])]:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
