"""Queues in memory, decided by the real decider, with a log that movers tail and lanes that fail as they like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from random import Random
from typing import Any

from schemas.meta import CommandMeta
from streams.domain.decider import TIMER, Context, Rejected, Requester, Tick
from streams.domain.queues import commands as c
from streams.domain.queues import replies as r
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.settings import QueueRoute
from streams.log.accepted import CommitReader
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.processes.identity import Identity
from streams.processes.lane import LaneRefused, LaneUnavailable
from streams.processes.mover.moves import Lane, Moves, Source
from streams.processes.mover.ports import Page, Settled
from streams.processes.mover.process import MoverProcess, MoverState
from streams.processes.start import begin_at_the_start
from tests.unit.replay.logbook import FAR_MS
from tests.unit.replay.queue_logbook import HERE, WORDS, QueueBook, settings


class World:
    """One partition of queues: its states and its log. Its clock moves when it is told to."""

    def __init__(self) -> None:
        self.book = QueueBook().begun()
        self.states: dict[str, Any] = {}
        self.now = 0
        self.changed = asyncio.Event()
        self._sequence = 0

    def do(self, command: Any, client: str = "app", principal: str = "app") -> Any:
        """Decide a command; return the answer. Raises `LaneRefused`."""
        key = f"dev/{QUEUES.key_of(command)}"
        reply = self._decide(key, command, Requester(principal, client, "1", self._sequence + 1))
        if isinstance(reply, Rejected):
            raise LaneRefused(reply.message, reply.code)
        return reply

    def tick(self, name: str) -> None:
        """Let the owner's timer look at a queue."""
        self._decide(f"dev/{name}", Tick(), TIMER)

    def state(self, name: str) -> Any:
        """Return a shard as it stands."""
        return self.states.get(f"dev/{name}", QUEUES.decider.initial(name))

    def attached(self, name: str, reply: Any) -> tuple[Any, ...]:
        """Return what is sent beside an answer."""
        assert QUEUES.attached is not None
        return QUEUES.attached(self.state(name), reply)

    def _decide(self, key: str, command: Any, who: Requester) -> Any:
        state = self.states.get(key, QUEUES.decider.initial(key))
        self._sequence += 1
        decision = QUEUES.decider.decide(command, who, state, Context(self.now, 0, self.book.number + 1))
        for event in decision.events:
            state = QUEUES.decider.evolve(state, event)
        self.states[key] = state
        meta = CommandMeta(1, "dev", who.client, self._sequence, who.handle, 0, FAR_MS)
        made = LoggedDecision(
            "DIRECT" if who.client else "TIMER", who.principal, meta,
            f"{self._sequence}".encode() if who.client else b"", type(command).__name__, key, decision.waiting,
            tuple(map(WORDS.encode_event, decision.events)),
            WORDS.encode_reply(decision.reply) if who.client else b"",
        )  # fmt: skip
        self.book.number += len(decision.events)
        self.book.commit(made, lease_ms=self.now)
        self.changed.set()
        return decision.reply

    # -- what tests do with it -------------------------------------------------------------------------------

    def create(self, queue: str, shards: int = 1, **changes: Any) -> None:
        """Make a queue with all its shards."""
        for shard in range(shards):
            self.do(c.CreateQueue(queue, shard, settings(**changes), QueueRoute(1, shards, shards)))

    def enqueue(self, queue: str, *payloads: bytes, group: str | None = None) -> None:
        """Put messages in."""
        messages = [c.NewMessage(each, group, None, -1, 0, None, (), 0, None) for each in payloads]
        self.do(c.EnqueueMessages(queue, 0, 0, tuple(messages)))

    def kill(self, queue: str, count: int, reason: str = "no") -> None:
        """Let so many messages of a queue that tries only once fail."""
        got = self.do(c.ReceiveMessages(queue, 0, "", count, 0, 0))
        receipts = tuple(c.Receipt(each.message, got.token) for each in got.messages)
        self.do(c.NackMessages(queue, 0, "", receipts, -1, reason, False))

    def moving(self, name: str) -> bool:
        """Say whether something is on its way from a shard."""
        stats = self.do(c.InspectQueue(name, 0))
        return any(each.moving for each in stats.subscriptions)

    def found(self, name: str) -> list[r.MessageBody]:
        """Return what is in a shard, oldest first."""
        return [body for _, body in self.standing(name)]

    def standing(self, name: str) -> list[tuple[r.PeekedMessage, r.MessageBody]]:
        """Return what is in a shard, and in which state, oldest first."""
        queue, _, shard = name.partition("#")
        found: list[tuple[r.PeekedMessage, r.MessageBody]] = []
        after, more = 0, True
        while more:
            page = self.do(c.PeekMessages(queue, int(shard or 0), "", None, after, 100))
            found += zip(page.messages, self.attached(name, page), strict=True)
            after, more = page.next, page.more
        return found


