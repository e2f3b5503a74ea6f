"""Receiving from all shards of a queue as from one, by its newest route.

Nobody tells a receive of shards that it does not ask, so the route is asked for anew every `FRESH_S`, also while it
waits. A wait that ends because the shards change goes on in the new ones.
"""

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

from streams.domain.arguments import within
from streams.domain.queues.commands import ReceiveMessages
from streams.domain.queues.limits import MAX_WAIT_MS
from streams.domain.queues.replies import Delivery
from streams.domain.queues.settings import QueueRoute
from streams.domain.value import value
from tidelock.client.errors import OutcomeUnknown, QueueUnknown, TidelockError
from tidelock.client.pending import Pending
from tidelock.client.queues.access import Access
from tidelock.client.queues.codecs import Codec
from tidelock.client.queues.commands import receive_command
from tidelock.client.queues.message import Message, messages_of
from tidelock.client.queues.routes import FRESH_S
from tidelock.client.queues.shards import incomplete
from tidelock.client.rejections import problem, rejection_error
from tidelock.client.terms import ms_of

_T = TypeVar("_T")

ROUTE_CHANGED = "ROUTE_CHANGED"


@value
class Receive:
    """What is asked for."""

    most: int
    """Messages."""
    wait: float
    """For the first of them, s."""
    lease: float | None
    """In s; None: the queue's."""

    def check(self) -> None:
        """Raise `BadArgument` for a wait that nobody can have."""
        refused = within("wait_ms", ms_of(self.wait, "wait"), 0, MAX_WAIT_MS)
        if refused is not None:
            raise rejection_error(refused)


class Misrouted(Exception):
    """The queue has other shards than those that were asked."""

    def __init__(self, error: TidelockError, shard: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.shard = shard


class Receiver(Generic[_T]):
    """Receives from one queue, or one subscription of it."""

    def __init__(self, access: Access, codec: Codec[_T], subscription: str) -> None:
        self._access = access
        self._codec = codec
        self._subscription = subscription

    async def receive(self, asked: Receive) -> list[Message[_T]]:
        """Return what the first shard that has messages gives. A cancelled call leaves nothing leased behind."""
        asked.check()
        routes, clock, name = self._access.routes, self._access.queues.clock, self._access.name
        until_s = clock.now() + asked.wait
        route = await routes.fresh(name)
        while True:
            left_s = max(0.0, until_s - clock.now())
            try:
                found = await self._by(route, Receive(asked.most, min(left_s, FRESH_S), asked.lease))
                if found or left_s <= FRESH_S:
                    return found
                route = await routes.fresh(name)
            except Misrouted as misrouted:
                before, route = route, await routes.renewed(name)
                if route == before and isinstance(misrouted.error, QueueUnknown):
                    raise incomplete(name, misrouted.shard) from misrouted.error

    async def _by(self, route: QueueRoute, asked: Receive) -> list[Message[_T]]:
        """Look into one shard after the other, then wait at all of them. Raises `Misrouted`."""
        shards = max(route.shards, route.previous)
        first = self._access.routes.turn()
        order = [(first + step) % shards for step in range(shards)]
        if shards > 1:
            for shard in order:
                found = await self._first([self._command(shard, asked, 0.0)])
                if found:
                    return found
            if asked.wait <= 0:
                return []
        return await self._first([self._command(shard, asked, asked.wait) for shard in order])

    def _command(self, shard: int, asked: Receive, wait: float) -> ReceiveMessages:
        return receive_command(self._access.name, shard, self._subscription, asked.most, wait, asked.lease)

    async def _first(self, commands: Sequence[ReceiveMessages]) -> list[Message[_T]]:
        """Return what the first of these receives brings, and undo the others."""
        queues = self._access.queues
        pendings = {queues.ask_receive(each): each for each in commands}
        try:
            return await self._brought(pendings)
        finally:
            for pending, command in pendings.items():
                queues.withdraw_nowait(pending, command)

    async def _brought(self, pendings: dict[Pending, ReceiveMessages]) -> list[Message[_T]]:
        left = {
            asyncio.ensure_future(self._access.queues.session.outcome(each, keep=True)): each
            for each in pendings
        }
        try:
            while left:
                done, _ = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                for future in [each for each in left if each in done]:  # in the order of their turns
                    pending = left.pop(future)
                    found = self._delivered(pending, pendings)
                    if found:
                        return found
        finally:
            for future in left:
                future.cancel()
        return []

    def _delivered(self, pending: Pending, pendings: dict[Pending, ReceiveMessages]) -> list[Message[_T]]:
        outcome, command = pending.outcome, pendings[pending]
        if not isinstance(outcome, OutcomeUnknown):
            del pendings[pending]
        if type(outcome) is Delivery:
            settler = self._access.settler(command.shard, self._subscription)
            return messages_of(outcome, pending, settler, self._codec, self._access.queues.clock, None)
        error = problem(outcome, self._access.name)
        error.position = pending.position
        if error.code == ROUTE_CHANGED or (command.shard and isinstance(error, QueueUnknown)):
            raise Misrouted(error, command.shard)
        raise error
