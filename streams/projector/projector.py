"""All lanes and tails of one process: they come and go with the partitions that the group assigns.

Through a rebalance a lane that stays keeps its fold; one that goes finishes the write under way and lets go. Whoever
gets the partition next loads what was written, and what comes late from here the checkpoint refuses.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from streams.log.checkpoint import START
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import HotStore, SinkError
from streams.projections.projection import Projection
from streams.projector.lane import Lane, LanePorts
from streams.projector.mirror import Mirror
from streams.projector.settings import LaneSettings
from streams.projector.tail import Tail
from streams.projector.watch import LaneName

LEAST_RING_BYTES = 256 * 1024
ASK_AGAIN_S = 0.5
"""A lane that is to end, and has not some time after its write should have, is told again."""


class Projector:
    """What this process projects."""

    def __init__(
        self,
        projections: Sequence[Projection],
        vocabularies: Mapping[str, Vocabulary],
        ports: LanePorts,
        settings: LaneSettings,
        hot: HotStore | None = None,
    ) -> None:
        self.tails: dict[PartitionId, Tail] = {}
        self.lanes: dict[LaneName, Lane] = {}
        self.mirrors: dict[LaneName, Mirror] = {}
        self.joined = False
        """Whether the group has said once what is projected here, be it nothing."""
        self._projections, self._vocabularies, self._ports = projections, vocabularies, ports
        self._settings, self._hot = settings, hot
        self._tasks: dict[LaneName, list[asyncio.Task[None]]] = {}
        self._looking: list[asyncio.Task[None]] = []

    @property
    def kinds(self) -> tuple[str, ...]:
        """Whose logs are read."""
        return tuple(dict.fromkeys(projection.kind for projection in self._projections))

    # ── the group ───────────────────────────────────────────────────────────────────────────────────────

    async def assigned(self, wheres: Iterable[PartitionId]) -> None:
        """Project these partitions, and no others."""
        mine = frozenset(wheres)
        await asyncio.gather(*(self._end(name) for name in list(self.lanes) if name.where not in mine))
        for gone in self.tails.keys() - mine:
            del self.tails[gone]
        for where in sorted(mine - self.tails.keys(), key=str):
            self._begin(where)
        for tail in self.tails.values():
            tail.most_bytes = max(LEAST_RING_BYTES, self._settings.ring_bytes // len(self.tails))
            tail.again()
        for lane in self.lanes.values():
            lane.resume()
        self.joined = True
        if not self._looking:
            self._looking = [
                asyncio.create_task(self._look(), name="look at stored checkpoints"),
                asyncio.create_task(self._look_at_logs(), name="look at logs"),
            ]

    async def pause(self) -> None:
        """Write nothing new until the group has spoken; what is under way comes to its end."""
        await asyncio.gather(*(lane.pause() for lane in self.lanes.values()))

    async def close(self) -> None:
        """Let all go."""
        for looking in self._looking:
            looking.cancel()
        await self.pause()
        await asyncio.gather(*(self._end(name) for name in list(self.lanes)))
        self.tails.clear()

    def hints(self) -> dict[PartitionId, int]:
        """Return up to where all lanes of a partition have written, for displays of the group's lag."""
        found: dict[PartitionId, int] = {}
        for name, lane in self.lanes.items():
            if lane.written is not None:
                at = lane.written.next_offset
                found[name.where] = min(at, found.get(name.where, at))
        return found

    # ── what Faust is asked for, and hands in ───────────────────────────────────────────────────────────

    def seeks(self) -> dict[PartitionId, int]:
        """Return from where partitions must be read next; `sought` says that they are."""
        return {where: tail.wanted for where, tail in self.tails.items() if tail.wanted is not None}

    def sought(self, done: Mapping[PartitionId, int]) -> None:
        """What is fetched from now on begins there."""
        for where, offset in done.items():
            tail = self.tails.get(where)
            if tail is not None and tail.wanted == offset:
                tail.wanted = None

    def ready(self) -> set[PartitionId]:
        """Return the partitions whose records are welcome now."""
        return {where for where, tail in self.tails.items() if tail.wanted is None and tail.has_room()}

    async def feed(self, where: PartitionId, records: Sequence[Stored]) -> None:
        """Judge what was fetched, with turns for the lanes in between."""
        tail = self.tails.get(where)
        if tail is not None:
            for _ in tail.feed(records):
                await asyncio.sleep(0)

    # ── lanes ───────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, where: PartitionId) -> None:
        vocabulary = self._vocabularies[where.kind]
        tail = self.tails[where] = Tail(where, vocabulary, self._settings)
        for projection in self._projections:
            if projection.kind == where.kind:
                self._begin_lane(projection, tail, vocabulary)

    def _begin_lane(self, projection: Projection, tail: Tail, vocabulary: Vocabulary) -> None:
        name = LaneName(projection.name, tail.where)
        mirror = None
        if projection.hot is not None and self._hot is not None:
            mirror = self.mirrors[name] = Mirror(self._hot, projection.hot, tail.where, self._settings)
        lane = self.lanes[name] = Lane(projection, vocabulary, tail, self._ports, self._settings, mirror)
        tasks = [asyncio.create_task(lane.run(), name=str(name))]
        if mirror is not None:
            tasks.append(asyncio.create_task(mirror.run(), name=f"hot copy of {name}"))
        self._tasks[name] = tasks

    async def _end(self, name: LaneName) -> None:
        pending = set(self._tasks.pop(name))
        while pending:  # a driver that is cancelled while its server dies may tell of the death alone
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=self._settings.hand_over_s + ASK_AGAIN_S)
        self.lanes.pop(name)
        self.mirrors.pop(name, None)

    async def _look(self) -> None:
        """Compare stored checkpoints with the lanes': a rebuild deletes them, and an idle lane would not notice."""
        while True:
            await asyncio.sleep(self._settings.look_s)
            for projection in self._projections:
                try:
                    await self._compare(projection)
                except SinkError:
                    continue  # the lanes meet it too, and tell

    async def _look_at_logs(self) -> None:
        """See that logs are the ones that are read: a topic that is made anew is nothing that a consumer notices."""
        while True:
            await asyncio.sleep(self._settings.log_look_s)
            for lane in list(self.lanes.values()):
                await lane.look_at_log()

    async def _compare(self, projection: Projection) -> None:
        before = {
            name: lane.written for name, lane in self.lanes.items() if name.projection == projection.name
        }
        stored = await self._ports.store.positions(projection)
        for name, written in before.items():
            lane = self.lanes.get(name)
            if lane is None or lane.writing or lane.written is not written:
                continue
            if written is None:
                if lane.phase == "halted" and name.where not in stored:
                    lane.reload()  # what could not be loaded is gone
                continue
            found = stored.get(name.where, START)
            if (found.next_offset, found.head) != (written.next_offset, written.head):
                lane.reload()
