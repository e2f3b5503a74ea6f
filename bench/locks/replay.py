"""Replay: the log of the run with 256 clients, decoded, judged and folded on one core."""

import gc
from collections.abc import Sequence
from time import perf_counter, process_time
from typing import Any

from bench.locks.direct import measure_row
from bench.plan import CLIENTS, WHERE, Plan
from bench.rounds import median_of
from bench.stack import BenchStack
from storage.kafka.log import KafkaTopicReader
from streams.domain.locks.kind import LOCKS
from streams.log.reader import PartitionReader
from streams.log.vocabulary import Vocabulary

ENOUGH_BYTES = 200_000


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure the fold alone, from memory, and the way of a reader that fetches from Kafka."""
    log = KafkaTopicReader(stack.kafka, WHERE.log_topic, WHERE.partition)
    values = await _values(log) if stack.workers else []
    if sum(len(value or b"") for value in values) < ENOUGH_BYTES:
        await stack.fresh()
        await measure_row(stack, plan, CLIENTS[-1], "writing a log to replay")
        values = await _values(log)
    rounds = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"replay: round {number} of {plan.rounds}")
        rounds.append(_replay(values))
    plan.say("replay: with fetching from Kafka")
    return {
        "replay": {
            **summary(rounds, len(values)),
            "fetching_decisions_per_s": await _fetching(log, len(values)),
        }
    }


def summary(rounds: Sequence[tuple[int, float, float]], records: int) -> dict[str, Any]:
    """Return the median of (decisions, seconds, seconds of processor time)."""
    decisions, seconds, cpu_s = median_of(rounds, lambda each: each[0] / each[1])
    rates = [each[0] / each[1] for each in rounds]
    return {
        "decisions_per_s": round(decisions / seconds),
        "decisions_per_record": round(decisions / records, 1),
        "decisions_per_cpu_s": round(decisions / cpu_s),
        "decisions": decisions,
        "decisions_per_s_spread": [round(min(rates)), round(max(rates))],
    }


async def _values(log: KafkaTopicReader) -> list[bytes | None]:
    _, end = await log.bounds()
    return [stored.value async for records in log.read(0, end) for stored in records]


def _replay(values: Sequence[bytes | None]) -> tuple[int, float, float]:
    reader = PartitionReader(WHERE, Vocabulary(LOCKS))
    gc.collect()
    begun, cpu = perf_counter(), process_time()
    for offset, value in enumerate(values):
        reader.read(offset, value)
    return reader.head.decisions, perf_counter() - begun, process_time() - cpu


async def _fetching(log: KafkaTopicReader, end: int) -> int:
    reader = PartitionReader(WHERE, Vocabulary(LOCKS))
    begun = perf_counter()
    async for records in log.read(0, end):
        for stored in records:
            reader.read(stored.offset, stored.value)
    return round(reader.head.decisions / (perf_counter() - begun))
