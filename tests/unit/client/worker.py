"""A worker that does what a test says, over a real loopback socket; and a clock that a test turns."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from schemas.messages import bind
from schemas.meta import CommandMeta
from streams.domain.decider import Rejected
from streams.domain.locks.kind import LOCKS
from streams.wire.frames import UNDERSTOOD, FrameSplitter, frame
from streams.wire.keys import key_of
from streams.wire.messages import (
    Answer,
    Answers,
    Barrier,
    BarrierPassed,
    Done,
    EndSession,
    Hello,
    KindInfo,
    Refused,
    Route,
    Told,
    Welcome,
)
from streams.wire.murmur2 import partition_of

FRAMES = bind("wire", (Hello, Welcome, Answers, Refused, Told))
COMMANDS = bind("locks", tuple(each.type for each in LOCKS.commands)) | bind("wire", (Barrier, EndSession))
REPLIES = bind("locks", LOCKS.replies) | bind("wire", (Done, Rejected, BarrierPassed))
PARTITIONS = 4
TENANT = "dev"
MARK_MS = 1_700_000_000_000

_C = TypeVar("_C")


async def until(condition: Callable[[], bool], clock: "FakeClock | None" = None) -> None:
    """Return once `condition` holds; `clock` is turned meanwhile."""
    async with asyncio.timeout(30):
        while not condition():
            if clock is not None:
                clock.turn(0.01)
            await asyncio.sleep(0)


class FakeClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._timers: list[tuple[float, int, _FakeTimer]] = []
        self._numbers = count()

    def now(self) -> float:
        return self.time

    def call_at(self, when: float, callback: Callable[[], None]) -> "_FakeTimer":
        timer = _FakeTimer(callback)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def turn_to(self, when: float) -> None:
        """Fire every timer up to `when`, each at its time."""
        while self._timers and self._timers[0][0] <= when:
            due, _, timer = heappop(self._timers)
            self.time = max(self.time, due)
            if not timer.cancelled:
                timer.callback()
        self.time = max(self.time, when)

    def turn(self, seconds: float) -> None:
        self.turn_to(self.time + seconds)


class _FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Received:
    """A command as it came, and the connection to answer on."""

    connection: "FakeConnection"
    record: bytes
    meta: CommandMeta
    command: Any

    @property
    def partition(self) -> int:
        if isinstance(self.command, Barrier):
            return self.command.partition
        return partition_of(key_of(self.meta.tenant, self.command.name), PARTITIONS)

    def answer(
        self, reply: Any, *, waiting: bool = False, lease_ms: int = 0, mark_ms: int | None = None
    ) -> None:
        """Answer, or push if the command was answered WAITING before."""
        self.connection.send(self.answers(reply, waiting=waiting, lease_ms=lease_ms, mark_ms=mark_ms))

    def answers(
        self, reply: Any, *, waiting: bool = False, lease_ms: int = 0, mark_ms: int | None = None
    ) -> Answers:
        answer = Answer(self.meta.sequence, waiting, REPLIES.encode(reply), ())
        mark = self.connection.worker.mark_ms() if mark_ms is None else mark_ms
        return Answers("locks", self.partition, 7, lease_ms, mark, (answer,))

    def undecided(self, code: str, *, mark_ms: int | None = None) -> None:
        """Answer what no commit decided."""
        answers = self.answers(Rejected(code, f"test says {code}"), mark_ms=mark_ms)
        self.connection.send(replace(answers, offset=-1, lease_ms=0))

    def refuse(self, code: str, *, address: str | None = None, retry_after_ms: int | None = None) -> None:
        """Say that nothing was decided."""
        refused = Refused(
            self.meta.sequence, code, f"test says {code}", "locks", self.partition, address, retry_after_ms
        )
        self.connection.send(refused)


class FakeConnection(asyncio.Protocol):
    """The worker's end of one connection."""

    def __init__(self, worker: "FakeWorker") -> None:
        self.worker = worker
        self.hello: Hello | None = None
        self.closed = asyncio.Event()
        self._splitter = FrameSplitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.worker.connections.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        for record in self._splitter.feed(data):
            if self.hello is None:
                self.hello = FRAMES.decode(record)
                self.worker.greet(self)
            else:
                meta, command = COMMANDS.decode_command(record)
                self.worker.took(Received(self, record, meta, command))

    def send(self, message: Any) -> None:
        self.transport.write(frame(FRAMES.encode(message)))

    def drop(self) -> None:
        """Hang up without a word."""
        self.transport.abort()


class FakeWorker:
    """Accepts connections, welcomes them, and queues their commands for the test (or gives them to `auto`)."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock
        self.connections: list[FakeConnection] = []
        self.auto: Callable[[Received], None] | None = None
        self.routes: tuple[Route, ...] = ()
        self.max_in_flight = 1000
        self.refuse_hello: str | None = None
        self.silent = False
        self.leads = True
        self.ahead_ms = 0
        """How wrong the mark of the welcome is."""
        self.commands: asyncio.Queue[Received] = asyncio.Queue()
        self.hellos: asyncio.Queue[FakeConnection] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def mark_ms(self) -> int:
        return MARK_MS + (0 if self.clock is None else int((self.clock.time - 1000) * 1000))

    async def start(self) -> "FakeWorker":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: FakeConnection(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self.connections:
            connection.drop()
        for connection in self.connections:
            await connection.closed.wait()

    def greet(self, connection: FakeConnection) -> None:
        if self.silent:
            pass
        elif self.refuse_hello is not None:
            connection.send(Refused(-1, self.refuse_hello, "test refuses", "", -1, None, None))
            connection.transport.close()
        else:
            kinds = (KindInfo("locks", PARTITIONS),)
            mark_ms = self.mark_ms() + self.ahead_ms if self.leads else 0
            connection.send(
                Welcome(UNDERSTOOD, "w", TENANT, "tester", kinds, self.routes, mark_ms, self.max_in_flight)
            )
        self.hellos.put_nowait(connection)

    def took(self, received: Received) -> None:
        if self.auto is not None:
            self.auto(received)
        else:
            self.commands.put_nowait(received)

    async def next(self, kind: type[_C]) -> Received:
        """Return the next command, which must be a `kind`."""
        async with asyncio.timeout(30):
            received = await self.commands.get()
        assert isinstance(received.command, kind), received.command
        return received

    async def back(self) -> FakeConnection:
        """Return the next connection that said hello, letting the client's time pass until then."""
        await until(lambda: not self.hellos.empty(), self.clock)
        return self.hellos.get_nowait()

    def rest(self) -> Iterator[Received]:
        """Yield the commands that came and were not looked at."""
        while not self.commands.empty():
            yield self.commands.get_nowait()
