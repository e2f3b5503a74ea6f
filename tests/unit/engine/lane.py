"""A direct lane on a real loopback socket, its owner on a broker in memory; a client that may misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from schemas.meta import CommandMeta
from streams.domain.locks.kind import LOCKS
from streams.engine.direct_lane import FRAMES, Connection
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.roster import Access, Roster
from streams.engine.settings import OwnerSettings
from streams.engine.world import SystemClock, SystemEntropy
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.frames import PROTOCOL, FrameSplitter, frame
from streams.wire.messages import Answers, Hello, Refused, Welcome
from tests.unit.engine.harness import PATIENCE_S, Broker, Ports, Watch, until

WORDS = Vocabulary(LOCKS)
LOCKS_0 = PartitionId("locks", 0)
TOKEN = "secret"
OPERATOR = "of who runs the worker"
SYSTEM = "of the platform's processes"


class Lane:
    """One worker: a roster, a listener, one partition."""

    def __init__(
        self, max_in_flight: int = 1000, max_level: int = 1, operator: str | None = OPERATOR
    ) -> None:
        self.max_level = max_level
        self.clock = SystemClock()
        self.broker = Broker(self.clock)
        access = Access(TOKEN, Identity("dev", "app"), operator, SYSTEM)
        self.roster = Roster("w1", "127.0.0.1:1", {"locks": WORDS}, 1, access, max_in_flight, self.clock)
        self.roster.owner_factory = self._own
        self.port = 0

    def _own(self, where: PartitionId) -> Owner:
        settings = OwnerSettings(address="127.0.0.1:1", partitions=1, max_level=self.max_level)
        return Owner(
            where, WORDS, Ports(self.broker), self.clock, SystemEntropy(), settings, self.roster, Watch()
        )


@asynccontextmanager
async def serving(
    max_in_flight: int = 1000,
    tls: ssl.SSLContext | None = None,
    max_level: int = 1,
    operator: str | None = OPERATOR,
) -> AsyncIterator[Lane]:
    lane = Lane(max_in_flight, max_level, operator)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(lane.roster), "127.0.0.1", 0, ssl=tls)
    lane.port = server.sockets[0].getsockname()[1]
    await lane.roster.assigned(frozenset({LOCKS_0}), {LOCKS_0: "127.0.0.1:1"})
    await until(lambda: lane.roster.owners[LOCKS_0].phase == "leading")
    try:
        yield lane
    finally:
        lane.broker.held = False
        lane.broker.release()
        await lane.roster.close()
        server.close()


class RawClient:
    """Writes any bytes, reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._splitter = FrameSplitter(limit=2**24)
        self._frames: list[Any] = []

    def write(self, record: bytes) -> None:
        self.writer.write(frame(record))

    def hello(self, *, protocol: int = PROTOCOL, token: str = TOKEN, client: str = "c1") -> None:
        self.write(FRAMES.encode(Hello(protocol, token, client)))

    def command(self, command: object, sequence: int, **changed: Any) -> None:
        self.write(encoded(command, sequence, **changed))

    async def next(self) -> Any:
        """Return the next frame, or None when the worker hung up."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._frames:
                data = await self.reader.read(65_536)
                if not data:
                    return None
                self._frames += map(FRAMES.decode, self._splitter.feed(data))
        return self._frames.pop(0)

    async def welcome(self) -> Welcome:
        message = await self.next()
        assert isinstance(message, Welcome), message
        return message

    async def answers(self) -> Answers:
        message = await self.next()
        assert isinstance(message, Answers), message
        return message

    async def refused(self) -> Refused:
        message = await self.next()
        assert isinstance(message, Refused), message
        return message

    async def hung_up(self) -> bool:
        return await self.next() is None


def encoded(command: object, sequence: int, **changed: Any) -> bytes:
    now = SystemClock().wall_ms()
    fields: dict[str, Any] = {
        "floor": 0, "tenant": "dev", "client": "c1", "sequence": sequence, "handle": "h", "issued_ms": now,
        "deadline_ms": now + 60_000, "traceparent": None, "session": None,
    }  # fmt: skip
    return WORDS.encode_command(CommandMeta(**(fields | changed)), command)


@asynccontextmanager
async def connected(lane: Lane, **hello: Any) -> AsyncIterator[RawClient]:
    """A client that was welcomed."""
    async with raw(lane) as client:
        client.hello(**hello)
        await client.welcome()
        yield client


@asynccontextmanager
async def raw(lane: Lane) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", lane.port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
