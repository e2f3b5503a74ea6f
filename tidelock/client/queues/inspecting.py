"""Looking at messages, giving dead letters new attempts, removing: shard by shard, as one."""

from collections.abc import Sequence

from streams.domain.queues.commands import State
from streams.domain.queues.replies import QueueStats
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
            more, number = True, begin.number if shard == begin.shard else 0
            while more and len(found) < limit:
                reply, bodies = await self._access.queues.peek(
                    self.name, shard=shard, subscription=self._subscription, state=state, after=number,
                    limit=min(limit - len(found), MAX_PEEKED),
                )  # fmt: skip
                for standing, body in zip(reply.messages, bodies, strict=True):
                    found.append(
                        PeekedView(MessageId(shard, reply.incarnation, standing.message), standing, body)
                    )
                more, number = reply.more, reply.next
        return found

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
        say which it would be. Raises `BadArgument`, and does nothing, if a message is of a queue that is no more.
        """
        wanted = [MessageId.parse(each) if isinstance(each, str) else each for each in messages]
        stats = await inspect_all(self._access)
        self._refuse_former(wanted, stats)
        chosen: list[MessageId] = []
        for shard, numbers in _named(wanted) or [(shard, ()) for shard in range(len(stats))]:
            more, after, left = True, 0, _left(limit, chosen)
            while more and left > 0:
                reply = await self._access.queues.redrive(
                    self.name, shard=shard, subscription=self._subscription, messages=numbers, group=group,
                    reason=reason, to=to, limit=min(left, MAX_REDRIVEN), dry_run=dry_run,
                    after=after,
                )  # fmt: skip
                chosen += (MessageId(shard, stats[shard].incarnation, number) for number in reply.messages)
                more, after, left = reply.more, reply.next, _left(limit, chosen)
        return chosen

    def _refuse_former(self, wanted: list[MessageId], stats: Sequence[QueueStats]) -> None:
        """Raise `BadArgument` for messages of a queue of this name that was deleted: their numbers are given anew."""
        former = [
            str(each)
            for each in wanted
            if each.shard >= len(stats) or each.incarnation != stats[each.shard].incarnation
        ]
        if former:
            raise BadArgument(
                f"Not of queue {self.name!r} as it is now, but of shards that were deleted: {', '.join(former):.500}. "
                "Nothing was redriven: leave them out, or peek what is dead now.",
                details=tuple(("message", each) for each in former),
            )

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


def _named(wanted: list[MessageId]) -> list[tuple[int, tuple[int, ...]]]:
    """Return messages by shard, oldest first, as many at a time as one command may name."""
    shards: dict[int, set[int]] = {}
    for each in wanted:
        shards.setdefault(each.shard, set()).add(each.number)
    return [
        (shard, tuple(numbers[start : start + MAX_REDRIVEN]))
        for shard, numbers in sorted((shard, sorted(some)) for shard, some in shards.items())
        for start in range(0, len(numbers), MAX_REDRIVEN)
    ]


def _left(limit: int | None, chosen: list[MessageId]) -> int:
    return MAX_REDRIVEN if limit is None else limit - len(chosen)
