"""One subscriber's way: from its place through what it missed to the live end, without a gap and without a repeat.

What it missed comes from the hub's newest commits, or from the log itself where those do not reach back that far, at
the subscriber's own pace. The step into the live stream is one turn of the event loop: what is left is queued and the
queue attached before another commit can come in.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from api.subscriptions.change import Entry, changes_of, with_place
from api.subscriptions.cursor import CursorCodec, Place, Places
from api.subscriptions.errors import LogAway
from api.subscriptions.hub import Hub, halted
from api.subscriptions.interest import Interest, OnKey
from api.subscriptions.replay import Replays
from api.subscriptions.subscriber import Subscriber
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.projections.ports import SinkUnavailable

ROW = 8
CROWD = 32
"""Entries, then it is the others' turn; of all who are read to together, so many: when hundreds resume at once, the
node still answers."""


@value
class FollowSettings:
    """How long anything may take."""

    ahead_s: float = 5.0
    """How long a node that is behind a cursor is waited for."""


class Follow:
    """The entries of one subscription, and where it stands."""

    def __init__(
        self,
        interest: Interest,
        places: dict[PartitionId, Place],
        hub: Hub,
        replays: Replays,
        codec: CursorCodec,
        settings: FollowSettings,
    ) -> None:
        self.interest = interest
        self.cursor: str | None = None
        """Of the last item that was handed out."""
        self._places = places
        self._start = dict(places)
        self._hub = hub
        self._replays = replays
        self._codec = codec
        self._settings = settings
        self._row = 0
        self._turn = hub.limits.queue.items // 2
        self._turn_bytes = hub.limits.queue.bytes // 2

    def fresh(self, entry: Entry, place: Place) -> bool:
        """Say whether `place` of the entry's partition is not before where the subscription began."""
        return place >= self._start[entry.change.where]

    def seal(self, entry: Entry, place: Place) -> str:
        """Return the cursor behind `place` of the entry's change."""
        return self._codec.seal(self.interest.tenant, with_place(entry.places, entry.change.where, place))

    def seal_start(self) -> str:
        """Return the cursor of where it stands before the first entry."""
        return self._codec.seal(self.interest.tenant, self._places)

    async def entries(self) -> AsyncGenerator[Entry]:
        """Yield what comes, for ever. Raises `ApiError`."""
        while True:
            self._check()
            far = self._before_the_ring()
            if far is not None:
                async with aclosing(self._from_the_log(far)) as entries:
                    async for entry in entries:
                        yield entry
                continue
            backlog, complete = self._from_the_rings()
            if complete:
                break
            for entry in backlog:
                await self._pause()
                yield entry
        subscriber = Subscriber(self.interest, self._hub.limits.queue)
        for entry in backlog:
            subscriber.push(entry)
        self._hub.attach(subscriber)
        try:
            while True:
                entry = await subscriber.next(self.cursor)
                await self._pause()
                yield entry
        finally:
            self._hub.detach(subscriber)

    async def _pause(self) -> None:
        """Give way to others now and then: sending does not wait as long as there is room."""
        self._row += 1
        if self._row >= ROW or self._row * self._replays.listeners >= CROWD:
            self._row = 0
            await asyncio.sleep(0)

    def _check(self) -> None:
        if self._hub.ending is not None:
            raise self._hub.ending(self.cursor)
        for where in self._places:
            error = self._hub.lanes[where].halted
            if error is not None:
                raise halted(error)(self.cursor)

    def _before_the_ring(self) -> PartitionId | None:
        for where, place in self._places.items():
            if place[0] < self._hub.lanes[where].ring_start:
                return where
        return None

    def _from_the_rings(self) -> tuple[list[Entry], bool]:
        """Return what is missing, or the first part of it; True: it is all, up to this turn of the loop."""
        backlog: list[Entry] = []
        taken = 0
        for where in tuple(self._places):
            lane = self._hub.lanes[where]
            for commit in lane.since(self._places[where]):
                for entry in self._wanted(commit):
                    backlog.append(entry)
                    taken += entry.change.size
                self._places[where] = (commit.offset + 1, 0)
                if len(backlog) >= self._turn or taken >= self._turn_bytes:
                    return backlog, False
            self._places[where] = max(lane.place, self._places[where])
        return backlog, True

    def _wanted(self, commit: AcceptedCommit) -> list[Entry]:
        """Return the entries of one commit from where the subscription stands in it."""
        where, wants = commit.where, self.interest.wants
        others: Places | None = dict(self._places) if self.interest.several else None
        begin = self._places[where]
        return [
            Entry(change, others, False)
            for change in changes_of(commit, self._hub.vocabulary, wants)
            if change.end > begin
        ]

    async def _from_the_log(self, where: PartitionId) -> AsyncGenerator[Entry]:
        """Yield what the log holds, up to about where the hub's newest commits begin."""
        start, end = self._places[where][0], self._hub.lanes[where].ring_start
        key = self.interest.key if isinstance(self.interest, OnKey) else None
        try:
            async with aclosing(self._replays.turns(where, start, end)) as turns:
                async for turn in turns:
                    for commit in turn.of(key):
                        for entry in self._wanted(commit):
                            await self._pause()
                            yield entry
                        self._move(where, commit.offset + 1)
                    self._move(where, turn.next_offset)
                    self._check()
        except (LogUnavailable, SinkUnavailable) as error:
            raise LogAway(
                f"What you missed cannot be read now ({error.code}). Go on from `cursor`, or try another node.",
                self.cursor, retry_after_ms=1000,
            ) from error  # fmt: skip
        except LogHalt as error:
            raise halted(error)(self.cursor) from error

    def _move(self, where: PartitionId, next_offset: int) -> None:
        self._places[where] = max(self._places[where], (next_offset, 0))
