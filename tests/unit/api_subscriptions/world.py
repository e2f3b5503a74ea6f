"""Logs written by the real decider, nodes that tail them step by step, and subscribers that say what they got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from api.errors import ApiError
from api.subscriptions.caches import LiveCaches
from api.subscriptions.cursor import CursorCodec
from api.subscriptions.follow import FollowSettings
from api.subscriptions.hub import Hub, HubLimits
from api.subscriptions.live import Live
from api.subscriptions.nodes import LiveNodes
from api.subscriptions.queues import LiveQueues
from api.subscriptions.replay import Replays
from api.subscriptions.subscriber import QueueLimits
from api.subscriptions.tail import Tail
from schemas.meta import CommandMeta
from storage.memory.log import MemoryTopic
from streams.domain.decider import Context, Requester
from streams.domain.kind import KindSpec
from streams.domain.locks.commands import AbortWait, AcquireLock, ReleaseLock, WaitEdge
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.state import FREE
from streams.log.accept import LogHead
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START, Checkpoint
from streams.log.envelope import encode
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.records import Claim, Commit, Genesis, LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.locks.stood import NOBODY, StoodAt, moved
from streams.wire.keys import place

WORDS = Vocabulary(LOCKS)
TENANT = "dev"
OWNER = b"o" * 16


class Ticking:
    """A broker's clock that moves by one with each record."""

    def __init__(self) -> None:
        self.now = 1_000

    def monotonic_ms(self) -> int:
        return self.now

    def wall_ms(self) -> int:
        self.now += 1
        return self.now


@dataclass
class Happened:
    """One event as the log has it: what every subscriber's account is held against."""

    where: PartitionId
    offset: int
    index: int
    tenant: str
    name: str
    event: Any
    after: Any
    """The lock, or queue, after its whole decision."""
    last: bool
    """Of its decision."""


