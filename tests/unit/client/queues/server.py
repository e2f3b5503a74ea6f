"""A worker that decides queues with the real decider, in memory, by the clock that the test turns."""

import asyncio
from typing import Any

from schemas.messages import bind
from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Tick
from streams.domain.queues.kind import QUEUES
from streams.wire.frames import frame
from streams.wire.keys import key_of
from streams.wire.messages import (
    Answer,
    Answers,
    Barrier,
    BarrierPassed,
    Done,
    EndSession,
    KindInfo,
    Welcome,
)
from streams.wire.murmur2 import partition_of
from tests.unit.client import worker as locks
from tests.unit.client.worker import FRAMES, MARK_MS, PARTITIONS, TENANT, FakeClock

COMMANDS = bind("queues", tuple(each.type for each in QUEUES.commands)) | bind("wire", (Barrier, EndSession))
REPLIES = bind("queues", QUEUES.replies) | bind("wire", (Done, Rejected, BarrierPassed))
LEASE_START_MS = 1_000_000


STEP_S = 0.05


async def let_pass(clock: FakeClock, seconds: float) -> None:
    """Turn the clock, in steps between which frames travel: a worker that is silent for 10 s counts as hung."""
    end_s = clock.time + seconds
    while clock.time < end_s:
        clock.turn_to(min(end_s, clock.time + STEP_S))
        await asyncio.sleep(0)


class Connection(locks.FakeConnection):
    """The worker's end of one connection."""

    worker: "QueueWorker"  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        for record in self._splitter.feed(data):
            if self.hello is None:
                self.hello = FRAMES.decode(record)
                self.worker.greet(self)
            else:
                meta, command = COMMANDS.decode_command(record)
                self.worker.commanded(self, meta, command)


class QueueWorker:
    """One owner of all partitions. `held`: commands of these types are not decided until `let`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.connections: list[locks.FakeConnection] = []
        self.seen: list[Any] = []
        """All commands that came, in order."""
        self.events: list[tuple[str, Any]] = []
        self.held: tuple[type, ...] = ()
        self.refuse: dict[type, Rejected] = {}
        self.principal = "tester"
        """Whom it takes every client for."""
        self._waiting: list[tuple[Connection, Any, Any]] = []
        self._states: dict[str, Any] = {}
        self._answers: dict[tuple[str, int], tuple[Connection, int]] = {}
        self._stored: dict[tuple[str, int], tuple[str, Any, bool]] = {}
        self._number = 1
        self._server: Any = None
        self.hellos = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> "QueueWorker":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)  # type: ignore[arg-type]
        return self

    async def stop(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.drop()
        for connection in self.connections:
            await connection.closed.wait()

    def greet(self, connection: Connection) -> None:
        self.hellos += 1
        kinds = (KindInfo("queues", PARTITIONS), KindInfo("locks", PARTITIONS))
        connection.send(Welcome(1, "w", TENANT, "tester", kinds, (), self._mark_ms(), 1000))

    def _mark_ms(self) -> int:
        return MARK_MS + int((self.clock.time - 1000) * 1000)

    @property
    def now(self) -> int:
        """Lease time, of all partitions."""
        return LEASE_START_MS + int((self.clock.time - 1000) * 1000)

    def commanded(self, connection: Connection, meta: Any, command: Any) -> None:
        if isinstance(command, Barrier):
            self._send(connection, meta.sequence, command.partition, BarrierPassed(1), ())
            return
        self.seen.append(command)
        if isinstance(command, self.held):
            self._waiting.append((connection, meta, command))
            return
        self._decide(connection, meta, command)

    def let(self) -> None:
        """Decide what was held, in order; hold nothing more."""
        self.held = ()
        waiting, self._waiting = self._waiting, []
        for connection, meta, command in waiting:
            self._decide(connection, meta, command)

    def forget(self) -> None:
        """Drop what was held, and hang up."""
        self.held, self._waiting = (), []
        for connection in self.connections:
            connection.drop()

    def of(self, kind: type) -> list[Any]:
        """Return the commands of a type that came."""
        return [each for each in self.seen if type(each) is kind]

    def state(self, shard: str) -> Any:
        """Return a shard's state."""
        return self._states[key_of(TENANT, shard)]

    def _decide(self, connection: Connection, meta: Any, command: Any) -> None:
        key = key_of(TENANT, QUEUES.key_of(command))
        asked = (meta.client, meta.sequence)
        self._answers[asked] = (connection, meta.sequence)
        stored = self._stored.get(asked)
        if stored is not None:
            self._answer(meta.client, meta.sequence, *stored)
            return
        if type(command) in self.refuse:
            self._answer(*asked, key, self.refuse[type(command)], False)
            return
        who = Requester(self.principal, meta.client, meta.handle, meta.sequence)
        decision = self._apply(key, command, who)
        self._answer(*asked, key, decision.reply, decision.waiting)
        self._settle(key, decision)
        self._arm(key)

    def _apply(self, key: str, command: Any, who: Requester) -> Decision[Any, Any]:
        decider = QUEUES.decider
        state = self._states.get(key) or decider.initial(key)
        decision = decider.decide(command, who, state, Context(self.now, 1, self._number))
        self._number += max(1, len(decision.events))
        for event in decision.events:
            state = decider.evolve(state, event)
            self.events.append((key, event))
        self._states[key] = state
        return decision

    def _settle(self, key: str, decision: Decision[Any, Any]) -> None:
        for event in decision.events:
            settled = QUEUES.decider.settles(event)
            if settled is not None:
                self._answer(settled.client, settled.sequence, key, settled.reply, False)

    def _answer(self, client: str, sequence: int, key: str, reply: Any, waiting: bool) -> None:
        self._stored[client, sequence] = (key, reply, waiting)
        connection, number = self._answers[client, sequence]
        attached = () if isinstance(reply, Rejected) else QUEUES.attached(self._states[key], reply)  # type: ignore[misc]
        self._send(
            connection,
            number,
            partition_of(key, PARTITIONS),
            reply,
            tuple(map(REPLIES.encode, attached)),
            waiting,
        )

    def _send(
        self, connection: Connection, sequence: int, partition: int, reply: Any, payloads: tuple[bytes, ...],
        waiting: bool = False,
    ) -> None:  # fmt: skip
        answer = Answer(sequence, waiting, REPLIES.encode(reply), payloads)
        answers = Answers("queues", partition, self._number, self.now, self._mark_ms(), (answer,))
        connection.transport.write(frame(FRAMES.encode(answers)))

    def _arm(self, key: str) -> None:
        deadline = QUEUES.decider.next_deadline(self._states[key])
        if deadline is not None:
            at_s = 1000 + (max(deadline, self.now) - LEASE_START_MS) / 1000 + 0.001
            self.clock.call_at(at_s, lambda: self._tick(key))

    def _tick(self, key: str) -> None:
        deadline = QUEUES.decider.next_deadline(self._states[key])
        if deadline is None or deadline > self.now:
            return
        self._settle(key, self._apply(key, Tick(), TIMER))
        self._arm(key)
