"""Tables on a real changelog: how fast a lane fills one, and how fast a lost one is ready again.

The log is in memory, the changelog on a real broker, and the lane is the projector's own with its settings.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter, process_time
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from bench.plan import Plan
from bench.rounds import median_of
from bench.stack import bench_stack
from bench.windows.counting import COUNTING, COUNTS, VOCABULARY, WHERE, log_of
from storage.kafka.changelog import KafkaChangelogs
from storage.kafka.changelog_topics import ready_changelogs
from storage.kafka.topics import TopicSettings, create_topics
from storage.memory.log import MemoryDeadLetters
from storage.tables.store import TableProjectionStore
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import Stored
from streams.projections.ports import SinkUnavailable
from streams.projections.table import Changes
from streams.projector.lane import Lane
from streams.projector.lane_ports import LanePorts
from streams.projector.settings import LaneSettings
from streams.projector.stretch import stretches
from streams.projector.tail import Tail
from streams.projector.watch import Silent

RECORDS_PER_S = 100_000
"""A round has as many for each of its seconds."""
ROWS = 200_000
ROWS_A_WRITE = 20_000
MAX_RECORDS = 2000
"""Of one fetch."""
PATIENCE_S = 60.0


class MemoryTopic:
    """The log."""

    def __init__(self, records: Sequence[Stored]) -> None:
        self._records = records

    async def bounds(self) -> tuple[int, int]:
        """Return (first offset, end offset)."""
        return 0, len(self._records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        """Yield records, a fetch at a time."""
        stop = len(self._records) if end is None else end
        for first in range(start, stop, 500):
            yield list(self._records[first : min(first + 500, stop)])


class JudgedTail(Tail):
    """A tail whose stretches were all judged before a lane comes."""

    def __init__(self, records: Sequence[Stored], settings: LaneSettings) -> None:
        super().__init__(WHERE, VOCABULARY, settings)
        super().begin(START)
        for each in stretches(CommitReader(WHERE, VOCABULARY), records, settings.stretch_bytes):
            self._keep(each)

    def begin(self, checkpoint: Checkpoint) -> None:
        """It has begun."""

    def _trim(self) -> None:
        """All is kept."""


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure both on one broker."""
    async with bench_stack() as stack, _changelogs(stack.kafka, plan) as changelogs:
        plan.say("tables: making the log")
        log = log_of(round(RECORDS_PER_S * plan.seconds))
        written = {
            judged: [await _filled(changelogs, log, judged, plan, number) for number in range(plan.rounds)]
            for judged in (True, False)
        }
        await _fill_up(changelogs, plan)
        recovered = [await _recovered(changelogs, log, plan, number) for number in range(plan.rounds)]
    return _row(written[True], written[False], recovered)


@asynccontextmanager
async def _changelogs(kafka: str, plan: Plan) -> AsyncIterator[KafkaChangelogs]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await create_topics(admin, (WHERE.kind,), TopicSettings(1))
    await admin.close()
    await ready_changelogs(kafka, [COUNTING])
    changelogs = KafkaChangelogs(kafka, "bench")
    try:
        plan.say("tables: waiting for the broker's coordinator")
        await _ready(changelogs)
        yield changelogs
    finally:
        await changelogs.close()