class Logs:
    """All partitions of a kind, as their owners would write them."""

    spec: KindSpec = LOCKS
    words = WORDS

    def __init__(self, partitions: int, log_id: bytes = b"i" * 16, generation: int = 0) -> None:
        self.clock = Ticking()
        kind = self.spec.name
        self.wheres = [PartitionId(kind, number) for number in range(partitions)]
        self.topics = {where: MemoryTopic(self.clock) for where in self.wheres}
        self.heads = {where: LogHead() for where in self.wheres}
        self.numbers = dict.fromkeys(self.wheres, 0)
        self.locks: dict[str, Any] = {}
        self.happened: list[Happened] = []
        self.sequence = 0
        self.marks: dict[PartitionId, list[Checkpoint]] = {where: [START] for where in self.wheres}
        for where in self.wheres:
            self._write(where, Genesis(log_id, generation, kind, where.partition, partitions, 0))
            self._write(where, Claim(OWNER, "127.0.0.1:1", "1", 1))

    def where(self, name: str, tenant: str = TENANT) -> PartitionId:
        return self.wheres[place(tenant, name, len(self.wheres))[2]]

    def void(self, where: PartitionId) -> None:
        self.topics[where].append(b"a stranger's")
        self.heads[where].accept(len(self.topics[where].records) - 1, None, b"a stranger's")

    def commit(self, *asked: tuple[str, Any], tenant: str = TENANT) -> None:
        """Write one commit of the decisions on `(client, command)`, all of one partition.

        In the place of a command, a name: release that lock if the client holds it then, else ask for it.
        """
        decider, words = self.spec.decider, self.words
        where = self.where(self._name(asked[0][1]), tenant)
        offset, index, decisions = len(self.topics[where].records), 0, []
        for client, wanted in asked:
            command = self.move(wanted, client, tenant) if isinstance(wanted, str) else wanted
            name = self._name(command)
            assert self.where(name, tenant) == where
            self.sequence += 1
            key = f"{tenant}/{name}"
            before = self.locks.get(key) or decider.initial(key)
            context = Context(offset, 0, self.numbers[where] + 1)
            decided = decider.decide(command, self.who(client), before, context)
            after = before
            for event in decided.events:
                after = decider.evolve(after, event)
            self.locks[key] = after
            for event in decided.events:
                last = event is decided.events[-1]
                self.happened.append(Happened(where, offset, index, tenant, name, event, after, last))
                index += 1
            self.numbers[where] += len(decided.events)
            meta = CommandMeta(0, tenant, client, self.sequence, "1", 0, 2**50)
            decisions.append(
                LoggedDecision(
                    "DIRECT", "app", meta, b"h", type(command).__name__, key, decided.waiting,
                    tuple(map(words.encode_event, decided.events)), b"",
                )
            )  # fmt: skip
        head = self.heads[where]
        self._write(where, Commit(OWNER, head.head, head.n + 1, offset, offset, 1, None, tuple(decisions)))

    def who(self, client: str) -> Requester:
        """Whom decisions are made for."""
        return Requester("app", client, "1", self.sequence)

    def _name(self, command: Any) -> str:
        return command if isinstance(command, str) else self.spec.key_of(command)

    def toggle(self, name: str, client: str = "a", tenant: str = TENANT) -> None:
        """Have `client` release the lock if it holds it, else ask for it and wait."""
        self.commit((client, self.move(name, client, tenant)), tenant=tenant)

    def move(self, name: str, client: str = "a", tenant: str = TENANT) -> Any:
        lock = self.locks.get(f"{tenant}/{name}", FREE)
        for holder in lock.holders:
            if holder.client == client:
                return ReleaseLock(name, holder.token)
        return AcquireLock(name, "EXCLUSIVE", 60_000, 60_000)

    def deadlock(self, name: str, victim: str, tenant: str = TENANT) -> None:
        """Break a deadlock: `victim`, which waits for `name`, gives way."""
        (ticket,) = [one.ticket for one in self.locks[f"{tenant}/{name}"].waiters if one.client == victim]
        cycle = (WaitEdge("t1", name, ticket, "t2", 1), WaitEdge("t2", "other", 9, "t1", 2))
        self.commit(("detector", AbortWait(name, ticket, cycle)), tenant=tenant)

    def mark(self, where: PartitionId) -> None:
        """Leave a checkpoint at the end of the partition, as a projector does."""
        reader = CommitReader(where, self.words)
        for stored in self.topics[where].records:
            reader.read(stored)
        self.marks[where].append(reader.checkpoint)

    def expected(self, wanted: Callable[[Happened], bool]) -> list[tuple[PartitionId, int, int]]:
        return [(one.where, one.offset, one.index) for one in self.happened if wanted(one)]

    def _write(self, where: PartitionId, record: Genesis | Claim | Commit) -> None:
        data = encode(record)
        offset = self.topics[where].append(data).offset
        assert self.heads[where].accept(offset, record, data) is None


class Marks:
    """`LogMarks` over what `Logs.mark` left."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def marks(self, where: PartitionId) -> list[Checkpoint]:
        return self._logs.marks[where]

    async def mark_before(self, where: PartitionId, offset: int) -> Checkpoint:
        return [mark for mark in self._logs.marks[where] if mark.next_offset <= offset][-1]

    async def mark_before_time(self, where: PartitionId, time_ms: int) -> Checkpoint:
        raise NotImplementedError


class Projected:
    """`StoodLocks`: a read model that is as far as it is told to be."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.at = dict.fromkeys(logs.wheres, 0)

    async def stood(self, tenant: str, name: str, where: PartitionId, before: int | None) -> StoodAt:
        end = self.at[where] if before is None else min(before, self.at[where])
        stood, events, offset = NOBODY, [], 0
        for one in self._logs.happened:
            if (one.where, one.name, one.tenant) == (where, name, tenant) and one.offset < end:
                events.append(one.event)
                if one.last:
                    stood, events = moved(stood, events, one.offset, 7), []
        return StoodAt(end, offset, stood)


