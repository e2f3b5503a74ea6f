"""How the queue workload runs, what it measures, and the queue that it needs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tidelock.client.errors import BadArgument, QueueUnknown
from tidelock.client.queues.queue import Queue
from tidelock.workload.figures import Durations

DEFAULT_SHARDS = 4


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """How a trace is put and handled."""

    queue: str = "workload/trace"
    producers: int = 2
    in_flight: int = 256
    """Puts that one producer has under way."""
    consumers: int = 4
    prefetch: int = 256
    """Messages that one consumer leases, and handlers that it has."""
    shards: int | None = None
    """Of a queue that is not there yet; None: 4, or as many as it has."""
    fail: float = 0.01
    """Share of the handlers that fail."""
    patience_s: float = 120.0
    """Without any progress for so long, the run is ended: the proof says what is missing."""
    quiet_s: float = 5.0
    """Without any progress for so long, it is looked whether the queue still has anything."""


@dataclass(slots=True)
class QueueOutcome:
    """What a run measured."""

    tenant: str = ""
    shards: int = 0
    put: int = 0
    handled: int = 0
    failures: int = 0
    put_s: float = 0.0
    """Until the last put was confirmed."""
    seconds: float = 0.0
    """Until the last acknowledgement was confirmed."""
    putting: Durations = field(default_factory=Durations)
    """From calling `put` until it is confirmed."""
    handling: Durations = field(default_factory=Durations)
    """From calling `put` until the acknowledgement is confirmed: what waits in the queue, failures, all."""
    errors: Counter[str] = field(default_factory=Counter)


async def ready(queue: Queue[Any], plan: QueuePlan) -> int:
    """Make the queue if it is not there; return its shards. Raises `BadArgument` if another one is in the way."""
    try:
        found = await queue.stats()
    except QueueUnknown:
        await queue.create(
            shards=plan.shards or DEFAULT_SHARDS, max_attempts=1000, backoff_min=0.05, backoff_max=1.0
        )
        found = await queue.stats()
    settings, shards = found.settings, found.route.shards
    if plan.shards not in {None, shards}:
        raise BadArgument(
            f"Queue {plan.queue!r} has {shards} shards, not {plan.shards}. Leave that out, or name another queue."
        )
    if settings.broadcast or settings.paused:
        what = "is a broadcast queue" if settings.broadcast else "is paused"
        raise BadArgument(f"Queue {plan.queue!r} {what}: nothing would be handled. Name another queue.")
    return shards
