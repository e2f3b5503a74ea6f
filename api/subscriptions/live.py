"""What the schema's subscriptions ask for: items, each with the cursor that goes on behind it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import structlog

from api.errors import ApiError, BadArgument, BadCursor
from api.subscriptions.change import Change, Entry
from api.subscriptions.convert import deadlock_item, event_item, first_item, update_item
from api.subscriptions.cursor import CursorCodec, Place, Places
from api.subscriptions.errors import CursorAhead, LogAway, StateLost
from api.subscriptions.follow import Follow, FollowSettings
from api.subscriptions.hub import Hub
from api.subscriptions.interest import Interest, OnCommand, OnKey, OnPrefix
from api.subscriptions.replay import Replays
from api.subscriptions.types import DeadlockBroken, LockEvent, LockUpdate
from schemas.codec import SchemaError
from streams.domain.locks.events import LockWaitAborted
from streams.log.positions import PartitionId, Position
from streams.projections.locks.reads import KIND
from streams.projections.locks.stood import Stood, StoodAt, StoodLocks, moved
from streams.projections.reads import ReadsUnavailable, ReadTooSlow
from streams.wire.keys import MAX_NAME_BYTES, place

LOOK_UPS = 4
"""At a time: when everybody comes at once, queries keep the other connections."""
LOOK_UP_S = 10.0
"""How long one may wait for its turn to look up."""
DEFAULT_SETTINGS = FollowSettings()
LOCK = "lock"
ABORT = "AbortWait"
"""The one command that breaks deadlocks."""
BEGUN: Place = (1, 0)
"""The beginning of the log is known."""


class Live:
    """Live locks, for all connections of a process."""

    def __init__(
        self,
        hub: Hub,
        replays: Replays,
        codec: CursorCodec,
        locks: StoodLocks,
        settings: FollowSettings = DEFAULT_SETTINGS,
    ) -> None:
        self.hub = hub
        self._replays = replays
        self._codec = codec
        self._locks = locks
        self._settings = settings
        self._looking_up = asyncio.Semaphore(LOOK_UPS)
        self._log = structlog.get_logger("tidelock.api.live")

    async def lock(self, tenant: str, name: str, after: str | None = None) -> AsyncGenerator[LockUpdate]:
        """Yield the lock as it stands, then after each change; with `after`, the changes alone."""
        async with self._served():
            interest = self._on_lock(tenant, name)
            where = interest.where
            resumed = None if after is None else (await self._opened(interest, after))[where]
            at = await self._stood(interest, None if resumed is None else resumed[0])
            follow = self._follow(interest, {where: (at.next_offset, 0)})
            if after is None:
                follow.cursor = follow.seal_start()
                yield first_item(where, name, at, follow.cursor)
            else:
                follow.cursor = after
            stood = at.stood
            async with aclosing(follow.entries()) as entries:
                async for entry in entries:
                    change = entry.change
                    if not follow.fresh(entry, (change.offset, change.first)) or not self._readable(change):
                        continue
                    stood = _moved(change, stood, follow.cursor)
                    if resumed is None or change.end > resumed:
                        item = _update(entry, stood, follow)
                        follow.cursor = item.cursor
                        yield item

    async def lock_events(
        self, tenant: str, name: str | None = None, prefix: str | None = None, after: str | None = None
    ) -> AsyncGenerator[LockEvent]:
        """Yield what happens to one lock, or to all whose names start with `prefix`."""
        async with self._served():
            if (name is None) == (prefix is None):
                raise BadArgument("Give either `name` or `prefix`; an empty prefix means all locks.")
            if prefix is not None and len(prefix) > MAX_NAME_BYTES:
                raise BadArgument(f"`prefix` is longer than {MAX_NAME_BYTES} characters: no name starts so.")
            interest: Interest = (
                OnPrefix(tenant, prefix or "", self.hub.partitions)
                if name is None
                else self._on_lock(tenant, name)
            )
            follow = await self._begun(interest, after)
            async with aclosing(follow.entries()) as entries:
                async for entry in entries:
                    change = entry.change
                    if not self._readable(change):
                        continue
                    for index in range(len(change.events)):
                        if follow.fresh(entry, (change.offset, change.first + index)):
                            item = _event(entry, index, follow)
                            if item is not None:
                                follow.cursor = item.cursor
                                yield item

    async def deadlocks(self, tenant: str, after: str | None = None) -> AsyncGenerator[DeadlockBroken]:
        """Yield deadlocks as they are broken."""
        async with self._served():
            follow = await self._begun(OnCommand(tenant, ABORT, self.hub.partitions), after)
            async with aclosing(follow.entries()) as entries:
                async for entry in entries:
                    change = entry.change
                    if not self._readable(change):
                        continue
                    for index, event in enumerate(change.events):
                        at = change.first + index
                        if isinstance(event, LockWaitAborted) and follow.fresh(entry, (change.offset, at)):
                            cursor = follow.seal(entry, (change.offset, at + 1))
                            follow.cursor = cursor
                            yield deadlock_item(change, event, cursor)

    @asynccontextmanager
    async def _served(self) -> AsyncGenerator[None]:
        """Count as one of the subscriptions of a process that has found the logs."""
        with self.hub.admitted():
            try:
                async with asyncio.timeout(self._settings.ahead_s):
                    await self.hub.ready.wait()
            except TimeoutError:
                raise LogAway(
                    "This node has not reached the log yet. Try again, or another node.", None, 1000
                ) from None
            yield

    def _on_lock(self, tenant: str, name: str) -> OnKey:
        problem, _, partition = place(tenant, name, len(self.hub.lanes))
        if problem is not None:
            raise BadArgument(problem.message, code=problem.code)
        return OnKey(tenant, name, PartitionId(KIND, partition))

    async def _begun(self, interest: Interest, after: str | None) -> Follow:
        if after is None:
            lanes = self.hub.lanes
            follow = self._follow(interest, {where: lanes[where].place for where in interest.partitions})
            follow.cursor = follow.seal_start()
        else:
            follow = self._follow(interest, await self._opened(interest, after))
            follow.cursor = after
        return follow

    def _follow(self, interest: Interest, places: dict[PartitionId, Place]) -> Follow:
        return Follow(interest, places, self.hub, self._replays, self._codec, self._settings)

    async def _opened(self, interest: Interest, after: str) -> dict[PartitionId, Place]:
        """Return the places of a cursor that this node has come to. Raises `BadCursor`, `CursorAhead`."""
        claimed = self._codec.read(after)
        lanes = self.hub.lanes
        await self._reached({where: min(at, BEGUN) for where, at in claimed.places.items() if where in lanes})
        known = self._codec.check(interest.tenant, claimed)
        places = {where: known[where] for where in interest.partitions if where in known}
        if len(places) < len(interest.partitions):
            raise BadCursor(
                "`after` is of a subscription to other locks. Give one as an item of this subscription had it."
            )
        await self._reached(places)
        return places

    async def _reached(self, places: Places) -> None:
        """Wait until this node has come to `places`. Raises `CursorAhead`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.ahead_s
        for where, at in places.items():
            lane = self.hub.lanes[where]
            if not await lane.reached(at, until - loop.time()):
                raise CursorAhead(
                    f"{Position(where, at[0])} is ahead of this node, which is at "
                    f"{Position(where, lane.next_offset)}. Try again, or another node.",
                    retry_after_ms=1000,
                )

    async def _stood(self, interest: OnKey, before: int | None) -> StoodAt:
        try:
            async with self._turn():
                return await self._locks.stood(interest.tenant, interest.name, interest.where, before)
        except (ReadsUnavailable, ReadTooSlow) as error:
            raise ApiError(str(error), code=error.code, retry_after_ms=1000) from error

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Wait for a turn to look up, not for ever. Raises `ReadsUnavailable`."""
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await self._looking_up.acquire()
        except TimeoutError:
            raise ReadsUnavailable(
                "The read models are slow, and too many wait for them. Try again, or another node."
            ) from None
        try:
            yield
        finally:
            self._looking_up.release()

    def _readable(self, change: Change) -> bool:
        """Decode the events, or say aloud that nobody can; read models put such a decision aside too."""
        try:
            return bool(change.events)
        except SchemaError as error:
            self._log.error("an event cannot be read", position=str(change.position), error=str(error))
            return False


def _moved(change: Change, stood: Stood, cursor: str | None) -> Stood:
    """Return the lock after `change`: what the subscriber before made of it, if it began with the same."""
    made = change.evolved
    if made is not None and (made[0] is stood or made[0] == stood):
        after: Stood = made[1]
        return after
    try:
        after = moved(stood, change.events, change.offset, change.time_ms)
    except LookupError as error:
        raise StateLost(
            f"{change.position} does not fit the lock as the read model had it. Subscribe again without `after`.",
            cursor,
        ) from error
    change.evolved = (stood, after)
    return after


def _update(entry: Entry, stood: Stood, follow: Follow) -> LockUpdate:
    items = entry.change.items
    made: tuple[Stood, LockUpdate] | None = items.get(LOCK)
    if made is None or made[0] is not stood:
        cursor = follow.seal(entry, entry.change.end)
        made = items[LOCK] = (stood, update_item(entry.change, stood, cursor))
    return made[1]


def _event(entry: Entry, index: int, follow: Follow) -> LockEvent | None:
    change, key = entry.change, (index, entry.places is None)
    if entry.shared and key in change.items:
        item: LockEvent | None = change.items[key]
        return item
    cursor = follow.seal(entry, (change.offset, change.first + index + 1))
    item = event_item(change, index, cursor)
    if entry.shared:
        change.items[key] = item
    return item
