"""One producer and one consumer, each a process, on one partition: from the first put to the last acknowledgement."""

import asyncio
from dataclasses import dataclass
from typing import Any

from bench.plan import Plan
from bench.role import start, told
from bench.rounds import median_of
from bench.stack import BenchStack

RATE = "messages_per_s"


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to produce and consume."""

    name: str
    says: str
    producer: tuple[str, ...]
    consumer: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    """Its figures: their names, and what of a round they are."""


FLOWS = (
    Flow("w1", "window of 1, each acknowledged", ("--window=1",), keys=(("w1", RATE),)),
    Flow("w100", "window of 100, each acknowledged", ("--window=100",), keys=(("w100", RATE),)),
    Flow(
        "batch100",
        "batches of 100, acknowledged in batches",
        ("--window=4", "--batch=100"),
        ("--batch=100",),
        (("batch100", RATE),),
    ),
    Flow(
        "paced",
        "500 a second",
        ("--rate=500",),
        keys=(("paced_p50_ms", "p50_ms"), ("paced_p99_ms", "p99_ms")),
    ),
)


async def measure(stack: BenchStack, plan: Plan, flow: Flow) -> dict[str, Any]:
    """Run a flow's rounds; return the median one."""
    plan.say(f"{flow.says}: warming up")
    await _round(stack, flow, plan.row_warm_up_s, "warm")
    rounds = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"{flow.says}: round {number} of {plan.rounds}")
        rounds.append(await _round(stack, flow, plan.seconds, str(number)))
    middle = median_of(rounds, lambda each: each["messages_per_s"])
    figures: dict[str, Any] = {}
    for name, what in flow.keys:
        figures[name] = middle[what]
        figures[f"{name}_spread"] = [pick(each[what] for each in rounds) for pick in (min, max)]
    return {**figures, f"{flow.name}_round": middle}


async def warm_up(stack: BenchStack, plan: Plan) -> None:
    """Put load on a new broker, whose just-in-time compiler needs it."""
    await _round(stack, FLOWS[1], plan.warm_up_s, "first")


async def _round(stack: BenchStack, flow: Flow, seconds: float, name: str) -> dict[str, Any]:
    address, queue = stack.workers[0].address, f"bench-{flow.name}-{name}"
    async with stack.connect() as client:
        await client.queue(queue).create()
    consumer = await start("bench.queues.consumer", address, queue, *flow.consumer)
    producer = await start("bench.queues.producer", address, queue, f"--seconds={seconds}", *flow.producer)
    meter = stack.meter(client=producer.pid, consumer=consumer.pid)
    meter.start()
    sent = await told(producer, "go")
    taken = await told(consumer, str(sent["sent"]))
    cpu = meter.stop(sent["sent"])
    await asyncio.gather(producer.communicate(b""), consumer.communicate(b""))
    if taken["acked"] != sent["sent"]:
        raise RuntimeError(f"{sent['sent']} messages were put and {taken['acked']} acknowledged")
    return {
        "messages_per_s": round(sent["sent"] / (taken["ended"] - sent["began"]), 1),
        "p50_ms": round(taken["p50_ms"], 3),
        "p99_ms": round(taken["p99_ms"], 3),
        "put_p50_ms": round(sent["put_p50_ms"], 3),
        "messages": sent["sent"],
        "cpu": cpu.as_json(),
    }
