"""The depths of queues, live: the read model is asked again when the log says that something happened, not more often
than every quarter of a second, once for all who watch a queue. Who reads slowly misses numbers in between, never the
last ones.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from api.subscriptions.change import Entry
from api.subscriptions.convert_queues import depth_item, numbers_of
from api.subscriptions.cursor import Place, Places
from api.subscriptions.errors import ReadsLost
from api.subscriptions.hub import halted
from api.subscriptions.interest import OnParts
from api.subscriptions.queue_types import QueueDepthUpdate
from api.subscriptions.streams import KindStreams
from api.subscriptions.subscriber import Ending
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.queues.reads import QueueReads, QueueRow
from streams.projections.reads import AsOf, Progress, ReadsUnavailable, ReadTooSlow

PAUSE_S: Final = 0.25
BEHIND_S: Final = 5.0
"""How long the read model is waited for at a time."""
MODEL: Final = "queues"


@value
class Told:
    """What the read model said."""

    row: QueueRow | None
    item: QueueDepthUpdate

    def changed_since(self, places: Mapping[PartitionId, Place]) -> bool:
        """Say whether whoever stands at `places` has not seen this."""
        if self.row is None:
            return True
        return any(one.position.offset >= places[one.position.partition][0] for one in self.row.shards)


class Feed:
    """One queue's depth, for all who watch it. In the hub it is one listener."""

    def __init__(
        self, interest: OnParts, streams: KindStreams, reads: QueueReads, progress: Progress, pause_s: float
    ) -> None:
        self.interest = interest
        self.watchers = 0
        self._streams, self._reads, self._progress = streams, reads, progress
        self._pause_s = pause_s
        self._news: dict[PartitionId, int] = {}
        """What the read model must know: offsets that come after it."""
        self._due, self._came = asyncio.Event(), asyncio.Event()
        self._ending: Ending | None = None
        self._failed: Exception | None = None
        self._told: Told | None = None
        self._turn = 0

    def push(self, entry: Entry) -> None:
        """Note that something happened."""
        change = entry.change
        self._news[change.where] = change.offset + 1
        self._due.set()

    def end(self, ending: Ending) -> None:
        """Have all who watch end by `ending`."""
        self._ending = self._ending or ending
        self._due.set()
        self._announce()

    async def newer(self, turn: int, cursor: str | None) -> tuple[Told, int]:
        """Return the newest numbers once they are newer than those of `turn`. Raises `Ended`."""
        while True:
            if self._ending is not None:
                raise self._ending(cursor)
            if self._failed is not None:
                raise self._failed
            if self._told is not None and self._turn > turn:
                return self._told, self._turn
            await self._came.wait()

    async def run(self) -> None:
        """Listen, and ask, until cancelled."""
        hub = self._streams.hub
        hub.attach(self)
        for lane in hub.lanes.values():
            if lane.halted is not None:
                self.end(halted(lane.halted))
        try:
            while self._ending is None:
                if await self._known():
                    self._tell(await self._asked())
                await asyncio.sleep(self._pause_s)
                await self._due.wait()
        except (ReadsUnavailable, ReadTooSlow) as error:
            reason = str(error)
            self.end(lambda cursor: ReadsLost(reason, cursor, 1000))
        except Exception as error:  # whatever it is, it is theirs who watch
            self._failed = error
            self._announce()
        finally:
            hub.detach(self)

    async def _known(self) -> bool:
        """Wait until the read model knows what happened; False: it is behind, wait again."""
        self._due.clear()
        for where, next_offset in dict(self._news).items():
            if not await self._progress.reach(MODEL, where, next_offset, BEHIND_S):
                self._due.set()
                return False
            if self._news[where] == next_offset:
                del self._news[where]
        return True

    async def _asked(self) -> tuple[QueueRow | None, AsOf]:
        tenant, name = self.interest.tenant, self.interest.name
        (row,) = await self._reads.queues_by_name(tenant, [name])
        if row is not None:
            return row, row.as_of
        known = [one.stand for one in await self._reads.projected() if one.projection == MODEL]
        (row,) = await self._reads.queues_by_name(tenant, [name])
        return (None, AsOf(tuple(known))) if row is None else (row, row.as_of)

    def _tell(self, asked: tuple[QueueRow | None, AsOf]) -> None:
        row, as_of = asked
        if self._told is not None and numbers_of(row) == numbers_of(self._told.row):
            return
        cursor = self._streams.seal(self.interest.tenant, self._places(as_of))
        self._told = Told(row, depth_item(self.interest.name, row, as_of, cursor))
        self._turn += 1
        self._announce()

    def _places(self, as_of: AsOf) -> Places:
        known = {stand.where: (stand.next_offset, 0) for stand in as_of.stands}
        return {where: known.get(where, (0, 0)) for where in self.interest.partitions}

    def _announce(self) -> None:
        came, self._came = self._came, asyncio.Event()
        came.set()


class Depths:
    """The feeds of one process: each as long as somebody watches."""

    def __init__(
        self, streams: KindStreams, reads: QueueReads, progress: Progress, pause_s: float = PAUSE_S
    ) -> None:
        self._streams, self._reads, self._progress = streams, reads, progress
        self._pause_s = pause_s
        self._feeds: dict[tuple[str, str], tuple[Feed, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    @contextmanager
    def watched(self, interest: OnParts) -> Iterator[Feed]:
        """Lend the feed of a queue."""
        key = interest.tenant, interest.name
        if key not in self._feeds or self._feeds[key][1].done():
            feed = Feed(interest, self._streams, self._reads, self._progress, self._pause_s)
            self._feeds[key] = feed, asyncio.create_task(feed.run(), name="depth of a queue")
        mine = feed, task = self._feeds[key]
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                task.cancel()
                if self._feeds.get(key) is mine:
                    del self._feeds[key]
