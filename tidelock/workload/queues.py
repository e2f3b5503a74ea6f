"""The queue workload: producers put the I/Os of a trace as messages, consumers handle them; some handlers fail.

One producer has all I/Os of a group, so each group is put in the order of the trace.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from ssl import SSLContext
from time import perf_counter
from typing import Any
from zlib import crc32

import tidelock
from tidelock.client.client import Client
from tidelock.client.errors import TidelockError
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue
from tidelock.workload.journal import Handout, Journal, fails, group_of, payload_of
from tidelock.workload.queue_plan import QueueOutcome, QueuePlan, ready
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import BlockIo

FAILED = "the workload has some handlers fail"
LOOK_S = 0.05


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
        queue = producers[0].queue(plan.queue, codec=Json())
        outcome.shards = await ready(queue, plan)
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
            await self._progress(lambda: not self._journal.open, lambda: self._is_empty(queue))
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
            await self._progress(lambda: all(task.done() for task in putting), _never)
        finally:
            for task in putting:
                task.cancel()
        ended = await asyncio.gather(*putting, return_exceptions=True)
        for bug in ended:
            if isinstance(bug, Exception):
                raise bug

    async def _progress(self, is_done: Callable[[], bool], is_over: Callable[[], Awaitable[bool]]) -> None:
        """Return once it is done, or was over twice with nothing happening between, or nothing happens for long."""
        moves, moved_s, asked_s, over = self._journal.moves, perf_counter(), 0.0, False
        while not is_done() and not self._broken:
            await asyncio.sleep(LOOK_S)
            now = perf_counter()
            if self._journal.moves != moves:
                moves, moved_s, asked_s, over = self._journal.moves, now, 0.0, False
            elif now - max(moved_s, asked_s) > self._plan.quiet_s:
                asked_s, before, over = perf_counter(), over, await is_over()
                if (before and over) or asked_s - moved_s > self._plan.patience_s:
                    self.outcome.errors["NO_PROGRESS"] += 1
                    return

    async def _is_empty(self, queue: Queue[Any]) -> bool:
        """Say whether nothing is in the queue that consumers could still get."""
        try:
            counts = (await queue.stats()).counts
        except TidelockError:
            return False
        return not (counts.ready or counts.delayed or counts.leased)

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


async def _never() -> bool:
    return False


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
