"""Rounds of load: many clients repeat one pair of commands until the time is over, and each pair is timed."""

import asyncio
import gc
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import Any

from bench.cpu import CpuMeter, CpuUse
from bench.plan import Plan


class Tally:
    """The pairs of one round that were complete before its end."""

    def __init__(self, seconds: float) -> None:
        self.until = perf_counter() + seconds
        self.latencies_s = array("d")

    def done(self, begun: float) -> bool:
        """Count a pair that began at `begun` and is complete now; say whether the round goes on."""
        now = perf_counter()
        if now > self.until:
            return False
        self.latencies_s.append(now - begun)
        return True


Repeat = Callable[[Tally], Awaitable[None]]
"""One client: repeats its pair until `Tally.done` says that the round is over."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round gave."""

    seconds: float
    latencies_s: Sequence[float]
    cpu: CpuUse

    @property
    def pairs_per_s(self) -> float:
        """Complete pairs a second."""
        return len(self.latencies_s) / self.seconds


async def run_round(clients: Sequence[Repeat], seconds: float, meter: CpuMeter, commands: int = 2) -> Round:
    """Let all `clients` run for `seconds`; each pair is so many `commands`."""
    gc.collect()
    tally = Tally(seconds)
    meter.start()
    running = [asyncio.ensure_future(client(tally)) for client in clients]
    await asyncio.sleep(max(0.0, tally.until - perf_counter()))
    cpu = meter.stop(commands * len(tally.latencies_s))
    await asyncio.gather(*running)
    return Round(seconds, tally.latencies_s, cpu)


async def run_row(
    clients: Sequence[Repeat], plan: Plan, meter: CpuMeter, what: str, commands: int = 2
) -> dict[str, Any]:
    """Warm up, run all rounds, and return the row of the median round."""
    plan.say(f"{what}: warming up")
    await run_round(clients, plan.row_warm_up_s, meter, commands)
    rounds = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"{what}: round {number} of {plan.rounds}")
        rounds.append(await run_round(clients, plan.seconds, meter, commands))
    return row(rounds)


def row(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the figures of the median round, and how far the rounds lie apart."""
    middle = median_of(rounds, lambda each: each.pairs_per_s)
    ordered = sorted(middle.latencies_s)
    rates = [each.pairs_per_s for each in rounds]
    return {
        "pairs_per_s": round(middle.pairs_per_s, 1),
        "p50_ms": round(1000 * percentile(ordered, 0.50), 3),
        "p99_ms": round(1000 * percentile(ordered, 0.99), 3),
        "pairs_per_s_spread": [round(min(rates), 1), round(max(rates), 1)],
        "p50_ms_spread": _spread([1000 * percentile(sorted(each.latencies_s), 0.50) for each in rounds]),
        "cpu": middle.cpu.as_json(),
    }


def median_of(rounds: Sequence[Any], key: Callable[[Any], float]) -> Any:
    """Return the round in the middle by `key`; of an even number, the lower one of the two."""
    return sorted(rounds, key=key)[(len(rounds) - 1) // 2]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of ascending values; NaN of none."""
    if not ordered:
        return float("nan")
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _spread(values: Sequence[float]) -> list[float]:
    return [round(min(values), 3), round(max(values), 3)]
