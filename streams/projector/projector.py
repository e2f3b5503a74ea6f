"""All lanes and tails of one process: they come and go with the partitions that the group assigns.

Through a rebalance a lane that stays keeps its fold; one that goes finishes the write under way and lets go. Whoever
gets the partition next loads what was written, and what comes late from here the checkpoint refuses.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from streams.log.checkpoint import START
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.release import RELEASE
from streams.log.vocabulary import Vocabulary
from streams.projections.builds import Build
from streams.projections.hot import hot_copy
from streams.projections.ports import HotStore, SinkError
from streams.projections.projection import Projection
from streams.projector.lane import Lane
from streams.projector.lane_ports import LanePorts
from streams.projector.mirror import Mirror
from streams.projector.pace import BuildPace
from streams.projector.remarks import Remarks
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
        self._builds: dict[str, Sequence[Build]] = {}
        """Of each read model those that are kept up to date here, once they are known."""
        self._raised: set[str] = set()
        """Read models of which builds of an earlier version were seen, or of this one that were begun beside such."""
        self._remarks = Remarks(beside=settings.beside)
        self._pace = BuildPace(settings.build_decisions_per_s, self._live_is_behind)
        self._turn = asyncio.Lock()
        """Lanes come and go one call at a time."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Whose logs are read."""
        return tuple(dict.fromkeys(projection.kind for projection in self._projections))

    # ── the group ───────────────────────────────────────────────────────────────────────────────────────

    async def assigned(self, wheres: Iterable[PartitionId]) -> None:
        """Project these partitions, and no others."""
        mine = frozenset(wheres)
        unknown = [one for one in self._projections if one.name not in self._builds]
        with suppress(SinkError):  # then they are asked for again, and lanes begin when they are known
            await asyncio.gather(*map(self._ask, unknown))
            self._remarks.kept(self._builds)
        async with self._turn:
            await self._assign(mine)
        if not self._looking:
            self._looking = [
                asyncio.create_task(self._look(), name="look at stored checkpoints"),
                asyncio.create_task(self._look_at_logs(), name="look at logs"),
            ]

    async def _assign(self, mine: frozenset[PartitionId]) -> None:
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

    async def pause(self) -> None:
        """Write nothing new until the group has spoken; what is under way comes to its end."""
        await asyncio.gather(*(lane.pause() for lane in self.lanes.values()))

    async def close(self) -> None:
        """Let all go."""
        for looking in self._looking:
            looking.cancel()
        await self.pause()
        async with self._turn:
            await asyncio.gather(*(self._end(name) for name in list(self.lanes)))
        self.tails.clear()

    def hints(self) -> dict[PartitionId, int]:
        """Return up to where all live lanes of a partition have written, for displays of the group's lag."""
        found: dict[PartitionId, int] = {}
        for name, lane in self.lanes.items():
            if lane.live and lane.written is not None:
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
        self.tails[where] = Tail(where, self._vocabularies[where.kind], self._settings)
        for projection in self._projections:
            if projection.kind == where.kind:
                for build in self._builds.get(projection.name, ()):
                    self._begin_lane(replace(projection, build=build.number), where, live=build.live)

    def _begin_lane(self, projection: Projection, where: PartitionId, *, live: bool) -> None:
        tail, mirror = self.tails[where], None
        if projection.hot is not None and self._hot is not None:
            mirror = Mirror(self._hot, hot_copy(projection, where), self._settings, build=projection.build)
        lane = Lane(
            projection, self._vocabularies[where.kind], tail, self._ports, self._settings, mirror,
            build_pace=self._pace,
        )  # fmt: skip
        lane.become(live=live, alone=not live and self._is_alone(projection))
        tasks = [asyncio.create_task(lane.run(), name=str(lane.name))]
        if mirror is not None:
            self.mirrors[lane.name] = mirror
            tasks.append(asyncio.create_task(mirror.run(), name=f"hot copy of {lane.name}"))
        self.lanes[lane.name], self._tasks[lane.name] = lane, tasks

    async def _end(self, name: LaneName) -> None:
        pending = set(self._tasks.pop(name, ()))
        while pending:  # a driver that is cancelled while its server dies may tell of the death alone
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=self._settings.hand_over_s + ASK_AGAIN_S)
        lane = self.lanes.pop(name, None)
        if lane is not None and name.where in self.tails:
            self.tails[name.where].unfollow(lane)
        self.mirrors.pop(name, None)

    # ── builds ──────────────────────────────────────────────────────────────────────────────────────────

    def _live_is_behind(self) -> bool:
        return any(lane.live and lane.phase in {"loading", "catching up"} for lane in self.lanes.values())

    async def _ask(self, projection: Projection) -> bool:
        """Ask which builds are kept up to date here; return whether they are others than before.

        They are those of this release's version. A lane of what is live in another one does nothing but say so.
        """
        builds = await self._ports.builds.of(projection)
        self._remarks.found(projection, builds)
        found = self._mine(projection, builds)
        changed = found != self._builds.get(projection.name)
        self._builds[projection.name] = found
        return changed

    def _mine(self, projection: Projection, builds: Sequence[Build]) -> Sequence[Build]:
        own = [build for build in builds if build.version == projection.version]
        if not self._settings.beside:
            return [build for build in builds if build.live or build in own]
        before = any(build.version < projection.version for build in builds)
        if before or any(build.raised_by == RELEASE for build in own):
            self._raised.add(projection.name)
        return own if projection.name in self._raised else []

    async def _follow_builds(self, projection: Projection) -> None:
        """Begin lanes of new builds, end those of retired ones, and tell the others whether they are live."""
        builds = self._builds[projection.name]
        live: dict[int | None, bool] = {build.number: build.live for build in builds}
        async with self._turn:
            mine = [lane for lane in self.lanes.values() if lane.projection.name == projection.name]
            for lane in mine:
                if lane.projection.build not in live:
                    await self._end(lane.name)
            self._rename([lane for lane in mine if lane.projection.build in live], live)
            there = {(lane.projection.build, lane.name.where) for lane in mine}
            for where in [where for where in self.tails if where.kind == projection.kind]:
                for build in builds:
                    if (build.number, where) not in there:
                        self._begin_lane(replace(projection, build=build.number), where, live=build.live)

    def _is_alone(self, projection: Projection) -> bool:
        """Whether what is live is of another version."""
        live = [build for build in self._builds[projection.name] if build.live]
        return not live or live[0].version != projection.version

    def _rename(self, lanes: Sequence[Lane], live: Mapping[int | None, bool]) -> None:
        """Tell lanes whether they are live; two may change names with each other."""
        held = [
            (self.lanes.pop(lane.name), self._tasks.pop(lane.name), self.mirrors.pop(lane.name, None))
            for lane in lanes
        ]
        for lane, tasks, mirror in held:
            if lane.live != live[lane.projection.build]:
                lane.become(live=not lane.live, alone=lane.live and self._is_alone(lane.projection))
            self.lanes[lane.name], self._tasks[lane.name] = lane, tasks
            if mirror is not None:
                self.mirrors[lane.name] = mirror

    async def _look(self) -> None:
        """Look for builds, and compare stored checkpoints with the lanes': of a rebuild idle lanes would not notice."""
        while True:
            await asyncio.sleep(self._settings.look_s)
            for projection in self._projections:
                try:
                    if await self._ask(projection):
                        await self._follow_builds(projection)
                    for build in self._builds[projection.name]:
                        await self._compare(replace(projection, build=build.number))
                except SinkError:
                    continue  # the lanes meet it too, and tell

    async def _look_at_logs(self) -> None:
        """See that logs are the ones that are read: a topic that is made anew is nothing that a consumer notices."""
        while True:
            await asyncio.sleep(self._settings.log_look_s)
            for lane in list(self.lanes.values()):
                await lane.look_at_log()

    async def _compare(self, projection: Projection) -> None:
        before = {lane: lane.written for lane in self.lanes.values() if lane.projection == projection}
        stored = await self._ports.store.positions(projection)
        for lane, written in before.items():
            where = lane.name.where
            if self.lanes.get(lane.name) is not lane or lane.writing or lane.written is not written:
                continue
            if written is None:
                if lane.phase == "halted" and where not in stored:
                    lane.reload()  # what could not be loaded is gone
                continue
            found = stored.get(where, START)
            if (found.next_offset, found.head) != (written.next_offset, written.head):
                lane.reload()
