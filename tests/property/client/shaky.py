"""Clients of a strict cache over a bad network: frames are late, overtaken, or lost with their connection.

What the clients saw is judged against the worker's log by the product's own checker. All that is random comes from a
seed; time is a clock that the world turns.
"""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

from streams.wire.keys import key_of
from tests.unit.client.caches.server import KINDS, CacheWorker
from tests.unit.client.deciding import Connection
from tests.unit.client.worker import TENANT, FakeClock
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.found import Found
from tidelock.client.client import Client, connect
from tidelock.client.errors import EntryConflict, TidelockError
from tidelock.workload.consistency.entry_log import EntryLog
from tidelock.workload.consistency.judge import judge
from tidelock.workload.consistency.operations import NOTHING, Operation, fingerprint
from tidelock.workload.consistency.verdict import Verdict

NAME = "prices"
KEY = key_of(TENANT, NAME)
ENTRIES = ("x", "y", "z")
LEASE_S = 0.8
STEP_S = 0.02
TURNS = 8
"""How often tasks may go on between two steps of the clock."""


class ShakyWorker(CacheWorker):
    """Takes and answers late, in another order, or not at all."""

    def __init__(self, clock: FakeClock, rng: Random) -> None:
        super().__init__(clock)
        self._rng = rng
        self.shaky = False
        self._cut: dict[str, float] = {}
        """Clients that cannot be reached, and until when."""

    def commanded(self, connection: Connection, meta: Any, command: Any) -> None:
        self._later(connection, lambda: super(ShakyWorker, self).commanded(connection, meta, command))

    def _send(self, connection: Connection, *rest: Any, **options: Any) -> None:
        frame = lambda: super(ShakyWorker, self)._send(connection, *rest, **options)  # noqa: E731
        self._later(connection, frame)

    def _later(self, connection: Connection, work: Any) -> None:
        dice, now = self._rng.random(), self.clock.time
        cut_s = 0.0 if connection.hello is None else self._cut.get(connection.hello.client, 0.0)
        if not self.shaky or (dice < 0.6 and cut_s <= now):
            work()
        else:
            most_s = 0.1 if dice < 0.95 else 2 * LEASE_S
            self.clock.call_at(max(now, cut_s) + self._rng.uniform(0, most_s), work)

    def mishap(self) -> None:
        """Lose a connection, with all that is on its way; cut a client off; or let lease time stand still."""
        dice, connection = self._rng.random(), self._rng.choice(self.connections)
        if dice < 0.02:
            connection.drop()
        elif dice < 0.03:
            self.stood_s += self._rng.uniform(0, 0.1)
        elif dice < 0.04 and connection.hello is not None:
            self._cut[connection.hello.client] = self.clock.time + self._rng.uniform(LEASE_S, 3 * LEASE_S)