class Steered:
    """`LogTail` that yields what the test lets through."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._steps: asyncio.Queue[tuple[PartitionId, int] | None] = asyncio.Queue()
        self.at: dict[PartitionId, int] = {}

    def step(self, where: PartitionId, records: int) -> None:
        self._steps.put_nowait((where, records))

    def cut(self) -> None:
        self._steps.put_nowait(None)

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        self.at = dict(starts)
        while True:
            step = await self._steps.get()
            if step is None:
                raise LogUnavailable("the broker is away.")
            where, records = step
            start = self.at[where]
            found = self._logs.topics[where].records[start : start + records]
            self.at[where] = start + len(found)
            if found:
                yield {where: found}


class Node:
    """One API process: tail, hub, and what subscriptions are asked of."""

    def __init__(
        self,
        logs: Logs,
        *,
        queue: int = 1024,
        ring_bytes: int = 1 << 20,
        key: bytes = b"k",
        readers: int = 4,
        earlier: int = 4096,
    ) -> None:
        self.logs = logs
        self.steered = Steered(logs)
        self.hub = Hub(logs.words, HubLimits(ring_bytes=ring_bytes, queue=QueueLimits(items=queue)))
        self.projected = Projected(logs)
        self.codec = CursorCodec(logs.spec.name, key, self.hub.genesis_of)
        self.replays = Replays(
            Marks(logs), lambda where: logs.topics[where], logs.words, readers, pace_s=0.05
        )
        self.settings = FollowSettings(ahead_s=0.05)
        self.live_queues: LiveQueues | None = None
        self.live_caches: LiveCaches | None = None
        self.live_nodes: LiveNodes | None = None
        self.live = Live(self.hub, self.replays, self.codec, self.projected, self.settings)
        self._tail = Tail(self.hub, self.steered, self._ends, Marks(logs), first_pause_s=0, earlier=earlier)
        self._running: asyncio.Task[None] | None = None

    async def _ends(self) -> dict[PartitionId, int]:
        return {where: len(topic.records) for where, topic in self.logs.topics.items()}

    async def start(self) -> Node:
        self._running = asyncio.create_task(self._tail.run())
        await self.hub.ready.wait()
        return self

    async def catch_up(self) -> None:
        """Read everything that there is."""
        for where, topic in self.logs.topics.items():
            self.steered.step(where, len(topic.records))
            await self.hub.lanes[where].reached((len(topic.records), 0), 5)

    async def stop(self) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


@dataclass
class Watcher:
    """A subscriber that takes `allowed` items, then as many as it is allowed later."""

    items: list[Any] = field(default_factory=list)
    error: ApiError | None = None
    allowed: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    task: asyncio.Task[None] | None = None

    @property
    def cursor(self) -> str | None:
        """Where to resume: of the error, else of the last item."""
        if self.error is not None and "cursor" in (self.error.extensions or {}):
            found: str | None = (self.error.extensions or {})["cursor"]
            return found
        return self.items[-1].cursor if self.items else None

    @property
    def code(self) -> str | None:
        return None if self.error is None else (self.error.extensions or {})["code"]

    def watch(self, stream: Any) -> Watcher:
        self.task = asyncio.create_task(self._take(stream))
        return self

    def allow(self, count: int) -> None:
        for _ in range(count):
            self.allowed.release()

    async def got(self, count: int) -> list[Any]:
        """Take up to `count` items in all; return all."""
        self.allow(count)
        async with asyncio.timeout(30):
            while len(self.items) < count and self.error is None:
                await asyncio.sleep(0)
        return self.items

    async def ended(self) -> str | None:
        """Wait for the end; return the code of why."""
        assert self.task is not None
        self.allow(10_000)
        async with asyncio.timeout(30):
            await self.task
        return self.code

    async def leave(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _take(self, stream: Any) -> None:
        try:
            async with aclosing(stream) as items:
                await self.allowed.acquire()
                async for item in items:
                    self.items.append(item)
                    await self.allowed.acquire()
        except ApiError as error:
            self.error = error


async def settle(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
