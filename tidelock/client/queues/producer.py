"""Putting: calls that come while a command is under way travel together in the next one.

A lane is one shard. It has one command under way, so messages of one client keep their order; what comes
meanwhile waits, and goes in the next command: up to 500 messages and 400 KiB. With nothing under way a put goes at
once. When a worker tells another route, every lane comes to rest first, and what was not taken is spread anew in the
order in which it was put.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from operator import attrgetter
from typing import Final

from streams.domain.decider import Rejected
from streams.domain.queues.commands import EnqueueMessages, NewMessage
from streams.domain.queues.replies import MessagesAccepted
from streams.domain.queues.settings import QueueRoute
from streams.log.positions import Position
from tidelock.client.clock import sleep_until
from tidelock.client.errors import QueueFull, QueueUnknown, TidelockError
from tidelock.client.pending import Outcome, Pending
from tidelock.client.queues.commands import Queues
from tidelock.client.queues.ids import MessageId
from tidelock.client.queues.puts import MAX_MESSAGES, Lane, OnPut, PendingPut, Put
from tidelock.client.queues.routes import Routes, shards_of, told_route
from tidelock.client.rejections import problem

__all__ = ["MAX_MESSAGES", "MAX_UNSENT", "MAX_UNSENT_BYTES", "Producer", "Put"]

REROUTE_S: Final = 0.05
"""How long to wait for a shard that has not heard of the newest route yet."""
MAX_UNSENT: Final = 100_000
MAX_UNSENT_BYTES: Final = 64 * 1024 * 1024
"""Messages of one queue that may wait in the client, and their bytes, about; beyond either, putting waits."""
BLAME_ONE: Final = (ValueError, QueueFull)
"""What one message can do to the others of its command: `BadArgument` is a `ValueError`."""


class Producer:
    """Puts messages into one queue."""

    def __init__(self, queue: str, queues: Queues, routes: Routes) -> None:
        self._queue = queue
        self._queues = queues
        self._routes = routes
        self._lanes: dict[int, Lane] = {}
        self._route: QueueRoute | None = None
        self._held: list[PendingPut] = []
        """To be spread by the next route."""
        self._why: Outcome = None
        """Why a route is looked for."""
        self._behind: dict[int, int] = {}
        """Shards that knew an older route than we did, and its epoch."""
        self._asking: asyncio.Task[None] | None = None
        self._patience_s = queues.session.settings.timeout_s
        self._numbers = self._gathering = 0
        self._unsent = self._unsent_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def is_full(self) -> bool:
        """Whether so many messages, or bytes, have no answer yet that more must wait."""
        return self._unsent >= MAX_UNSENT or self._unsent_bytes >= MAX_UNSENT_BYTES

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Send nothing until all that comes in this block is here, so that it travels together."""
        self._gathering += 1
        try:
            yield
        finally:
            self._gathering -= 1
            if not self._gathering:
                for lane in tuple(self._lanes.values()):
                    self._send(lane)

    async def room(self) -> None:
        """Return once there is room for more messages."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    def put(self, message: NewMessage, told: OnPut) -> None:
        """Send the message, at once or with those that come meanwhile."""
        until_s = self._queues.clock.now() + self._patience_s
        put = PendingPut(message, self._numbers, until_s, told)
        self._numbers += 1
        self._unsent += 1
        self._unsent_bytes += put.size
        if self._route is None or self._held:
            self._hold([put])
        else:
            self._send(self._spread(put, self._route))

    # -- spreading -------------------------------------------------------------------------------------------

    def _spread(self, put: PendingPut, route: QueueRoute) -> Lane:
        first, home = shards_of(put.message, route, self._routes.turn())
        if home != put.message.home:
            put.message = replace(put.message, home=home)
        lane = self._lane(home if put.asked_home else first)
        lane.puts.append(put)
        return lane

    def _lane(self, shard: int) -> Lane:
        lane = self._lanes.get(shard)
        if lane is None:
            lane = self._lanes[shard] = Lane(shard)
        return lane

    def _hold(self, puts: Sequence[PendingPut]) -> None:
        """Wait for a route, and for every lane to be at rest."""
        self._held.extend(puts)
        self._settle_route()

    def _settle_route(self) -> None:
        if not self._held or any(lane.sent for lane in self._lanes.values()):
            return
        if self._route is None:
            self._route = self._routes.known(self._queue)
        if self._route is None:
            self._ask_route()
            return
        now = self._queues.clock.now()
        for put in self._waiting():
            if put.until_s <= now and self._why is not None:
                self._tell(put, problem(self._why, self._queue))
                continue
            put.asked_home = False
            self._spread(put, self._route)
        for lane in tuple(self._lanes.values()):
            self._send(lane)

    def _waiting(self) -> list[PendingPut]:
        """Take and return all that is not under way, in the order in which it was put."""
        for lane in self._lanes.values():
            self._held.extend(lane.puts)
            lane.puts.clear()
        held, self._held = sorted(self._held, key=attrgetter("number")), []
        return held

    def _ask_route(self) -> None:
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._asked(), name="tidelock-put-route")

    async def _asked(self) -> None:
        try:
            if self._why is not None:
                clock = self._queues.clock
                pause_s = random.uniform(REROUTE_S, 2 * REROUTE_S)  # noqa: S311
                await sleep_until(clock, clock.now() + pause_s)
            self._route = await self._routes.ask(self._queue)
            await self._catch_up(self._route)
        except TidelockError as error:
            for put in self._waiting():
                self._tell(put, copy(error))
            return
        finally:
            self._asking = None
        self._settle_route()

    async def _catch_up(self, route: QueueRoute) -> None:
        """Tell the shards that were behind: whoever resizes may have died before it could."""
        behind, self._behind = self._behind, {}
        for shard, epoch in behind.items():
            if epoch < route.epoch:
                with suppress(TidelockError):  # somebody else told it, or it is looked at again
                    await self._queues.route(self._queue, route, shard)

    # -- sending ---------------------------------------------------------------------------------------------

    def _send(self, lane: Lane) -> None:
        if self._route is None and lane.puts:  # an answer to those before them says that the queue is gone
            puts = tuple(lane.puts)
            lane.puts.clear()
            self._hold(puts)
            return
        while lane.puts and not lane.sent and not self._held and not self._gathering:
            self._send_next(lane)

    def _send_next(self, lane: Lane) -> None:
        route = self._route
        assert route is not None
        taken = lane.sent = lane.take()
        command = EnqueueMessages(self._queue, lane.shard, route.epoch, tuple(put.message for put in taken))
        sending: list[Pending] = []

        def done(outcome: Outcome) -> None:
            lane.sent = []
            self._done(lane, taken, outcome, sending)

        try:
            sending.append(self._queues.submit(command, on_done=done))
        except TidelockError as error:
            lane.sent = []
            self._fail(lane, taken, error)

    def _done(self, lane: Lane, taken: list[PendingPut], outcome: Outcome, sending: list[Pending]) -> None:
        if type(outcome) is MessagesAccepted:
            self._accepted(lane, taken, outcome, sending[0].position if sending else None)
        elif isinstance(outcome, Rejected) and self._lost_its_way(lane, taken, outcome):
            pass
        else:
            error = problem(outcome, self._queue)
            error.position = sending[0].position if sending else None
            self._fail(lane, taken, error)
        if self._held:
            self._settle_route()
        else:
            self._send(lane)

    def _accepted(
        self, lane: Lane, taken: list[PendingPut], reply: MessagesAccepted, position: Position | None
    ) -> None:
        lane.most = min(MAX_MESSAGES, 2 * lane.most)
        self._why = None
        moved: dict[Lane, None] = {}
        for put, result in zip(taken, reply.results, strict=True):
            if result.outcome == "MOVED":
                put.asked_home = True
                home = self._lane(put.message.home)
                home.puts.append(put)
                moved[home] = None
            else:
                put_id = MessageId(lane.shard, reply.incarnation, result.message)
                self._tell(put, Put(put_id, result.outcome == "DUPLICATE", position))
        for home in moved:
            self._send(home)

    def _lost_its_way(self, lane: Lane, taken: list[PendingPut], rejected: Rejected) -> bool:
        """Look for the way anew if that may help: the route changed, or the queue was made anew with fewer shards.

        A shard may be ahead of us, or behind until the change has reached it.
        """
        if rejected.code != "STALE_ROUTE" and (rejected.code != "QUEUE_UNKNOWN" or lane.shard == 0):
            return False
        told, known = told_route(rejected), self._route
        self._why = rejected
        self._route = None
        self._routes.forget(self._queue)
        if told is not None and known is not None and told.epoch > known.epoch:
            self._route = told
            self._routes.learn(self._queue, told)
        elif told is not None:
            self._behind[lane.shard] = told.epoch
        self._held.extend(taken)
        return True

    def _fail(self, lane: Lane, taken: list[PendingPut], error: TidelockError) -> None:
        """Tell the one to blame; try the others again, in smaller companies."""
        if len(taken) > 1 and isinstance(error, BLAME_ONE):
            for put in taken:
                put.tried = True
            lane.puts.extendleft(reversed(taken))
            lane.most = len(taken) // 2
            return
        if isinstance(error, QueueFull):
            while lane.puts and lane.puts[0].tried:
                taken.append(lane.puts.popleft())
        if isinstance(error, QueueUnknown):
            self._route = None
            self._routes.forget(self._queue)
        lane.most = min(MAX_MESSAGES, 2 * lane.most)
        for put in taken:
            self._tell(put, copy(error))

    def _tell(self, put: PendingPut, outcome: Put | TidelockError) -> None:
        self._unsent -= 1
        self._unsent_bytes -= put.size
        if not self._room.is_set() and not self.is_full:
            self._room.set()
        put.told(outcome)
