"""Looking at messages, giving dead letters new attempts, removing: shard by shard, as one."""

from collections.abc import AsyncIterator

from streams.domain.queues.commands import State
from tidelock.client.errors import BadArgument
from tidelock.client.queues.access import Access
from tidelock.client.queues.ids import MessageId
from tidelock.client.queues.shards import inspect_all
from tidelock.client.queues.views import PeekedView

MAX_REDRIVEN, MAX_PURGED, MAX_PEEKED = 500, 5_000, 100


class Inspected:
    """The messages of one queue or subscription, looked at from outside."""

    def __init__(self, access: Access, subscription: str) -> None:
        self._access = access
        self._subscription = subscription

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._access.name

    async def peek(
        self, limit: int = 20, *, state: State | None = None, after: MessageId | str | None = None
    ) -> list[PeekedView]:
        """Look at messages without leasing them, shard by shard in the order of their numbers, behind `after`."""
        if not 1 <= limit <= 100_000:
            raise BadArgument(f"limit {limit} is out of range. Choose 1 to 100000.")
        begin = MessageId.parse(after) if isinstance(after, str) else after or MessageId(0, 0, 0)
        found: list[PeekedView] = []
        for shard in range(begin.shard, len(await inspect_all(self._access))):
            number = begin.number if shard == begin.shard else 0
            async for view in self._peeked(shard, state, number):
                found.append(view)
                if len(found) == limit:
                    return found
        return found

    async def _peeked(self, shard: int, state: State | None, after: int) -> AsyncIterator[PeekedView]:
        queues, more = self._access.queues, True
        while more:
            reply, bodies = await queues.peek(
                self.name,
                shard=shard,
                subscription=self._subscription,
                state=state,
                after=after,
                limit=MAX_PEEKED,
            )
            for standing, body in zip(reply.messages, bodies, strict=True):
                yield PeekedView(MessageId(shard, reply.incarnation, standing.message), standing, body)
            more, after = reply.more, reply.next

    async def redrive(
        self,
        *messages: MessageId | str,
        group: str | None = None,
        reason: str | None = None,
        to: str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> list[MessageId]:
        """Give dead letters new attempts, oldest first, here or in the queue `to`; return which.

        Only `messages`, if any are given; only those of `group`, and whose reason holds `reason`. With `dry_run` only
        say which it would be.
        """
        wanted = [MessageId.parse(each) if isinstance(each, str) else each for each in messages]
        chosen: list[MessageId] = []
        stats = await inspect_all(self._access)
        for shard in sorted({each.shard for each in wanted}) or range(len(stats)):
            incarnation = stats[shard].incarnation if shard < len(stats) else 0
            numbers = tuple(each.number for each in wanted if each.shard == shard)
            more, after, left = True, 0, _left(limit, chosen)
            while more and left > 0:
                reply = await self._access.queues.redrive(
                    self.name, shard=shard, subscription=self._subscription, messages=numbers, group=group,
                    reason=reason, to=to, limit=min(left, MAX_REDRIVEN), dry_run=dry_run,
                    after=after,
                )  # fmt: skip
                chosen += (MessageId(shard, incarnation, number) for number in reply.messages)
                more, after, left = reply.more, reply.next, _left(limit, chosen)
        return chosen

    async def purge(self, state: State = "READY", *, limit: int | None = None) -> int:
        """Remove messages that are READY, DELAYED or DEAD, oldest first; return how many."""
        removed = 0
        for shard in range(len(await inspect_all(self._access))):
            more, after = True, 0
            while more and (limit is None or removed < limit):
                most = MAX_PURGED if limit is None else min(MAX_PURGED, limit - removed)
                reply = await self._access.queues.purge(
                    self.name, state, shard=shard, subscription=self._subscription, limit=most, after=after
                )
                removed += len(reply.messages)
                more, after = reply.more, reply.next
        return removed


def _left(limit: int | None, chosen: list[MessageId]) -> int:
    return MAX_REDRIVEN if limit is None else limit - len(chosen)
