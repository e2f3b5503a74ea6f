"""A worker that decides kinds with their real deciders, in memory, by the clock that the test turns."""

import asyncio
from typing import Any

from schemas.messages import Messages, bind
from streams.domain.decider import TIMER, Context, Decision, Rejected, Requester, Tick
from streams.domain.kind import KindSpec
from streams.domain.session import SESSION_ENDED, SessionGone
from streams.wire.frames import UNDERSTOOD, frame
from streams.wire.keys import key_of
from streams.wire.messages import (
    Answer,
    Answers,
    Barrier,
    BarrierPassed,
    Done,
    EndSession,
    KindInfo,
    Told,
    Welcome,
)
from streams.wire.murmur2 import partition_of
from tests.unit.client import worker as locks
from tests.unit.client.worker import FRAMES, MARK_MS, PARTITIONS, TENANT, FakeClock

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

    worker: "DecidingWorker"  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        for record in self._splitter.feed(data):
            if self.hello is None:
                self.hello = FRAMES.decode(record)
                self.worker.greet(self)
            elif FRAMES.knows(record):
                self.worker.told.append(FRAMES.decode(record))
            else:
                meta, command = self.worker.decode(record)
                self.worker.commanded(self, meta, command)


class DecidingWorker:
    """One owner of all partitions. `held`: commands of these types are not decided until `let`."""

    def __init__(self, clock: FakeClock, kinds: tuple[KindSpec, ...], served: tuple[str, ...] = ()) -> None:
        """`served`: the kinds it says it serves; default: those it decides."""
        self.clock = clock
        self.connections: list[locks.FakeConnection] = []
        self.seen: list[Any] = []
        """All commands that came, in order."""
        self.told: list[Told] = []
        """What clients counted by themselves."""
        self.sessions: list[tuple[Any, str | None]] = []
        """The same, with the session each carried."""
        self.events: list[tuple[str, Any]] = []
        self.held: tuple[type, ...] = ()
        self.refuse: dict[type, Rejected] = {}
        self.principal = "tester"
        """Whom it takes every client for."""
        self.understands = UNDERSTOOD
        """What its welcome says."""
        self.stood_s = 0.0
        """For how long lease time stood still."""
        self.ended: set[str] = set()
        """Sessions that are refused."""
        self._served = served or tuple(kind.name for kind in kinds)
        self._kind_of = {each.type: kind for kind in kinds for each in kind.commands}
        self._repeatable = {each.type for kind in kinds for each in kind.commands if not each.deduplicated}
        common = bind("wire", (Barrier, EndSession))
        self.decode = _union(
            [bind(kind.name, tuple(each.type for each in kind.commands)) for kind in kinds], common
        ).decode_command
        self._replies = {
            kind.name: bind(kind.name, kind.replies) | bind("wire", (Done, Rejected, BarrierPassed))
            for kind in kinds
        }
        self._waiting: list[tuple[Connection, Any, Any]] = []
        self._states: dict[str, tuple[KindSpec, Any]] = {}
        self._answers: dict[tuple[str, int], tuple[Connection, int]] = {}
        self._stored: dict[tuple[str, int], tuple[str, Any, bool]] = {}
        self._number = 1
        self._server: Any = None
        self.hellos = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.drop()
        for connection in self.connections:
            await connection.closed.wait()

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)  # type: ignore[arg-type]

    def greet(self, connection: Connection) -> None:
        self.hellos += 1
        kinds = tuple(KindInfo(kind, PARTITIONS) for kind in self._served)
        connection.send(Welcome(self.understands, "w", TENANT, "tester", kinds, (), self._mark_ms(), 1000))

    def _mark_ms(self) -> int:
        return MARK_MS + int((self.clock.time - 1000) * 1000)

    @property
    def now(self) -> int:
        """Lease time, of all partitions."""
        return LEASE_START_MS + int((self.clock.time - 1000 - self.stood_s) * 1000)

    def commanded(self, connection: Connection, meta: Any, command: Any) -> None:
        if isinstance(command, Barrier):
            self._send(connection, meta.sequence, command.kind, command.partition, BarrierPassed(1), ())
            return
        self.seen.append(command)
        self.sessions.append((command, meta.session))
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

    def state(self, name: str) -> Any:
        """Return the state of what is called `name`."""
        return self._states[key_of(TENANT, name)][1]

    def end_session(self, session: str, cause: str = "test") -> None:
        """Refuse the session from now on, and have every key let go of what it holds."""
        self.ended.add(session)
        for key, (kind, _) in tuple(self._states.items()):
            while kind.sessions_of is not None and session in kind.sessions_of(self._states[key][1]):
                self._settle(key, kind, self._apply(key, kind, SessionGone(session, cause), TIMER))
            self._arm(key, kind)

    def _decide(self, connection: Connection, meta: Any, command: Any) -> None:
        kind = self._kind_of[type(command)]
        key = key_of(TENANT, kind.key_of(command))
        asked = (meta.client, meta.sequence)
        self._answers[asked] = (connection, meta.sequence)
        stored = self._stored.get(asked)
        if stored is not None and type(command) not in self._repeatable:
            self._answer(meta.client, meta.sequence, kind, *stored)
            return
        refused = SESSION_ENDED if meta.session in self.ended else self.refuse.get(type(command))
        if refused is not None:
            self._answer(*asked, kind, key, refused, False)
            return
        session = meta.session or ""
        who = Requester(self.principal, meta.client, meta.handle, meta.sequence, session, ("OPERATOR",))
        decision = self._apply(key, kind, command, who)
        self._answer(*asked, kind, key, decision.reply, decision.waiting)
        self._settle(key, kind, decision)
        self._arm(key, kind)

    def _apply(self, key: str, kind: KindSpec, command: Any, who: Requester) -> Decision[Any, Any]:
        decider = kind.decider
        _, state = self._states.get(key) or (kind, decider.initial(key))
        decision = decider.decide(command, who, state, Context(self.now, 1, self._number))
        self._number += max(1, len(decision.events))
        for event in decision.events:
            state = decider.evolve(state, event)
            self.events.append((key, event))
        self._states[key] = (kind, state)
        self.decided(key, decision)
        return decision

    def decided(self, key: str, decision: Decision[Any, Any]) -> None:
        """Look at what was decided."""

    def _settle(self, key: str, kind: KindSpec, decision: Decision[Any, Any]) -> None:
        for event in decision.events:
            settled = kind.decider.settles(event)
            if settled is not None:
                self._answer(settled.client, settled.sequence, kind, key, settled.reply, False)

    def _answer(
        self, client: str, sequence: int, kind: KindSpec, key: str, reply: Any, waiting: bool
    ) -> None:
        self._stored[client, sequence] = (key, reply, waiting)
        connection, number = self._answers[client, sequence]
        bare = isinstance(reply, Rejected) or kind.attached is None
        attached = () if bare else kind.attached(self._states[key][1], reply)  # type: ignore[misc]
        self._send(
            connection,
            number,
            kind.name,
            partition_of(key, PARTITIONS),
            reply,
            tuple(map(self._replies[kind.name].encode, attached)),
            waiting,
        )

    def _send(
        self, connection: Connection, sequence: int, kind: str, partition: int, reply: Any,
        payloads: tuple[bytes, ...], waiting: bool = False,
    ) -> None:  # fmt: skip
        answer = Answer(sequence, waiting, self._replies[kind].encode(reply), payloads)
        answers = Answers(kind, partition, self._number, self.now, self._mark_ms(), (answer,))
        connection.transport.write(frame(FRAMES.encode(answers)))

    def _arm(self, key: str, kind: KindSpec) -> None:
        deadline = kind.decider.next_deadline(self._states[key][1])
        if deadline is not None:
            at_s = self.clock.time + max(0, deadline - self.now) / 1000 + 0.001
            self.clock.call_at(at_s, lambda: self._tick(key, kind))

    def _tick(self, key: str, kind: KindSpec) -> None:
        deadline = kind.decider.next_deadline(self._states[key][1])
        if deadline is None:
            return
        if deadline > self.now:  # lease time stood still
            self._arm(key, kind)
            return
        self._settle(key, kind, self._apply(key, kind, Tick(), TIMER))
        self._arm(key, kind)


def _union(parts: list[Messages], whole: Messages) -> Messages:
    for part in parts:
        whole = whole | part
    return whole
