"""Making, changing and counting a queue: every shard, so that a broken-off call can be made again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Unpack

from streams.domain.queues.replies import QueueStats, SubscriptionStats
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.wire.shards import MAX_SHARDS
from tidelock.client.errors import QueueExists, QueueNotEmpty, QueueUnknown, VersionConflict
from tidelock.client.names import check_shards
from tidelock.client.queues.access import Access
from tidelock.client.queues.resizing import Resize, ResizeProgress
from tidelock.client.queues.shards import inspect_all, inspect_shard, others
from tidelock.client.queues.terms import QueueOptions, settings_of
from tidelock.client.queues.views import Counts, QueueReport, added_up

MAX_TRIES = 10


class Administered:
    """What is done to a queue as a whole."""

    _access: Access

    async def create(self, *, shards: int = 1, **options: Unpack[QueueOptions]) -> None:
        """Make the queue. If it is there with the same settings and shards, that is fine. Raises `QueueExists`.

        Home is made last, as it is what tells of the others. A call that was broken off is continued by the next one
        with the same settings; otherwise `delete` removes what it left. Shards are never replaced, as they may be of
        somebody who makes the queue at this moment. After home all are looked at once more: a `delete` that came
        before home was there may have taken some.
        """
        check_shards(shards)
        settings, route = settings_of(**options), QueueRoute(1, shards, shards)
        queues, name = self._access.queues, self._access.name
        before = await self._home()
        if before is not None:
            if before.route.shards == before.route.previous == shards:
                route = before.route
            await queues.create(name, settings, route)  # refuses, if it is another one
        made = True
        while made:
            made = await self._make_missing(settings, route) and shards > 1
        for each in before.subscriptions if before is not None and settings.broadcast else ():
            await add_subscription(self._access, each.subscription)
        self._access.routes.learn(name, route)

    async def _make_missing(self, settings: QueueSettings, route: QueueRoute) -> bool:
        """Make the shards that are missing, home last; return whether any was."""
        queues, name, missing = self._access.queues, self._access.name, False
        try:
            for shard in reversed(range(route.shards)):
                missing |= not (await queues.create(name, settings, route, shard)).existed
        except QueueExists as error:
            if await self._home() is not None:
                raise
            raise left_over(name) from error
        return missing

    async def configure(self, **options: Unpack[QueueOptions]) -> QueueSettings:
        """Change some settings, in all shards; return all. Raises `VersionConflict` if others keep changing them."""
        queues, name = self._access.queues, self._access.name
        for _ in range(MAX_TRIES):
            home = await queues.inspect(name)
            settings = settings_of(home.settings, **options)
            with suppress(VersionConflict):
                await queues.configure(name, settings, version=home.version)
                await self._follow_home()
                return settings
        raise VersionConflict(
            f"The settings of {name!r} are changed all the time. Look who does it; try again."
        )

    async def _follow_home(self) -> None:
        """Give the other shards the home's settings. If somebody else does so at the same time, look again."""
        queues, name = self._access.queues, self._access.name
        home = await queues.inspect(name)
        for shard in others(home):
            for _ in range(MAX_TRIES):
                home, there = await queues.inspect(name), await inspect_shard(self._access, shard)
                if there.settings == home.settings:
                    break
                with suppress(VersionConflict):
                    await queues.configure(name, home.settings, version=there.version, shard=shard)

    async def pause(self) -> None:
        """Deliver nothing until `resume`; everything else goes on."""
        await self.configure(paused=True)

    async def resume(self) -> None:
        """Deliver again."""
        await self.configure(paused=False)

    async def delete(self, *, force: bool = False) -> int:
        """Remove the queue; return how many messages went with it. Raises `QueueNotEmpty` unless `force`.

        If there is none, that is fine. Home goes last, so that a call that was broken off is finished by the next one;
        and so is a `create` that did not get as far as home.
        """
        queues, name = self._access.queues, self._access.name
        removed = 0
        while (home := await self._home()) is None:
            removed += await self._delete_left_over(force)
            if await self._home() is None:  # else somebody has made it meanwhile
                return removed
        if not force:
            await self._refuse_to_lose(home)
        for shard in reversed((0, *others(home))):
            removed += await queues.delete(name, force=force, shard=shard)
        self._access.routes.forget(name)
        return removed

    async def _home(self) -> QueueStats | None:
        with suppress(QueueUnknown):
            return await self._access.queues.inspect(self._access.name)
        return None

    async def _delete_left_over(self, force: bool) -> int:
        """Remove shards without a home."""
        queues, name = self._access.queues, self._access.name
        each = (queues.delete(name, force=force, shard=shard) for shard in range(1, MAX_SHARDS))
        return sum(await asyncio.gather(*each))

    async def _refuse_to_lose(self, home: QueueStats) -> None:
        held = home.messages
        for shard in others(home):
            with suppress(QueueUnknown):  # an earlier delete has got so far
                held += (await self._access.queues.inspect(self._access.name, shard)).messages
        if held:
            error = QueueNotEmpty(
                f"Queue {self._access.name!r} still holds {held} messages. Drain or purge it, or delete it by force.",
                details=(("messages", str(held)),),
            )
            error.queue = self._access.name
            raise error

    async def stats(self) -> QueueReport:
        """Return the queue in numbers, never stale."""
        access = self._access
        shards = await inspect_all(access)
        home = shards[0]
        by_name: dict[str, list[Counts]] = {}
        for number, shard in enumerate(shards):
            for each in shard.subscriptions:
                by_name.setdefault(each.subscription, []).append(_counts(access, number, each))
        subscriptions = {name: added_up(each) for name, each in by_name.items()}
        return QueueReport(
            access.name,
            sum(each.messages for each in shards),
            sum(each.bytes for each in shards),
            added_up(list(subscriptions.values())),
            subscriptions,
            home.settings,
            home.version,
            home.route,
            shards,
        )

    async def resize(
        self,
        shards: int,
        *,
        wait: bool = True,
        progress: Callable[[ResizeProgress], None] | None = None,
    ) -> ResizeProgress:
        """Spread the queue over so many shards; return once it is done, or (not `wait`) under way.

        Groups that move are drained where they are before they go on elsewhere, so their order holds, and the window of
        dedup ids passes: it takes as long. A call that was broken off is continued by the next one, whatever it
        asks for. Shards that go are first emptied by their consumers; their dead letters are yours to redrive or purge.
        """
        return await Resize(self._access, shards, wait, progress).run()


def left_over(queue: str) -> QueueExists:
    """Return the error for shards that are in the way of a new queue, but are none."""
    error = QueueExists(
        f"Queue {queue!r} is not there, but shards of it are, with other settings: a create was broken off, or "
        "somebody else makes the queue at this moment. If it is not there in a while, delete it and create it again."
    )
    error.queue = queue
    return error


def _counts(access: Access, shard: int, each: SubscriptionStats) -> Counts:
    queues = access.queues
    oldest_s = 0.0
    if each.oldest_at:
        put_s = queues.place(access.name, shard).trusted_until(each.oldest_at)
        oldest_s = max(0.0, queues.clock.now() - put_s)
    return Counts(each.ready, each.delayed, each.leased, each.dead, each.moving, each.waiting, oldest_s)


async def add_subscription(access: Access, subscription: str) -> None:
    """Have every shard keep messages for a subscription, from now on."""
    for shard in range(len(await inspect_all(access))):
        await access.queues.add_subscription(access.name, subscription, shard)


async def remove_subscription(access: Access, subscription: str, *, force: bool) -> None:
    """Have every shard forget a subscription."""
    for shard in range(len(await inspect_all(access))):
        await access.queues.remove_subscription(access.name, subscription, force=force, shard=shard)
