"""Putting: calls that come while a command is under way travel together in the next one.

A lane is one shard. It has one command under way, so messages of one client keep their order; what comes
meanwhile waits, and goes in the next command: up to 500 messages and 400 KiB. With nothing under way a put goes at
once. When a worker tells another route, every lane comes to rest first, and what was not taken is spread anew in the
order in which it was put.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from operator import attrgetter
from typing import Final, TypeAlias

from streams.domain.decider import Rejected
from streams.domain.queues.commands import EnqueueMessages, NewMessage
from streams.domain.queues.replies import MessagesAccepted
from streams.domain.queues.settings import QueueRoute
from streams.domain.value import value
from streams.log.positions import Position
from tidelock.client.clock import sleep_until
from tidelock.client.errors import BatchTooLarge, QueueFull, QueueUnknown, TidelockError
from tidelock.client.pending import Outcome, Pending
from tidelock.client.queues.commands import Queues, problem
from tidelock.client.queues.ids import MessageId
from tidelock.client.queues.routes import Routes, shards_of, told_route

MAX_MESSAGES: Final = 500
MAX_BYTES: Final = 380 * 1024
"""Of messages in one command: a little below 400 KiB, for what surrounds them."""
OVERHEAD: Final = 48
REROUTE_S: Final = 0.05
"""How long to wait for a shard that has not heard of the newest route yet."""
MAX_UNSENT: Final = 100_000
"""Messages of one queue that may wait in the client; beyond it putting waits."""


@value
class Put:
    """A message that is in the queue. `duplicate`: it was before, under the same dedup id."""

    id: MessageId
    duplicate: bool
    position: Position | None
    """The commit that says so."""


Told: TypeAlias = Callable[["Put | TidelockError"], None]


class Parcel:
    """One message on its way, and who wants to know what becomes of it."""

    __slots__ = ("asked_home", "message", "number", "size", "told", "tried", "until_s")

    def __init__(self, message: NewMessage, number: int, until_s: float, told: Told) -> None:
        self.message = message
        self.number = number
        self.until_s = until_s
        """Until when its shard is looked for."""
        self.told = told
        self.size = size_of(message)
        self.tried = False
        """It was in a command that was refused as a whole, so others may be to blame."""
        self.asked_home = False
        """Its old shard gave it up."""


def size_of(message: NewMessage) -> int:
    """Return about how many bytes the message has in a command; not fewer."""
    size = len(message.payload) + OVERHEAD
    for text in (message.group, message.key, message.dedup_id):
        size += 4 * len(text) if text else 0
    for header in message.headers:
        size += 4 * (len(header.name) + len(header.value)) + 8
    return size


class Lane:
    """One shard, and what waits to go there."""

    __slots__ = ("most", "parcels", "sent", "shard")

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.parcels: deque[Parcel] = deque()
        self.sent: list[Parcel] = []
        """Under way."""
        self.most = MAX_MESSAGES
        """Messages in the next command: fewer after a refusal, to find the one to blame."""

    def take(self) -> list[Parcel]:
        """Return what goes into the next command."""
        parcels, taken, size = self.parcels, list[Parcel](), 0
        while parcels and len(taken) < self.most:
            size += parcels[0].size
            if taken and size > MAX_BYTES:
                break
            taken.append(parcels.popleft())
        return taken


class Producer:
    """Puts messages into one queue."""

    def __init__(self, queue: str, queues: Queues, routes: Routes) -> None:
        self._queue = queue
        self._queues = queues
        self._routes = routes
        self._lanes: dict[int, Lane] = {}
        self._route: QueueRoute | None = None
        self._held: list[Parcel] = []
        """To be spread by the next route."""
        self._why: Outcome = None
        """Why a route is looked for."""
        self._behind: dict[int, int] = {}
        """Shards that knew an older route than we did, and its epoch."""
        self._asking: asyncio.Task[None] | None = None
        self._patience_s = queues.session.settings.timeout_s
        self._numbers = self._gathering = 0
        self._open = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def is_full(self) -> bool:
        """Whether so many messages have no answer yet that more must wait."""
        return self._open >= MAX_UNSENT

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
        while self._open >= MAX_UNSENT:
            self._room.clear()
            await self._room.wait()

    def put(self, message: NewMessage, told: Told) -> None:
        """Send the message, at once or with those that come meanwhile. Raises `BatchTooLarge`."""
        until_s = self._queues.clock.now() + self._patience_s
        parcel = Parcel(message, self._numbers, until_s, told)
        if parcel.size > MAX_BYTES:
            raise BatchTooLarge(
                f"The message has about {parcel.size} bytes with its headers, more than a command may have. "
                "Put its payload elsewhere and enqueue a reference."
            )
        self._numbers += 1
        self._open += 1
        if self._route is None or self._held:
            self._hold([parcel])
        else:
            self._send(self._spread(parcel, self._route))

    # -- spreading -------------------------------------------------------------------------------------------

    def _spread(self, parcel: Parcel, route: QueueRoute) -> Lane:
        first, home = shards_of(parcel.message, route, self._routes.turn())
        if home != parcel.message.home:
            parcel.message = replace(parcel.message, home=home)
        lane = self._lane(home if parcel.asked_home else first)
        lane.parcels.append(parcel)
        return lane

    def _lane(self, shard: int) -> Lane:
        lane = self._lanes.get(shard)
        if lane is None:
            lane = self._lanes[shard] = Lane(shard)
        return lane

    def _hold(self, parcels: Sequence[Parcel]) -> None:
        """Wait for a route, and for every lane to be at rest."""
        self._held.extend(parcels)
        self._settle_route()

    def _settle_route(self) -> None:
        if not self._held or any(lane.sent for lane in self._lanes.values()):
            return
        if self._route is None:
            self._route = self._routes.known(self._queue)
        if self._route is None:
            self._ask_route()
            return
        for lane in self._lanes.values():
            self._held.extend(lane.parcels)
            lane.parcels.clear()
        held, self._held = sorted(self._held, key=attrgetter("number")), []
        now = self._queues.clock.now()
        for parcel in held:
            if parcel.until_s <= now and self._why is not None:
                self._tell(parcel, problem(self._why, self._queue))
                continue
            parcel.asked_home = False
            self._spread(parcel, self._route)
        for lane in tuple(self._lanes.values()):
            self._send(lane)

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
            held, self._held = self._held, []
            for parcel in held:
                self._tell(parcel, copy(error))
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
        while lane.parcels and not lane.sent and not self._held and not self._gathering:
            self._send_next(lane)

    def _send_next(self, lane: Lane) -> None:
        route = self._route
        assert route is not None
        taken = lane.sent = lane.take()
        command = EnqueueMessages(
            self._queue, lane.shard, route.epoch, tuple(parcel.message for parcel in taken)
        )
        sending: list[Pending] = []

        def done(outcome: Outcome) -> None:
            lane.sent = []
            self._done(lane, taken, outcome, sending)

        try:
            sending.append(self._queues.submit(command, on_done=done))
        except TidelockError as error:
            lane.sent = []
            self._fail(lane, taken, error)

    def _done(self, lane: Lane, taken: list[Parcel], outcome: Outcome, sending: list[Pending]) -> None:
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
        self, lane: Lane, taken: list[Parcel], reply: MessagesAccepted, position: Position | None
    ) -> None:
        lane.most = min(MAX_MESSAGES, 2 * lane.most)
        self._why = None
        moved: dict[Lane, None] = {}
        for parcel, result in zip(taken, reply.results, strict=True):
            if result.outcome == "MOVED":
                parcel.asked_home = True
                home = self._lane(parcel.message.home)
                home.parcels.append(parcel)
                moved[home] = None
            else:
                put_id = MessageId(lane.shard, reply.incarnation, result.message)
                self._tell(parcel, Put(put_id, result.outcome == "DUPLICATE", position))
        for home in moved:
            self._send(home)

    def _lost_its_way(self, lane: Lane, taken: list[Parcel], rejected: Rejected) -> bool:
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

    def _fail(self, lane: Lane, taken: list[Parcel], error: TidelockError) -> None:
        """Tell the one to blame; try the others again, in smaller companies."""
        if len(taken) > 1 and isinstance(error, BLAME_ONE):
            for parcel in taken:
                parcel.tried = True
            lane.parcels.extendleft(reversed(taken))
            lane.most = len(taken) // 2
            return
        if isinstance(error, QueueFull):
            while lane.parcels and lane.parcels[0].tried:
                taken.append(lane.parcels.popleft())
        if isinstance(error, QueueUnknown):
            self._route = None
            self._routes.forget(self._queue)
        lane.most = min(MAX_MESSAGES, 2 * lane.most)
        for parcel in taken:
            self._tell(parcel, copy(error))

    def _tell(self, parcel: Parcel, outcome: "Put | TidelockError") -> None:
        self._open -= 1
        if self._open < MAX_UNSENT and not self._room.is_set():
            self._room.set()
        parcel.told(outcome)


BLAME_ONE: Final = (ValueError, QueueFull)
"""What one message can do to the others of its command: `BadArgument` is a `ValueError`."""