async def _ready(changelogs: KafkaChangelogs) -> None:
    """Wait until a fresh broker keeps epochs."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await TableProjectionStore(changelogs).reset(COUNTING)
            except SinkUnavailable:
                await asyncio.sleep(0.2)
            else:
                return


async def _filled(
    changelogs: KafkaChangelogs, log: list[Stored], judged: bool, plan: Plan, number: int
) -> tuple[float, float]:
    """Return (records a second by the clock, microseconds of this process a record)."""
    plan.say(f"tables, {'judged before' if judged else 'from bytes'}: round {number + 1} of {plan.rounds}")
    store, settings = TableProjectionStore(changelogs), LaneSettings()
    await store.reset(COUNTING)
    tail = JudgedTail(log, settings) if judged else Tail(WHERE, VOCABULARY, settings)
    gc.collect()
    async with _lane(store, tail, log, settings) as lane:
        await _until(lambda: lane.written is not None)
        begun, cpu_s = perf_counter(), process_time()
        if not judged:
            await _feed(tail, log)
        await _until(lambda: lane.written is not None and lane.written.next_offset == len(log))
        seconds, cpu_s = perf_counter() - begun, process_time() - cpu_s
    await store.close()
    return lane.decisions / seconds, 1e6 * cpu_s / lane.decisions


async def _feed(tail: Tail, log: list[Stored]) -> None:
    """Hand the tail the log, as Faust's consumer does."""
    tail.wanted = None
    while (at := tail.next_offset or 0) < len(log):
        if tail.has_room():
            for _ in tail.feed(log[at : at + MAX_RECORDS]):
                await asyncio.sleep(0)
        await asyncio.sleep(0)


async def _fill_up(changelogs: KafkaChangelogs, plan: Plan) -> None:
    plan.say(f"tables: writing {ROWS:,} rows")
    store, before = TableProjectionStore(changelogs), START
    await store.reset(COUNTING)
    for first in range(0, ROWS, ROWS_A_WRITE):
        changes = Changes()
        for number in range(first, first + ROWS_A_WRITE):
            changes.insert(COUNTS, (WHERE.partition, f"bench/{number}", 0, number, number))
        reader = CommitReader(WHERE, VOCABULARY)
        reader.next_offset = first + 1
        await store.write(COUNTING, WHERE, before, reader.checkpoint, changes)
        before = reader.checkpoint
    await store.close()


async def _recovered(
    changelogs: KafkaChangelogs, log: list[Stored], plan: Plan, number: int
) -> tuple[float, float]:
    """Return (seconds by the clock, seconds of this process) from nothing to a lane that follows."""
    plan.say(f"tables, recovery: round {number + 1} of {plan.rounds}")
    store, settings = TableProjectionStore(changelogs), LaneSettings()
    padded = log + log[-1:] * max(0, ROWS - len(log))  # it ends where the table stands
    gc.collect()
    begun, cpu_s = perf_counter(), process_time()
    async with _lane(store, Tail(WHERE, VOCABULARY, settings), padded, settings) as lane:
        await _until(lambda: lane.written is not None)
        seconds, cpu_s = perf_counter() - begun, process_time() - cpu_s
    rows = store.rows(COUNTING, WHERE, COUNTS)
    await store.close()
    assert rows is None  # it let go
    return seconds, cpu_s


@asynccontextmanager
async def _lane(
    store: TableProjectionStore, tail: Tail, log: list[Stored], settings: LaneSettings
) -> AsyncIterator[Lane]:
    ports = LanePorts(store, MemoryDeadLetters(), lambda _: MemoryTopic(log), Silent())
    lane = Lane(COUNTING, VOCABULARY, tail, ports, settings)
    running = asyncio.create_task(lane.run(), name="lane")
    try:
        yield lane
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.002)


def _row(
    judged: list[tuple[float, float]], whole: list[tuple[float, float]], recovered: list[tuple[float, float]]
) -> dict[str, Any]:
    rate, cpu_us = median_of(judged, lambda each: each[0])
    whole_rate, whole_cpu_us = median_of(whole, lambda each: each[0])
    ready_s, ready_cpu_s = median_of(recovered, lambda each: each[0])
    rates, readys = [round(each[0]) for each in judged], [round(each[0], 2) for each in recovered]
    return {
        "table_records_per_s": round(rate),
        "table_records_per_s_spread": [min(rates), max(rates)],
        "table_judged_records_per_s": round(whole_rate),
        "table_recovery_s": round(ready_s, 2),
        "table_recovery_s_spread": [min(readys), max(readys)],
        "tables": {
            "us_per_record": round(cpu_us, 2),
            "us_per_record_from_bytes": round(whole_cpu_us, 2),
            "recovery_cpu_s": round(ready_cpu_s, 2),
            "rows": ROWS,
        },
    }  # fmt: skip
