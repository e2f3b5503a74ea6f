"""The queue workload: producers put the I/Os of a trace as messages, consumers handle them; some handlers fail.

One producer has all I/Os of a group, so each group is put in the order of the trace.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ssl import SSLContext
from time import perf_counter
from typing import Any
from zlib import crc32

import tidelock
from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, QueueUnknown, TidelockError
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue
from tidelock.workload.figures import Durations
from tidelock.workload.journal import Handout, Journal, fails, group_of, payload_of
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import BlockIo

DEFAULT_SHARDS = 4
FAILED = "the workload has some handlers fail"
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """How a trace is put and handled."""

    queue: str = "workload/trace"
    producers: int = 2
    in_flight: int = 64
    """Puts that one producer has under way."""
    consumers: int = 4
    prefetch: int = 64
    """Messages that one consumer leases, and handlers that it has."""
    shards: int | None = None
    """Of a queue that is not there yet; None: 4, or as many as it has."""
    fail: float = 0.01
    """Share of the handlers that fail."""
    patience_s: float = 120.0
    """Without any progress for so long, the run is ended: the proof says what is missing."""


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


class QueueRun:
    """One run: its clients share one journal."""

    def __init__(
        self,
        plan: QueuePlan,
        journal: Journal,
        on_put: Callable[[int], None],
        on_handled: Callable[[int], None],
    ) -> None:
        self.outcome = QueueOutcome()
        self._plan = plan
        self._journal = journal
        self._on_put = on_put
        self._on_handled = on_handled
        self._started_s = 0.0
        self._began_s: dict[int, float] = {}
        self._broken = False

    async def run(self, producers: Sequence[Client], consumers: Sequence[Client]) -> QueueOutcome:
        """Put all, handle all. Raises `BadArgument` if the queue is there but will not do."""
        plan, outcome = self._plan, self.outcome
        outcome.tenant = producers[0].tenant
        outcome.shards = await ready(producers[0].queue(plan.queue, codec=Json()), plan)
        began = self._started_s = perf_counter()
        reading = [each.queue(plan.queue, codec=Json()).consume(prefetch=plan.prefetch) for each in consumers]
        handling = [
            asyncio.create_task(self._handle(consumer, client.id))
            for consumer, client in zip(reading, consumers, strict=True)
            for _ in range(plan.prefetch)
        ]
        try:
            await self._all_put(producers)
            outcome.put_s = perf_counter() - began
            await self._progress(lambda: not self._journal.open)
            await asyncio.gather(*(each.stop() for each in reading))
            await asyncio.gather(*handling)
        finally:
            for task in handling:
                task.cancel()
        return outcome

    async def _all_put(self, producers: Sequence[Client]) -> None:
        slices: list[list[BlockIo]] = [[] for _ in producers]
        for io in self._journal.ios.values():
            slices[crc32(group_of(io).encode()) % len(producers)].append(io)
        putting = [
            asyncio.create_task(self._put(client.queue(self._plan.queue, codec=Json()), ios))
            for client, slice_ in zip(producers, slices, strict=True)
            for ios in [iter(slice_)] * self._plan.in_flight
        ]
        try:
            await self._progress(lambda: all(task.done() for task in putting))
        finally:
            for task in putting:
                task.cancel()
        ended = await asyncio.gather(*putting, return_exceptions=True)
        for bug in ended:
            if isinstance(bug, Exception):
                raise bug

    async def _progress(self, is_done: Callable[[], bool]) -> None:
        """Return once it is done, or nothing happens any more."""
        seen, seen_s = self._journal.moves, perf_counter()
        while not is_done() and not self._broken:
            await asyncio.sleep(LOOK_S)
            if self._journal.moves != seen:
                seen, seen_s = self._journal.moves, perf_counter()
            elif perf_counter() - seen_s > self._plan.patience_s:
                self.outcome.errors["NO_PROGRESS"] += 1
                return

    # -- producers -------------------------------------------------------------------------------------------

    async def _put(self, queue: Queue[Any], ios: Iterator[BlockIo]) -> None:
        journal, outcome = self._journal, self.outcome
        for io in ios:
            began = self._began_s[io.line] = perf_counter()
            try:
                put = await queue.put(payload_of(io, journal.run), group=group_of(io))
            except TidelockError as error:
                journal.was_refused(io.line)
                outcome.errors[error.code] += 1
            else:
                journal.was_put(io.line, put.id)
                outcome.putting.add(perf_counter() - began)
                outcome.put += 1
            self._on_put(1)

    # -- consumers -------------------------------------------------------------------------------------------

    async def _handle(self, consumer: Consumer[Any], client: str) -> None:
        try:
            while (message := await consumer.get()) is not None:
                handout = self._journal.handed(message, client)
                if handout is None:
                    await _settle(message)
                else:
                    await self._work(message, handout)
        except TidelockError as error:
            self.outcome.errors[error.code] += 1
            self._broken = True

    async def _work(self, message: Message[Any], handout: Handout) -> None:
        journal, outcome = self._journal, self.outcome
        await asyncio.sleep(0)  # the others' turn: handlers of a group that overlap would be seen
        journal.ended(handout, failed=fails(handout.line, handout.attempt, self._plan.fail))
        problem = await _settle(message, failed=handout.failed)
        is_new = handout.line not in journal.acked
        journal.settled(handout, problem)
        outcome.failures += handout.failed
        if problem is not None:
            outcome.errors[problem.code] += 1
        elif is_new and not handout.failed:
            now = perf_counter()
            outcome.handling.add(now - self._began_s[handout.line])
            outcome.handled += 1
            outcome.seconds = now - self._started_s
            self._on_handled(1)


async def _settle(message: Message[Any], *, failed: bool = False) -> TidelockError | None:
    """Acknowledge or fail the message; return the error, if it is not confirmed: then it may come again."""
    try:
        if failed:
            await message.nack(reason=FAILED)
        else:
            await message.ack()
    except TidelockError as error:
        return error
    return None


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


async def replay(
    workers: Sequence[str], token: str, plan: QueuePlan, journal: Journal, recorder: Recorder,
    progress: tuple[Callable[[int], None], Callable[[int], None]], tls: SSLContext | None = None,
) -> QueueOutcome:  # fmt: skip
    """Run all of the journal's I/Os through real clients, unpaced. `progress`: is told of puts, and of what is handled.

    Raises `ConnectionLost`, `NotAuthenticated`, `BadArgument`.
    """
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                tidelock.connect(*workers, token=token, tls=tls, on_answers=recorder.hear)
            )
            for _ in range(plan.producers + plan.consumers)
        ]
        for client in clients:
            recorder.clients.add(client.id)
        run = QueueRun(plan, journal, *progress)
        return await run.run(clients[: plan.producers], clients[plan.producers :])
