"""Closing: what is Modified is written back, the writer gets what waits, the directory is left."""

import asyncio

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches.events import EntryWrittenBack, LineLost, ListenerGone
from streams.domain.nodes.commands import Heartbeat
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.cache import Cache


async def test_closing_the_client_writes_back_and_leaves(join: Join, worker: CacheWorker) -> None:
    client = await join("n1")
    cache = client.cache(NAME, keep="MODIFIED")
    await cache.create()
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    await client.close()
    state = worker.state(NAME)
    assert state.entries["x"].value == b"2"
    assert not state.listeners
    assert worker.happened(LineLost) == []
    assert [event.cause for event in worker.happened(ListenerGone)] == ["LEFT"]


async def test_a_cache_that_is_closed_can_be_used_again(cache: Cache[bytes], worker: CacheWorker) -> None:
    await cache.put("x", b"1")
    await cache.close()
    assert cache.hit("x") is None
    assert not worker.state(NAME).listeners
    assert await cache.get("x") == b"1"
    assert cache.hit("x") == b"1"


async def test_closing_waits_for_a_worker_that_does_not_answer_for_a_while_only(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    client = await join()
    lost: list[object] = []
    cache = client.cache(NAME, keep="MODIFIED", on_lost=lost.append)
    await cache.create()
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    worker.held = (c.WriteBack, c.StopListening)
    closing = asyncio.create_task(client.close())
    await until(closing.done, clock)
    await closing
    assert len(lost) == 1


async def test_a_closed_client_has_no_cache(join: Join) -> None:
    client = await join()
    cache = client.cache(NAME)
    await cache.create()
    await cache.put("x", b"1")
    await client.close()
    assert cache.hit("x") is None
    with pytest.raises(errors.ClientClosed):
        await cache.get("x")
    with pytest.raises(errors.ClientClosed):
        await cache.put("x", b"1")


async def test_while_lines_are_written_back_the_node_stays_alive(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    client = await join("n1")
    cache = client.cache(NAME, keep="MODIFIED")
    await cache.create()
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    worker.held = (c.WriteBack,)
    closing = asyncio.create_task(client.close())
    await until(lambda: worker.of(c.WriteBack) != [])
    beats = len(worker.of(Heartbeat))
    await let_pass(clock, 1.5)
    assert len(worker.of(Heartbeat)) > beats
    worker.let()
    await closing
    (brought,) = worker.happened(EntryWrittenBack)
    assert brought.value == b"2"
