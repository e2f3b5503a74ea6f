"""Queues without async, where that differs: an iteration may be closed by the garbage collector."""

from collections.abc import Coroutine
from typing import Any

import pytest

from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import until
from tidelock.client.queues import blocking
from tidelock.client.queues.queue import Queue


class Here:
    """A loop whose own thread calls. Returns what the test made ready."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        work.close()
        if not self.results:
            pytest.fail("it waits for itself")
        return self.results.pop(0)

    def is_here(self) -> bool:
        return True


async def test_an_iteration_that_is_collected_on_the_clients_thread_gives_back_what_lies_ready(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)
    consumer = queue.consume()
    message = await consumer.get()
    queue.consume = lambda **_: consumer  # type: ignore[method-assign]
    here = Here()
    here.results = [message]
    iterating = blocking.Queue(queue, here).consume()
    with next(iterating) as given:
        assert given.payload == 1
        here.results = [None]
    iterating.close()  # type: ignore[attr-defined]
    await until(lambda: consumer._stopping)
    assert await consumer.get() is None
