"""Live locks: items, each with the cursor that goes on behind it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from api.errors import BadArgument
from api.subscriptions.change import Change, Entry
from api.subscriptions.convert import deadlock_item, event_item, first_item, update_item
from api.subscriptions.cursor import CursorCodec
from api.subscriptions.errors import StateLost
from api.subscriptions.follow import Follow, FollowSettings
from api.subscriptions.hub import Hub
from api.subscriptions.interest import Interest, OnCommand, OnKey
from api.subscriptions.look_ups import LookUps
from api.subscriptions.replay import Replays
from api.subscriptions.streams import DEFAULT_SETTINGS, KindStreams
from api.subscriptions.types import DeadlockBroken, LockEvent, LockUpdate
from streams.domain.locks.events import LockWaitAborted
from streams.projections.locks.stood import Stood, StoodAt, StoodLocks, moved

LOCK = "lock"
ABORT = "AbortWait"
"""The one command that breaks deadlocks."""


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
        self._streams = KindStreams(hub, replays, codec, settings)
        self._locks = locks
        self._looking_up = LookUps()

    async def lock(self, tenant: str, name: str, after: str | None = None) -> AsyncGenerator[LockUpdate]:
        """Yield the lock as it stands, then after each change; with `after`, the changes alone."""
        streams = self._streams
        async with streams.served():
            interest = streams.on_key(tenant, name)
            where = interest.where
            resumed = None if after is None else (await streams.opened(interest, after))[where]
            at = await self._stood(interest, None if resumed is None else resumed[0])
            follow = streams.follow(interest, {where: (at.next_offset, 0)})
            if after is None:
                follow.cursor = follow.seal_start()
                yield first_item(where, name, at, follow.cursor)
            else:
                follow.cursor = after
            stood = at.stood
            async with aclosing(follow.entries()) as entries:
                async for entry in entries:
                    change = entry.change
                    if not follow.fresh(entry, (change.offset, change.first)) or not streams.readable(change):
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
        streams = self._streams
        async with streams.served():
            if (name is None) == (prefix is None):
                raise BadArgument("Give either `name` or `prefix`; an empty prefix means all locks.")
            interest: Interest = (
                streams.on_prefix(tenant, prefix or "") if name is None else streams.on_key(tenant, name)
            )
            async with aclosing(streams.events(interest, after, event_item)) as items:
                async for item in items:
                    yield item

    async def deadlocks(self, tenant: str, after: str | None = None) -> AsyncGenerator[DeadlockBroken]:
        """Yield deadlocks as they are broken."""
        streams = self._streams
        async with streams.served():
            follow = await streams.begun(OnCommand(tenant, ABORT, self.hub.partitions), after)
            async with aclosing(follow.entries()) as entries:
                async for entry in entries:
                    change = entry.change
                    if not streams.readable(change):
                        continue
                    for index, event in enumerate(change.events):
                        at = change.first + index
                        if isinstance(event, LockWaitAborted) and follow.fresh(entry, (change.offset, at)):
                            cursor = follow.seal(entry, (change.offset, at + 1))
                            follow.cursor = cursor
                            yield deadlock_item(change, event, cursor)

    async def _stood(self, interest: OnKey, before: int | None) -> StoodAt:
        locks = self._locks
        return await self._looking_up.ask(
            lambda: locks.stood(interest.tenant, interest.name, interest.where, before)
        )


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
