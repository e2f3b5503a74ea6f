"""Which workers are tried, in which order, and which are forgotten."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.domain.locks.commands import InspectLock
from streams.domain.locks.replies import LockState
from streams.wire.messages import Route
from tests.unit.client.worker import PARTITIONS, FakeClock, FakeWorker, until
from tidelock.client import router as routing
from tidelock.client.client import Client, connect
from tidelock.client.session import Session
from tidelock.client.settings import Settings

FREE = LockState("FREE", (), (), 0, 0, None)


@pytest.fixture
async def hung(clock: FakeClock) -> AsyncIterator[list[FakeWorker]]:
    """Workers that accept connections and say nothing."""
    workers = [await FakeWorker(clock).start() for _ in range(4)]
    for worker in workers:
        worker.silent = True
    yield workers
    for worker in workers:
        await worker.stop()


def addresses(client: Client) -> set[str]:
    return {link.address for link in client._session.links}


async def test_workers_that_hang_do_not_hold_up_the_next(
    worker: FakeWorker, clock: FakeClock, hung: list[FakeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "HEAD_START_S", 0.01)
    async with asyncio.timeout(4):  # less than one attempt may take
        client = await connect(hung[0].address, hung[1].address, worker.address, clock=clock)
    await client.close()


async def test_no_more_than_three_are_tried_at_once(
    clock: FakeClock, hung: list[FakeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "HEAD_START_S", 0)
    session = Session(Settings(tuple(each.address for each in hung), lambda: "t"), clock)
    starting = asyncio.create_task(session.start())
    async with asyncio.timeout(5):
        for each in hung[:3]:
            await each.hellos.get()
        assert len(session.router._opening) == 3
        hung[0].connections[0].drop()
        await hung[3].hellos.get()
    starting.cancel()
    await session.close()


async def test_as_long_as_the_first_may_answer_no_other_is_tried(
    worker: FakeWorker, clock: FakeClock, hung: list[FakeWorker]
) -> None:
    async with connect(worker.address, *(each.address for each in hung), clock=clock):
        assert all(each.connections == [] for each in hung)


async def test_a_worker_that_nothing_names_any_more_is_forgotten(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    for _ in range(3):
        other = await FakeWorker(clock).start()
        asking = asyncio.create_task(client.inspect("a"))
        (await worker.next(InspectLock)).refuse("NOT_OWNER", address=other.address)
        got = await other.next(InspectLock)
        assert addresses(client) == {worker.address, other.address}
        got.refuse("NOT_OWNER", address=worker.address)
        (await worker.next(InspectLock)).answer(FREE)
        await asking
        await other.stop()
        await until(lambda: sum(link.is_open for link in client._session.links) == 1)
        clock.turn(5)
        worker.connections[-1].drop()  # at whatever happens to a connection the list is gone through
        asking = asyncio.create_task(client.inspect("a"))
        await worker.back()
        (await worker.next(InspectLock)).answer(FREE)
        await asking
        assert addresses(client) == {worker.address}


async def test_the_last_welcome_replaces_the_routes_of_those_before(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    asked = client._session.partition_of("locks", "a").number
    for gone in ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"):
        worker.routes = (Route("locks", (asked + 1) % PARTITIONS, gone),)
        worker.connections[-1].drop()
        asking = asyncio.create_task(client.inspect("a"))
        await worker.back()
        (await worker.next(InspectLock)).answer(FREE)
        await asking
    assert addresses(client) == {worker.address, gone}


async def test_a_worker_that_failed_is_not_forgotten_within_its_pause(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    dead = await FakeWorker(clock).start()
    await dead.stop()
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).refuse("NOT_OWNER", address=dead.address)
    again = await worker.next(InspectLock)
    (link,) = (link for link in client._session.links if link.address == dead.address)
    assert link.failures == 1
    assert link.not_before_s > clock.now()
    again.answer(FREE)
    await asking