class ShakyWorld:
    """Some clients, one worker, and what was seen."""

    def __init__(self, seed: int, clients: int = 3) -> None:
        self._rng = Random(seed)
        self._clients = clients
        self.clock = FakeClock()
        self.worker = ShakyWorker(self.clock, self._rng)
        self.operations: list[Operation] = []
        self._counts = self._values = 0

    async def run(self, steps: int) -> Verdict:
        """Return what the checker says of so many steps."""
        await self.worker.start()
        clients = [
            await connect(self.worker.address, clock=self.clock, kinds=KINDS) for _ in range(self._clients)
        ]
        caches = [client.cache(NAME, max_entries=2, on_lost=_ignore) for client in clients]
        await caches[0].create(read_lease=LEASE_S)
        self.worker.shaky = True
        tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        try:
            for _ in range(steps):
                self.worker.mishap()
                for number, cache in enumerate(caches):
                    self._glance(clients[number], cache)
                    for thread in range(2):
                        task = tasks.get((number, thread))
                        if (task is None or task.done()) and self._rng.random() < 0.5:
                            work = self._work(clients[number], cache)
                            tasks[number, thread] = asyncio.create_task(work)
                await self._turn()
            self.worker.shaky = False
            for _ in range(int(6 * LEASE_S / STEP_S)):
                await self._turn()
            self._check_rest(caches)
            return self._verdict()
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            for client in clients:
                await client._session.close()
            await self.worker.stop()

    async def _turn(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self.clock.turn(STEP_S)

    def _check_rest(self, caches: list[Cache[bytes]]) -> None:
        """When all is quiet, nobody has a line that the directory does not know just so."""
        state = self.worker.state(NAME)
        assert not state.changing
        for cache in caches:
            (desk,) = cache._access.desks
            for line in desk.lines.by_entry.values():
                assert line.entry in state.entries
                known = state.entries[line.entry].lines.get(desk.listener.attachment)
                assert known is not None
                assert (known.token, known.state) == (line.token, line.state)

    def _verdict(self) -> Verdict:
        log = EntryLog()
        for key, event in self.worker.events:
            if key == KEY:
                log.event(KEY, event)
        return judge(log, [replace(each) for each in self.operations])

    # ── what clients do ─────────────────────────────────────────────────────────────────────────────────

    async def _work(self, client: Client, cache: Cache[bytes]) -> None:
        entry, dice = self._rng.choice(ENTRIES), self._rng.random()
        try:
            if dice < 0.5:
                await self._read(client, cache, entry)
            elif dice < 0.93:
                await self._write(client, cache, entry)
            else:
                await self._delete(client, cache, entry)
        except TidelockError:
            return  # the operation stays without an answer

    def _begin(self, client: Client, entry: str, kind: Any, value: bytes | None = None) -> Operation:
        self._counts += 1
        return Operation(client.id, "one", KEY, entry, kind, self._counts, value=fingerprint(value))

    def _end(self, operation: Operation) -> None:
        self._counts += 1
        operation.ended = self._counts

    def _glance(self, client: Client, cache: Cache[bytes]) -> None:
        """Read what is here, as others of the program do while one waits for the worker."""
        entry = self._rng.choice(ENTRIES)
        operation = self._begin(client, entry, "READ")
        found = cache.look(entry)
        if found is not None:
            self._saw(operation, found)
            self.operations.append(operation)

    def _saw(self, operation: Operation, found: Found[bytes]) -> None:
        operation.version, operation.local, operation.hit = found.version, found.local, found.hit
        operation.value, operation.grant = fingerprint(found.value), found.granted
        self._end(operation)

    async def _read(self, client: Client, cache: Cache[bytes], entry: str) -> None:
        operation = self._begin(client, entry, "READ")
        self.operations.append(operation)
        found = await cache.find(entry)
        if found is None:
            self._end(operation)
        else:
            self._saw(operation, found)

    async def _write(self, client: Client, cache: Cache[bytes], entry: str) -> None:
        self._values += 1
        value, known = b"v%d" % self._values, cache.look(entry)
        condition = (
            known.version if known is not None and not known.local and self._rng.random() < 0.2 else None
        )
        operation = self._begin(client, entry, "WRITE", value)
        self.operations.append(operation)
        keep: Any = self._rng.choice(("INVALID", "EXCLUSIVE", "MODIFIED", "MODIFIED"))
        try:
            operation.version = await cache.put(entry, value, keep=keep, if_version=condition)
        except EntryConflict:
            self.operations.remove(operation)
            return
        if not operation.version:
            found = cache.look(entry)
            assert found is not None
            operation.version, operation.local = found.version, found.local
        self._end(operation)

    async def _delete(self, client: Client, cache: Cache[bytes], entry: str) -> None:
        operation = self._begin(client, entry, "DELETE")
        self.operations.append(operation)
        if await cache.delete(entry):
            operation.version = NOTHING
            self._end(operation)
        else:
            self.operations.remove(operation)


def _ignore(_: object) -> None:
    """A loss is in the log, too."""
