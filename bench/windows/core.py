"""The pure core on one core: 10,000 keys, tumbling windows of 10 s with percentiles, by processor time.

Every batch is added and taken: results, percentiles and the states to store as JSON are in the figure, storing is not.
"""

import gc
import random
from time import perf_counter, process_time
from typing import Any

from bench.plan import Plan
from bench.rounds import median_of
from streams.windows.aggregates import Percentiles
from streams.windows.combined import Aggregates
from streams.windows.definition import Tumbling, Windows
from streams.windows.operator import Windowed
from streams.windows.taken import Key, Kind

KEYS = 10_000
WINDOW_MS = 10_000
BATCH = 50_000
RATE_PER_MS = 50
OUT_OF_ORDER_MS = 500
EVENTS_PER_S = 200_000
"""A round has as many for each of its seconds."""

Event = tuple[Key, int, int]


def measure(plan: Plan) -> dict[str, Any]:
    """Return events a second of processor time, and by the clock."""
    batches = _batches(round(EVENTS_PER_S * plan.seconds) // BATCH + 1)
    gc.collect()
    gc.freeze()  # the events were there before: what runs on them does not look through them
    rounds = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"windows, pure core: round {number} of {plan.rounds}")
        rounds.append(_round(batches))
    events = len(batches) * BATCH
    rates = [round(events / each[0]) for each in rounds]
    cpu_s, seconds, finals = median_of(rounds, lambda each: each[0])
    return {
        "window_events_per_s": round(events / cpu_s),
        "window_events_per_s_spread": [min(rates), max(rates)],
        "core": {"by_the_clock_per_s": round(events / seconds), "events": events, "finals": finals, "keys": KEYS},
    }  # fmt: skip


def _batches(count: int) -> list[list[Event]]:
    chance, time_ms, batches = random.Random(1), 0, []
    keys: list[Key] = [("tenant", f"resource/{number}") for number in range(KEYS)]
    for _ in range(count):
        batch = []
        for _ in range(BATCH // RATE_PER_MS):
            time_ms += 1
            batch += [
                (
                    chance.choice(keys),
                    time_ms - chance.randrange(OUT_OF_ORDER_MS),
                    int(chance.expovariate(0.02)),
                )
                for _ in range(RATE_PER_MS)
            ]
        batches.append(batch)
    return batches


def _round(batches: list[list[Event]]) -> tuple[float, float, int]:
    aggregates = Aggregates(waits=Percentiles())
    windowed = Windowed(Windows(Tumbling(WINDOW_MS), aggregates, out_of_order_ms=OUT_OF_ORDER_MS))
    finals = 0
    gc.collect()
    begun, cpu = perf_counter(), process_time()
    for batch in batches:
        windowed.add_many(batch)
        finals += sum(each.kind is Kind.FINAL for each in windowed.take().emissions)
    return process_time() - cpu, perf_counter() - begun, finals
