"""What engine specs share: hand-turned clocks, a broker in memory that misbehaves on demand, a client on the owner."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from schemas.meta import CommandMeta
from storage.memory.log import MemoryPartitionPorts, MemoryTopic
from streams.engine.intake import take_in
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.pending import Pending
from streams.engine.ports import ReplyTo
from streams.engine.settings import OwnerSettings
from streams.engine.watch import Silent
from streams.log import ports as log_ports
from streams.log.envelope import encode
from streams.log.ports import Appended, AppendUnknown, LogUnavailable, LogWriter
from streams.log.positions import PartitionId
from streams.log.reader import PartitionReader
from streams.log.records import Claim, LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import Answer, Refused
from tests.unit.engine import toy

WHERE = PartitionId("toys", 0)
WALL = 1_700_000_000_000
IDENTITY = Identity("dev", "app", ("SYSTEM", "OPERATOR"))
PATIENCE_S = 10.0


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 5_000
        self.skew = 0

    def monotonic_ms(self) -> int:
        return self.now

    def wall_ms(self) -> int:
        return WALL + self.now + self.skew


class Entropy:
    """Counts instead of drawing; pauses are nothing."""

    def __init__(self) -> None:
        self.drawn = 0

    def owner_id(self) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(16, "big")

    def pause_s(self, low: float, high: float) -> float:
        return 0.0


class Broker:
    """One partition's topics. `held`: acks wait for `release`; `fate` says what happens to each append."""

    def __init__(self, clock: log_ports.Clock) -> None:
        self.ports = MemoryPartitionPorts(clock)
        self.held = False
        self.fate: Callable[[bytes], str] = lambda record: "ok"
        self.waiting: list[tuple[asyncio.Future[Appended], Appended | Exception]] = []
        self.writers = 0
        self.unavailable = 0

    @property
    def log(self) -> MemoryTopic:
        return self.ports.log

    async def writer(self) -> LogWriter:
        if self.unavailable:
            self.unavailable -= 1
            raise LogUnavailable("the broker is away")
        self.writers += 1
        return _Writer(self)

    def settle(self, future: "asyncio.Future[Appended]", outcome: Appended | Exception) -> None:
        if self.held:
            self.waiting.append((future, outcome))
        else:
            asyncio.get_running_loop().call_soon(_resolve, future, outcome)

    def release(self, count: int | None = None) -> None:
        taken = self.waiting[:count]
        del self.waiting[:count]
        for future, outcome in taken:
            _resolve(future, outcome)


class _Writer:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def append(self, record: bytes) -> "asyncio.Future[Appended]":
        fate = self._broker.fate(record)
        if fate == "raise":
            raise AppendUnknown("refused at once")
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        unknown = AppendUnknown(f"planted: {fate}")
        if fate == "lost":
            self._broker.settle(future, unknown)
        else:
            appended = self._broker.log.append(record)
            self._broker.settle(future, unknown if fate == "landed, unknown" else appended)
        return future

    async def close(self) -> None:
        """Nothing is open."""


