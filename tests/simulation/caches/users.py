"""Programs that use a cache by the real client library: they read, write, load, evict, and are looked at meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from streams.domain.arguments import shard_name
from streams.wire.keys import key_of
from tests.simulation.network import TENANT
from tests.simulation.users import Machine, User
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.ports import Loaded
from tidelock.client.caches.terms import Keep
from tidelock.client.errors import TidelockError
from tidelock.workload.cache_journal import CacheNode

if TYPE_CHECKING:
    from tests.simulation.caches.subject import CacheSubject
    from tests.simulation.partition import Partition

ENTRIES = ("x", "y", "z")
PATIENCE_S = 6.0


class Believed(NamedTuple):
    """A line that a client would use."""

    client: str
    entry: str
    state: str
    token: int


class LoadFailed(Exception):
    """What a loader raises."""


class CacheUser(User):
    """One such program."""

    def __init__(self, partition: "Partition", machine: Machine) -> None:
        super().__init__(partition, machine)
        random, subject = self.random, self.subject
        self.gave_up = False
        """It gave up on an answer that may have granted a line."""
        self.rests = False
        """It does nothing any more but listen."""
        self._written = self._programs = 0
        subject.users.append(self)
        self.cache = self.client.cache(
            partition.names[0],
            keep="EXCLUSIVE",
            max_entries=random.choice((1, 2, 1000, 1000)) * subject.shards,
            wait=random.choice((0.3, 2.0, 5.0)),
            loader=self if random.random() < 0.6 else None,
            on_lost=lambda line: self.world.trace(self.name, repr(line)),
        )
        self._node = CacheNode(subject.journal, self.name, TENANT, self.cache, subject.shards)

    @property
    def subject(self) -> "CacheSubject":
        """What the history is about."""
        return cast("CacheSubject", self.partition.subject)

    @property
    def desks(self) -> tuple[Desk, ...]:
        """What it has of each shard."""
        return self.cache._access.desks

    def believes(self, key: str, entry: str) -> Believed | None:
        """Return the line that it would use at this moment, if any."""
        for shard, desk in enumerate(self.desks):
            if key_of(TENANT, shard_name(self.cache.name, shard)) != key:
                continue
            line, now = desk.lines.by_entry.get(entry), self.clock.now()
            listener = desk.listener
            if (
                line is not None
                and now < line.ends_s
                and now < max(listener.until_s, listener._trusted_until())
            ):
                return Believed(self.name, entry, line.state, line.token)
        return None

    # ── a life ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _live(self) -> None:
        random = self.random
        self._programs += 1
        await self._make()
        doing: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self._read, self._read, self._read, self._write, self._write, self._remove
        ]  # fmt: skip
        while not self.stopping:
            await asyncio.sleep(random.random() ** 2 * min(self.world.pace_s, 1.0))
            try:
                await random.choice(doing)()
            except (TidelockError, TimeoutError) as error:
                self.gave_up = True
                self.world.trace(self.name, repr(error))
        self._programs -= 1
        if not self._programs and self.subject.alone:
            await self._rest()

    async def _make(self) -> None:
        while not self.stopping:
            try:
                await self.cache.create(shards=self.subject.shards, **self.subject.options)
            except TidelockError as error:
                self.world.trace(self.name, repr(error))
                await asyncio.sleep(0.3)
            else:
                return

    async def _rest(self) -> None:
        """Wait until everybody rests and is compared, then leave."""
        self.rests = True
        while not self.subject.quiet:
            await asyncio.sleep(0.2)
        await self.cache.close()

    # ── what it does ────────────────────────────────────────────────────────────────────────────────────────

    async def _read(self) -> None:
        async with asyncio.timeout(self._patience()):
            for _ in range(self.random.choice((1, 1, 4))):
                await self._node.read(self.random.choice(ENTRIES))

    async def load(self, entry: str) -> Loaded[bytes]:
        """Bring what is missing, now or late or never. As `tidelock.client.caches.ports.Loader`."""
        await asyncio.sleep(self.random.choice((0.0, 0.0, 0.1, 0.6)))
        if self.random.random() < 0.2:
            raise LoadFailed
        return Loaded(self._value())

    async def _write(self) -> None:
        random = self.random
        keep: Keep = random.choice(("INVALID", "EXCLUSIVE", "MODIFIED", "MODIFIED"))
        if self.subject.options["write_policy"] == "THROUGH":
            keep = random.choice(("INVALID", "EXCLUSIVE"))
        entry = random.choice(ENTRIES)
        async with asyncio.timeout(self._patience()):
            for _ in range(random.choice((1, 1, 3))):
                await self._node.write(entry, self._value(), keep)

    async def _remove(self) -> None:
        async with asyncio.timeout(self._patience()):
            if self.random.random() < 0.5:
                await self._node.delete(self.random.choice(ENTRIES))
            else:
                await self.cache.flush()

    def _value(self) -> bytes:
        self._written += 1
        return f"{self.name}/{self._written}".encode()

    def _patience(self) -> float:
        return self.random.choice((0.3, PATIENCE_S, PATIENCE_S, PATIENCE_S))