class WorldTail:
    """The log as a tail, piece by piece."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        """Yield what comes, for ever."""
        start = starts[HERE]
        while True:
            records = self._world.book.records[start : start + 7]
            if records:
                start += len(records)
                yield {HERE: records}
                await asyncio.sleep(0)
            else:
                self._world.changed.clear()
                await self._world.changed.wait()


class WorldLane:
    """Sends commands into the world. Some get lost on their way, of some the answer; `trouble`: of 100."""

    def __init__(self, world: World, client: str, random: Random, trouble: int, mute: bool) -> None:
        self._world = world
        self._client = client
        self._random = random
        self._trouble = trouble
        self._mute = mute
        """True: nothing is ever confirmed."""

    async def peek(self, source: Source, after: int, limit: int) -> Page:
        command = c.PeekMessages(source.queue, source.number, source.subscription, "MOVING", after, limit)
        page = await self._do(command)
        bodies = self._world.attached(source.shard, page)
        messages = tuple(zip(page.messages, bodies, strict=True))
        return Page(page.incarnation, messages, page.next if page.more else None)

    async def route(self, queue: str, shard: int = 0) -> QueueRoute:
        stats = await self._do(c.InspectQueue(queue, shard))
        route: QueueRoute = stats.route
        return route

    async def tell(self, queue: str, shard: int, route: QueueRoute) -> None:
        await self._do(c.RouteQueue(queue, shard, route))

    async def enqueue(
        self, queue: str, shard: int, epoch: int, messages: tuple[c.NewMessage, ...]
    ) -> tuple[r.EnqueueResult, ...]:
        accepted = await self._do(c.EnqueueMessages(queue, shard, epoch, messages))
        results: tuple[r.EnqueueResult, ...] = accepted.results
        return results

    async def confirm(self, source: Source, incarnation: int, settled: Settled) -> None:
        if self._mute:
            raise LaneUnavailable("killed")
        command = c.ConfirmMoves(
            source.queue, source.number, source.subscription, incarnation, settled.moved, settled.failed,
            settled.to,
        )  # fmt: skip
        await self._do(command)

    async def _do(self, command: Any) -> Any:
        await self._wander()
        if self._random.randrange(100) < self._trouble:
            raise LaneUnavailable("lost on its way")
        reply = self._world.do(command, self._client, "mover")
        await self._wander()
        if self._random.randrange(100) < self._trouble:
            raise LaneUnavailable("its answer was lost")
        return reply

    async def _wander(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


class News:
    """What a mover tells."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.states: list[MoverState] = []

    def settled(self, lane: Lane, settled: Settled) -> None:
        assert settled, lane

    def state(self, state: MoverState) -> None:
        self.states.append(state)

    def trouble(self, error: Exception) -> None:
        self.troubles.append(getattr(error, "refusal", "") or type(error).__name__)


def mover(
    world: World,
    client: str = "m1",
    random: Random | None = None,
    trouble: int = 0,
    mute: bool = False,
    begun: tuple[list[CommitReader], Moves] | None = None,
) -> tuple[MoverProcess, News]:
    """Return a mover; `begun`: where it begins, if not at the start of the world's log."""
    news = News()
    lane = WorldLane(world, client, random or Random(1), trouble, mute)
    readers, moves = begun or (begin_at_the_start([HERE], WORDS), Moves())
    made = MoverProcess(Identity("dev", client), WORDS, readers, WorldTail(world), lane, news, moves)
    return made, news