def _resolve(future: "asyncio.Future[Appended]", outcome: Appended | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class Ports:
    """`PartitionPorts` on the misbehaving broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.log = broker.ports.log
        self.commands = broker.ports.commands
        self.dead_letters = broker.ports.dead_letters

    async def writer(self) -> LogWriter:
        return await self._broker.writer()


class Connection:
    """Collects answers and refusals, as a client's connection receives them."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.commits: list[tuple[int, int, int]] = []
        """(offset, lease, mark) of each frame."""
        self.frames: list[int] = []
        """Bytes that each carries beside its replies."""
        self.refused: list[Refused] = []

    def answer(
        self, where: PartitionId, offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
    ) -> None:
        self.commits.append((offset, lease_ms, mark_ms))
        self.frames.append(sum(len(each) for answer in answers for each in answer.payloads))
        self.answers += answers

    def refuse(self, refused: Refused) -> None:
        self.refused.append(refused)

    def of(self, sequence: int) -> list[Answer]:
        return [answer for answer in self.answers if answer.sequence == sequence]


class Directory:
    """One client, one address."""

    def __init__(self, connection: Connection) -> None:
        self.connection: Connection | None = connection

    def connection_of(self, principal: str, client: str) -> ReplyTo | None:
        return self.connection if (principal, client) == ("app", "c1") else None

    def address_of(self, where: PartitionId) -> str | None:
        return "127.0.0.1:1"

    def topic_identity(self) -> Identity:
        return IDENTITY


class Watch(Silent):
    """Remembers what went wrong and which phases there were."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.phases: list[str] = []
        self.failures: list[str] = []

    def phase(self, where: PartitionId, phase: str, reader: PartitionReader) -> None:
        self.phases.append(phase)

    def trouble(self, where: PartitionId, error: Exception) -> None:
        self.troubles.append(error)

    def failed(self, where: PartitionId, failure: str) -> None:
        self.failures.append(failure)


class World:
    """One owner on one broker, and one client connected to it."""

    def __init__(
        self,
        vocabulary: Vocabulary = toy.VOCABULARY,
        where: PartitionId = WHERE,
        settings: OwnerSettings | None = None,
        broker: Broker | None = None,
    ) -> None:
        self.where = where
        self.vocabulary = vocabulary
        self.clock, self.entropy, self.watch = Clock(), Entropy(), Watch()
        self.broker_clock = Clock()
        self.broker = broker or Broker(self.broker_clock)
        self.connection = Connection()
        self.directory = Directory(self.connection)
        self.settings = settings or OwnerSettings(
            address="127.0.0.1:1", partitions=1, tick_ms=1, coalesce_ms=250
        )
        self.ports = Ports(self.broker)
        self.owner = Owner(
            where,
            vocabulary,
            self.ports,
            self.clock,
            self.entropy,
            self.settings,
            self.directory,
            self.watch,
        )
        self._sequence = 0

    # ── the client ──────────────────────────────────────────────────────────────────────────────────────

    def meta(self, **changed: Any) -> CommandMeta:
        now = WALL + self.clock.now
        fields: dict[str, Any] = {
            "floor": 0, "tenant": "dev", "client": "c1", "sequence": 0, "handle": "h", "issued_ms": now,
            "deadline_ms": now + 60_000, "traceparent": None, "session": None,
        }  # fmt: skip
        return CommandMeta(**(fields | changed))

    def pending(self, command: Any, identity: Identity = IDENTITY, **changed: Any) -> Pending:
        if "sequence" not in changed:
            self._sequence += 1
            changed["sequence"] = self._sequence
        data = self.vocabulary.encode_command(self.meta(**changed), command)
        _, pending = take_in(data, "DIRECT", self.vocabulary, 1, identity, self.connection)
        return pending

    def send(self, command: Any, **changed: Any) -> int:
        """Submit `command`; return its sequence."""
        pending = self.pending(command, **changed)
        self.owner.submit(pending)
        return pending.meta.sequence

    async def ask(self, command: Any, **changed: Any) -> Any:
        """Return the reply to `command`."""
        sequence = self.send(command, **changed)
        before = len(self.connection.of(sequence))
        await until(lambda: len(self.connection.of(sequence)) > before)
        return self.vocabulary.decode_reply(self.connection.of(sequence)[-1].reply)

    def reply_to(self, sequence: int) -> Any:
        (answer,) = self.connection.of(sequence)
        return self.vocabulary.decode_reply(answer.reply)

    def topic_command(self, command: Any, **changed: Any) -> int:
        """Put `command` on the topic lane; return its offset."""
        data = self.vocabulary.encode_command(self.meta(**changed), command)
        return self.broker.ports.commands.append(data).offset

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────

    def walked(self) -> PartitionReader:
        """Return the log as any reader folds it."""
        reader = PartitionReader(self.where, self.vocabulary, max_level=9)
        for stored in self.broker.log.records:
            reader.read(stored.offset, stored.value)
        return reader

    def decisions(self) -> list[LoggedDecision]:
        """Return every accepted decision, in order."""
        reader = PartitionReader(self.where, self.vocabulary, max_level=9)
        found: list[LoggedDecision] = []
        for stored in self.broker.log.records:
            record = reader.read(stored.offset, stored.value)
            found += getattr(record, "decisions", ())
        return found

    def foreign_claim(self, owner: bytes = b"R" * 16, max_level: int = 1) -> None:
        """Have a rival claim the partition."""
        self.broker.log.append(encode(Claim(owner, "127.0.0.1:2", "0.1.0", max_level)))

    async def leading(self) -> None:
        await until(lambda: self.owner.phase == "leading")


async def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Return once `condition` holds; let the loop turn meanwhile."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.0005)


async def turns(count: int = 50) -> None:
    """Let the loop turn: long enough for everything that is not held back to happen."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    """Run the world's owner; leave it stopped."""
    task = asyncio.create_task(world.owner.run())
    try:
        await world.leading()
        yield world
    finally:
        world.broker.held = False
        world.broker.release()
        await world.owner.stop()
        async with asyncio.timeout(PATIENCE_S):
            await task
