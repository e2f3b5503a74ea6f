"""Hostile input: what each piece of it costs the process that has to look at it."""

import asyncio
from statistics import median
from time import thread_time
from typing import Any

from bench.clock import TurnedClock
from bench.locks.hostile_input import CASES, DRIPS, STREAMS, VALID, client_hello
from bench.plan import Plan
from storage.memory.log import MemoryPartitionPorts
from streams.domain.locks.kind import LOCKS
from streams.engine.direct_lane import Connection
from streams.engine.outbox import Identity
from streams.engine.roster import Access, Roster
from streams.engine.topic_lane import TopicLane
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.frames import frame

PARTITIONS = 4
REPEATS = 5
IDENTITY = Identity("dev", "dev")


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure each case on each lane it can reach; processor time, the median of some repeats."""
    plan.say("hostile input")
    words = Vocabulary(LOCKS)
    await _topic_ms(words, VALID)
    _direct_ms(words, [frame(VALID)])
    found: dict[str, float] = {}
    for name, record in CASES.items():
        found[f"topic: {name}"] = median([await _topic_ms(words, record) for _ in range(REPEATS)])
    reads = {name: [frame(record or b"")] for name, record in CASES.items()} | STREAMS
    for name, pieces in reads.items():
        found[f"direct: {name}"] = median(max(_direct_ms(words, pieces)) for _ in range(REPEATS))
    worst = max(found, key=lambda name: found[name])
    dripped = {
        name: median(sum(_direct_ms(words, all_)) for _ in range(REPEATS)) for name, all_ in DRIPS.items()
    }
    return {
        "hostile": {
            "max_cpu_ms": round(found[worst], 3),
            "worst": worst,
            "cases": {name: round(ms, 3) for name, ms in found.items()},
            "dripped_frame_ms": {name: round(ms, 3) for name, ms in dripped.items()},
        }
    }


def _direct_ms(words: Vocabulary, reads: list[bytes]) -> list[float]:
    """Return what each read of a connection cost; it ends when the worker hangs up."""
    roster = Roster(
        "bench", "127.0.0.1:1", {"locks": words}, PARTITIONS, Access("dev", IDENTITY), 4096, TurnedClock()
    )
    connection, transport, spent_ms = Connection(roster), _Transport(), []
    connection.connection_made(transport)
    connection.data_received(frame(client_hello()))
    for data in reads:
        begun = thread_time()
        connection.data_received(data)
        spent_ms.append(1000 * (thread_time() - begun))
        if transport.closed:
            break
    connection.connection_lost(None)
    return spent_ms


async def _topic_ms(words: Vocabulary, record: bytes | None) -> float:
    ports, taken = MemoryPartitionPorts(TurnedClock()), asyncio.Event()
    lane = TopicLane(PartitionId("locks", 0), words, ports, PARTITIONS, lambda: IDENTITY, taken.set)
    ports.commands.append(record)
    begun = thread_time()
    running = asyncio.create_task(lane.run(0))
    await taken.wait()
    spent_ms = 1000 * (thread_time() - begun)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(lane.queue) == 1
    return spent_ms


class _Transport(asyncio.Transport):
    """Takes whatever is written, and can be closed."""

    closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0
