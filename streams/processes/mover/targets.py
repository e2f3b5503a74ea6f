"""Putting a batch into its target: which shard takes which message, and what a refusal means.

A refusal ends the whole batch at the owner, so one for good is narrowed down by halves to the messages that it is
about. Whatever else is refused, or not answered, is tried again: nothing is lost or dead by a doubt.
"""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace

from streams.domain.queues.commands import MoveFailure
from streams.domain.queues.settings import QueueRoute
from streams.processes.lane import LaneError, LaneRefused
from streams.processes.mover.batches import MAX_REASON, Batch
from streams.processes.mover.ports import QueueLane, Settled
from streams.wire.shards import shards_of

GONE = "QUEUE_UNKNOWN"
OTHER_ROUTE = "STALE_ROUTE"
FOR_GOOD = frozenset(
    {
        GONE, "BAD_ARGUMENT", "BAD_NAME", "BATCH_TOO_LARGE", "COMMAND_TOO_LARGE", "PAYLOAD_TOO_LARGE",
        "NO_SUBSCRIPTIONS", "DEAD_LETTER_LOOP",
    }
)  # fmt: skip
"""Refusals that the same message would meet for ever."""
MAX_ROUTES = 1000


class Targets:
    """Puts batches into queues. It learns their routes when they are needed, and again when one has changed."""

    def __init__(self, lane: QueueLane) -> None:
        self._lane = lane
        self._routes: OrderedDict[str, QueueRoute] = OrderedDict()

    async def put(self, target: str, batch: Batch) -> tuple[Settled, LaneError | None]:
        """Return what became of the messages, and the trouble that kept the others from being decided, if any."""
        attempt = _Attempt(self._lane, target)
        try:
            route = await self._route(target)
            await attempt.send(route, batch)
        except LaneRefused as refused:
            if refused.refusal in {GONE, OTHER_ROUTE}:
                self._routes.pop(target, None)
            if refused.refusal == OTHER_ROUTE:
                await self._catch_up(target, attempt.asked)
            if not _is_for_good(refused):
                return attempt.settled, refused
            attempt.fail(batch, refused)
        except LaneError as error:
            return attempt.settled, error
        return attempt.settled, None

    async def _route(self, target: str) -> QueueRoute:
        known = self._routes.get(target)
        if known is None:
            known = self._routes[target] = await self._lane.route(target)
            if len(self._routes) > MAX_ROUTES:
                self._routes.popitem(last=False)
        return known

    async def _catch_up(self, target: str, shard: int) -> None:
        """Tell a shard that is behind its queue's home: whoever resizes may have died before it could."""
        with suppress(LaneError):  # somebody else told it, or it is looked at again
            newest, known = await self._route(target), await self._lane.route(target, shard)
            if known.epoch < newest.epoch:
                await self._lane.tell(target, shard, newest)


class _Attempt:
    """One batch on its way into one queue."""

    def __init__(self, lane: QueueLane, target: str) -> None:
        self._lane = lane
        self._target = target
        self.asked = 0
        """The shard that was asked last."""
        self._moved: list[int] = []
        self._failed: list[MoveFailure] = []

    @property
    def settled(self) -> Settled:
        """What became of the messages so far."""
        return Settled(self._target, tuple(sorted(self._moved)), tuple(self._failed))

    async def send(self, route: QueueRoute, batch: Batch) -> None:
        """Send each message to its shard: while the queue is resized, to where its group may still be, first."""
        parts: dict[int, Batch] = {}
        for number, one in batch.items():
            first, home = shards_of(one.routing_key or "", route.shards, route.previous)
            parts.setdefault(first, {})[number] = replace(one, home=home)
        elsewhere: dict[int, Batch] = {}
        for shard, part in sorted(parts.items()):
            for number, one in (await self._into(shard, route, part)).items():
                elsewhere.setdefault(one.home, {})[number] = one
        for shard, part in sorted(elsewhere.items()):
            if await self._into(shard, route, part):
                raise LaneRefused(f"the route of {self._target} is changing", OTHER_ROUTE)

    def fail(self, batch: Batch, refused: LaneRefused) -> None:
        """Give up those of a batch of which nothing is known yet."""
        known = {*self._moved, *(failure.message for failure in self._failed)}
        reason = f"{refused.refusal} ({self._target}): {refused}"[:MAX_REASON]
        self._failed += [MoveFailure(number, reason) for number in batch if number not in known]

    async def _into(self, shard: int, route: QueueRoute, part: Batch) -> Batch:
        """Enqueue in one shard; return what it says belongs to another."""
        self.asked = shard
        try:
            results = await self._lane.enqueue(self._target, shard, route.epoch, tuple(part.values()))
        except LaneRefused as refused:
            if refused.refusal == GONE and shard:
                raise LaneRefused(str(refused), OTHER_ROUTE) from refused
            if refused.refusal == GONE or not _is_for_good(refused):
                raise
            return await self._narrowed(shard, route, part, refused)
        outcomes = dict(zip(part, results, strict=True))
        self._moved += [number for number, result in outcomes.items() if result.outcome != "MOVED"]
        return {number: one for number, one in part.items() if outcomes[number].outcome == "MOVED"}

    async def _narrowed(self, shard: int, route: QueueRoute, part: Batch, refused: LaneRefused) -> Batch:
        if len(part) == 1:
            self.fail(part, refused)
            return {}
        items, half = list(part.items()), len(part) // 2
        first = await self._into(shard, route, dict(items[:half]))
        return first | await self._into(shard, route, dict(items[half:]))


def _is_for_good(refused: LaneRefused) -> bool:
    return refused.refusal in FOR_GOOD
