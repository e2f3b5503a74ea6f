"""What the subscriptions of every kind have in common: admission, cursors, following, one event after the other."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeAlias

import structlog

from api.errors import BadArgument, BadCursor
from api.subscriptions.change import Change, Entry
from api.subscriptions.cursor import CursorCodec, Place, Places
from api.subscriptions.errors import CursorAhead, LogAway
from api.subscriptions.follow import Follow, FollowSettings
from api.subscriptions.hub import Hub
from api.subscriptions.interest import Interest, OnKey, OnParts, OnPrefix
from api.subscriptions.replay import Replays
from schemas.codec import SchemaError
from streams.log.positions import PartitionId, Position
from streams.wire.keys import MAX_NAME_BYTES, place

DEFAULT_SETTINGS = FollowSettings()
BEGUN: Place = (1, 0)
"""The beginning of the log is known."""
SHARD_MARK: Final = "#"
"""Between a resource's name and the number of a shard."""
EventItem: TypeAlias = Callable[[Change, int, str], Any | None]
"""(change, place of the event in it, cursor) -> what is sent; None: nothing."""


class KindStreams:
    """The live logs of one kind, for all connections of a process."""

    def __init__(
        self, hub: Hub, replays: Replays, codec: CursorCodec, settings: FollowSettings = DEFAULT_SETTINGS
    ) -> None:
        self.hub = hub
        self._replays = replays
        self._codec = codec
        self._settings = settings
        self._log = structlog.get_logger("tidelock.api.live")

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[None]:
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

    def on_key(self, tenant: str, name: str) -> OnKey:
        """Return the interest in one resource. Raises `BadArgument`."""
        problem, _, partition = place(tenant, name, len(self.hub.lanes))
        if problem is not None:
            raise BadArgument(problem.message, code=problem.code)
        return OnKey(tenant, name, PartitionId(self.hub.vocabulary.kind.name, partition))

    def on_prefix(self, tenant: str, prefix: str) -> OnPrefix:
        """Return the interest in all resources whose names start so. Raises `BadArgument`."""
        if len(prefix) > MAX_NAME_BYTES:
            raise BadArgument(f"`prefix` is longer than {MAX_NAME_BYTES} characters: no name starts so.")
        return OnPrefix(tenant, prefix, self.hub.partitions)

    def on_shards(self, tenant: str, name: str) -> OnParts:
        """Return the interest in all shards of a resource. Raises `BadArgument`."""
        if SHARD_MARK in name:
            what = self.hub.vocabulary.kind.name.removesuffix("s")
            raise BadArgument(f"A {SHARD_MARK} marks shards. Give the {what}'s name alone.")
        self.on_key(tenant, name)
        return OnParts(tenant, name, SHARD_MARK, self.hub.partitions)

    async def events(self, interest: Interest, after: str | None, item_of: EventItem) -> AsyncGenerator[Any]:
        """Yield an item for each event that there is one for."""
        follow = await self.begun(interest, after)
        async with aclosing(follow.entries()) as entries:
            async for entry in entries:
                change = entry.change
                if not self.readable(change):
                    continue
                for index in range(len(change.events)):
                    if follow.fresh(entry, (change.offset, change.first + index)):
                        item = _event(entry, index, follow, item_of)
                        if item is not None:
                            follow.cursor = item.cursor
                            yield item

    async def begun(self, interest: Interest, after: str | None) -> Follow:
        """Return what follows from now on, or from a cursor."""
        if after is None:
            lanes = self.hub.lanes
            follow = self.follow(interest, {where: lanes[where].place for where in interest.partitions})
            follow.cursor = follow.seal_start()
        else:
            follow = self.follow(interest, await self.opened(interest, after))
            follow.cursor = after
        return follow

    def follow(self, interest: Interest, places: dict[PartitionId, Place]) -> Follow:
        """Return what follows from these places on."""
        return Follow(interest, places, self.hub, self._replays, self._codec, self._settings)

    def seal(self, tenant: str, places: Places) -> str:
        """Return the cursor of these places."""
        return self._codec.seal(tenant, places)

    async def opened(self, interest: Interest, after: str) -> dict[PartitionId, Place]:
        """Return the places of a cursor that this node has come to. Raises `BadCursor`, `CursorAhead`."""
        claimed = self._codec.read(after)
        lanes = self.hub.lanes
        await self._reached({where: min(at, BEGUN) for where, at in claimed.places.items() if where in lanes})
        known = self._codec.check(interest.tenant, claimed)
        places = {where: known[where] for where in interest.partitions if where in known}
        if len(places) < len(interest.partitions):
            raise BadCursor(
                "`after` is of a subscription to something else. Give one as an item of this subscription had it."
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

    def readable(self, change: Change) -> bool:
        """Decode the events, or say aloud that nobody can; read models put such a decision aside too."""
        try:
            return bool(change.events)
        except SchemaError as error:
            self._log.error("an event cannot be read", position=str(change.position), error=str(error))
            return False


def _event(entry: Entry, index: int, follow: Follow, item_of: EventItem) -> Any | None:
    change, key = entry.change, (index, entry.places is None)
    if entry.shared and key in change.items:
        return change.items[key]
    cursor = follow.seal(entry, (change.offset, change.first + index + 1))
    item = item_of(change, index, cursor)
    if entry.shared:
        change.items[key] = item
    return item
