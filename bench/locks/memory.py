"""Memory of a held lock in the owner: the engine's own classes, on ports in memory, counted by tracemalloc."""

import asyncio
import gc
import tracemalloc
from typing import Any

from bench.clock import TurnedClock
from bench.plan import WHERE, Plan
from schemas.meta import CommandMeta
from storage.memory.log import MemoryPartitionPorts
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock, InspectLock
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.limits import MAX_TTL_MS
from streams.engine.intake import take_in
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.pending import Pending
from streams.engine.ports import ReplyTo
from streams.engine.settings import OwnerSettings
from streams.engine.watch import Silent
from streams.engine.world import SystemEntropy
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.keys import place

IDENTITY = Identity("dev", "dev")
LOCKS_A_CLIENT = 100
AT_ONCE = 2000
VALID_MS = 60_000
CACHED_PLACES = 65_536
"""Size of the bounded cache of placements, which is full before anything is counted."""


class _Nobody:
    """A worker without connections."""

    def connection_of(self, principal: str, client: str) -> ReplyTo | None:  # noqa: ARG002 - the port's names
        return None

    def address_of(self, where: PartitionId) -> str | None:  # noqa: ARG002
        return None

    def topic_identity(self) -> Identity:
        return IDENTITY


class _Partition:
    """One owner, and the commands that are put to it."""

    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.ports = MemoryPartitionPorts(self.clock)
        self.words = Vocabulary(LOCKS)
        settings = OwnerSettings("127.0.0.1:7400", 1)
        self.owner = Owner(
            WHERE, self.words, self.ports, self.clock, SystemEntropy(), settings, _Nobody(), Silent()
        )
        self.put = 0

    async def hold(self, number: int) -> None:
        """Let the clients acquire `number` locks, each for a day."""
        for start in range(0, number, AT_ONCE):
            for n in range(start, min(start + AT_ONCE, number)):
                client, sequence = divmod(n, LOCKS_A_CLIENT)
                name = f"orders/{n:08}"
                self._submit(f"{client:016x}", sequence, AcquireLock(name, EXCLUSIVE, MAX_TTL_MS))
            await self.decided()

    async def forget_answers(self) -> None:
        """Let the mark pass every deadline."""
        self.clock.turn(3 * VALID_MS)
        self._submit("0" * 16, LOCKS_A_CLIENT, InspectLock("orders/0"))
        await self.decided()

    async def decided(self) -> None:
        """Wait until all that was put is decided; forget the log, which is Kafka's to keep."""
        while self.owner.reader.head.decisions < self.put:
            await asyncio.sleep(0)
        records = self.ports.log.records
        records[:] = [Stored(each.offset, each.timestamp_ms, None) for each in records]

    def _submit(self, client: str, sequence: int, command: object) -> None:
        now_ms = self.clock.wall_ms()
        meta = CommandMeta(0, IDENTITY.tenant, client, sequence, str(sequence), now_ms, now_ms + VALID_MS)
        self.owner.submit(self._taken_in(self.words.encode_command(meta, command)))
        self.put += 1

    def _taken_in(self, data: bytes) -> Pending:
        _, pending = take_in(data, "DIRECT", self.words, 1, IDENTITY, None)
        assert pending.refusal is None
        return pending


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure what is left in memory of each held lock, with and without the answers to its acquire."""
    plan.say(f"memory of {plan.held_locks} held locks")
    tracemalloc.start()
    partition = _Partition()
    running = asyncio.create_task(partition.owner.run())
    while partition.owner.phase != "leading":
        await asyncio.sleep(0)
    for n in range(CACHED_PLACES):
        place(IDENTITY.tenant, f"cached/{n:08}", 1)
    before = _traced()
    await partition.hold(plan.held_locks)
    answered = _traced()
    await partition.forget_answers()
    dropped = _traced()
    state = partition.owner.reader.state
    held, remembered = len(state.keys), sum(len(each.answers) for each in state.answers.clients.values())
    tracemalloc.stop()
    await partition.owner.stop()
    await running
    if held != plan.held_locks or remembered:
        raise RuntimeError(
            f"{held} locks are held and {remembered} answers are left, not {plan.held_locks} and 0"
        )
    return {
        "memory": {
            "bytes_per_held_lock": round((dropped - before) / held),
            "bytes_per_held_lock_with_answer": round((answered - before) / held),
            "held_locks": held,
        }
    }


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
