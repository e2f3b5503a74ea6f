"""Working a queue off by a handler: what is awaited, what fails a message, and how it ends when it is cancelled."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import tidelock
from streams.domain.queues.commands import AckMessages, NackMessages
from tests.unit.client.queues.log import acked, came_back
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock.client.client import Client
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue


async def ended(working: asyncio.Task[None]) -> None:
    """Return once cancelled work has ended, as cancelled."""
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_work_handles_several_at_a_time_and_goes_on_after_failures(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put_many(range(20))
    at_once = most = 0

    async def handle(message: Message[object]) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if message.payload == 7:
            raise ValueError("seven")

    working = asyncio.create_task(queue.work(handle, concurrency=4))
    await until(lambda: acked(worker) == 19 and came_back(worker, 1) == 1)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert most == 4


async def test_a_worker_is_run_by_its_client_and_gives_back_what_it_was_working_on(
    queue: Queue[object], client: Client, worker: QueueWorker
) -> None:
    begun: list[object] = []

    @tidelock.worker("orders", concurrency=2, codec=Json())
    async def ship(message: Message[object]) -> None:
        begun.append(message.payload)
        await asyncio.Event().wait()

    await queue.put_many(range(6))
    running = asyncio.create_task(ship.run(client))
    await until(lambda: len(begun) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: came_back(worker, 0) >= 4)
    assert len(await queue.receive(10)) == 6


async def test_with_grace_handlers_may_end_first(queue: Queue[object], worker: QueueWorker) -> None:
    release, begun = asyncio.Event(), asyncio.Event()

    async def handle(message: Message[object]) -> None:
        begun.set()
        await release.wait()

    await queue.put(1)
    working = asyncio.create_task(queue.work(handle, concurrency=1, grace=30.0))
    await begun.wait()
    working.cancel()
    await asyncio.sleep(0.01)
    assert not working.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    await until(lambda: acked(worker) == 1)


async def test_plain_functions_work_in_threads(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put(1)
    got: list[object] = []
    working = asyncio.create_task(queue.work(lambda message: got.append(message.payload), concurrency=1))
    await until(lambda: acked(worker) == 1)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert got == [1]


async def test_what_a_plain_callable_gives_is_awaited_on_the_loop_before_the_message_is_acknowledged(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)
    begun, release = asyncio.Event(), asyncio.Event()
    threads: list[threading.Thread] = []

    async def ship(message: Message[object]) -> None:
        threads.append(threading.current_thread())
        begun.set()
        await release.wait()

    working = asyncio.create_task(queue.work(lambda message: ship(message), concurrency=1))  # noqa: PLW0108
    await begun.wait()
    assert worker.of(AckMessages) == []
    release.set()
    await until(lambda: acked(worker) == 1)
    working.cancel()
    await ended(working)
    assert threads == [threading.current_thread()]


async def test_what_a_plain_callable_gives_fails_the_message_if_it_fails(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)

    async def ship(message: Message[object]) -> None:
        raise ValueError("no ship")

    working = asyncio.create_task(queue.work(lambda message: ship(message), concurrency=1))  # noqa: PLW0108
    await until(lambda: came_back(worker, 1) == 1)
    working.cancel()
    await ended(working)
    assert worker.of(NackMessages)[0].reason == "ValueError: no ship"


async def test_a_thread_that_raises_stop_iteration_fails_its_message(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)
    working = asyncio.create_task(queue.work(lambda _: next(iter(())), concurrency=1))
    await until(lambda: came_back(worker, 1) == 1)
    working.cancel()
    await ended(working)


class Thread:
    """A plain handler that stays in its thread until the test lets it go."""

    def __init__(self, gives: Callable[[], Coroutine[Any, Any, None] | None] = lambda: None) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()
        self._gives = gives

    def __call__(self, message: Message[object]) -> Coroutine[Any, Any, None] | None:
        self.begun.set()
        assert self.release.wait(10)
        return self._gives()


async def test_a_message_that_a_thread_works_on_stays_leased_however_often_the_work_is_cancelled(
    queue: Queue[object], other: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(1, group="g")
    await queue.put(2, group="g")
    handler = Thread()
    working = asyncio.create_task(queue.work(handler, concurrency=2))
    await until(handler.begun.is_set)
    for _ in range(3):
        working.cancel()
        await let_pass(clock, 40)  # longer than its lease
        assert not working.done()
        assert await other.queue("orders").receive() == []
    handler.release.set()
    await ended(working)
    await until(lambda: acked(worker) == 1)
    (after,) = await other.queue("orders", codec=Json()).receive()
    assert (after.payload, after.attempt) == (2, 1)


async def test_closing_the_client_does_not_give_back_what_a_thread_works_on(
    queue: Queue[object], client: Client, other: Client, clock: FakeClock
) -> None:
    await queue.put(1)
    handler = Thread()
    working = asyncio.create_task(queue.work(handler, concurrency=1))
    await until(handler.begun.is_set)
    closing = asyncio.create_task(client.close())
    await until(closing.done, clock)
    assert await other.queue("orders").receive() == []
    handler.release.set()
    await working


async def test_what_a_thread_gives_after_the_work_was_cancelled_is_not_begun(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)
    begun: list[None] = []

    async def rest() -> None:
        begun.append(None)

    handler = Thread(rest)
    working = asyncio.create_task(queue.work(handler, concurrency=1))
    await until(handler.begun.is_set)
    working.cancel()
    await asyncio.sleep(0)
    handler.release.set()
    await ended(working)
    await until(lambda: came_back(worker, 0) == 1)
    assert begun == []


async def test_a_second_cancellation_ends_the_grace_and_leaves_nothing_behind(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put_many(range(2))
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handle(message: Message[object]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    before = asyncio.all_tasks()
    working = asyncio.create_task(queue.work(handle, concurrency=1, grace=30.0))
    await begun.wait()
    working.cancel()
    await until(lambda: came_back(worker, 0) == 1)  # what lies ready: the grace has begun
    assert not cancelled.is_set()
    working.cancel()
    await ended(working)
    assert cancelled.is_set()
    assert asyncio.all_tasks() == before
    await until(lambda: came_back(worker, 0) == 2)
    assert len(await queue.receive(5)) == 2
