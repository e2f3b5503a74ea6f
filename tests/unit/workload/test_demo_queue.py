"""The demo's queue outlives what passes, and ends with what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from streams.domain.queues.limits import refuse_settings
from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, NotAuthenticated, QueueExists, TidelockError, Unavailable
from tidelock.client.queues.terms import settings_of
from tidelock.workload.demo_queue import OPTIONS, DemoQueue


class Message:
    def __init__(self, done: list[str]) -> None:
        self._done = done

    async def ack(self) -> None:
        self._done.append("ack")

    async def nack(self, *, reason: str) -> None:
        self._done.append(reason)


class Queue:
    """A queue whose calls fail as planned, the first ones first; consumers get what was put."""

    def __init__(self, **failing: Sequence[TidelockError]) -> None:
        self.done: list[str] = []
        self.asked: list[str] = []
        self._failing = {name: list(errors) for name, errors in failing.items()}
        self._there: asyncio.Queue[Message] = asyncio.Queue()

    def queue(self, name: str, codec: object) -> Queue:
        assert (name, codec is None) == ("demo/tasks", False)
        return self

    async def create(self, **_: object) -> None:
        self._call("create")

    async def put(self, _: object, group: str | None) -> None:
        self._call("put")
        self._there.put_nowait(Message(self.done))

    def consume(self, prefetch: int) -> Queue:
        assert prefetch > 0
        return self

    async def get(self) -> Message:
        self._call("get")
        return await self._there.get()

    async def __aenter__(self) -> Queue:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def _call(self, name: str) -> None:
        self.asked.append(name)
        failing = self._failing.get(name)
        if failing:
            raise failing.pop(0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidelock.workload.demo_queue.PAUSE_S", (0.0, 0.0))
    monkeypatch.setattr("tidelock.workload.demo_queue.HANDLE_S", (0.0, 0.0))


async def run(queue: Queue, until: int) -> str:
    """Run the demo's queue until so much was handled; return what it sums up."""
    one, client = DemoQueue(), cast(Any, queue)
    running = asyncio.create_task(one.run(cast(Client, client), [client, client]))
    while len(queue.done) < until and not running.done():
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    if not running.cancelled():
        running.result()
    return one.summary()


async def test_what_is_put_is_handled_and_some_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidelock.workload.demo_queue.FAILING", 0.5)
    queue = Queue()
    summary = await run(queue, 200)
    failed = sum(each != "ack" for each in queue.done)
    assert 0 < failed < len(queue.done)
    assert f"{len(queue.done) - failed} handled, {failed} failed" in summary


async def test_it_goes_on_after_refusals_and_takes_the_queue_as_it_is() -> None:
    passing = [Unavailable("later"), Unavailable("later")]
    queue = Queue(create=[Unavailable("later"), QueueExists("there")], put=passing[:1], get=passing[1:])
    assert (await run(queue, 5)).endswith("3 UNAVAILABLE")
    assert queue.asked.count("create") == 2


@pytest.mark.parametrize("call", ["create", "put", "get"])
@pytest.mark.parametrize("error", [NotAuthenticated("wrong token"), BadArgument("there is no such thing")])
async def test_what_does_not_pass_ends_it(call: str, error: TidelockError) -> None:
    with pytest.raises((type(error), ExceptionGroup)):
        await run(Queue(**{call: [error]}), 10**6)


def test_the_queue_is_one_that_workers_make() -> None:
    assert refuse_settings("demo/tasks", settings_of(**OPTIONS)) is None
