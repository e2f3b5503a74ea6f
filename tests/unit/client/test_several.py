"""Several locks at once, and transactions."""

import asyncio

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, DowngradeLock, ReleaseLock, UpgradeLock
from streams.domain.locks.replies import LockFreed, LockHeld
from tests.unit.client.worker import MARK_MS, FakeClock, FakeWorker, Received
from tidelock import errors
from tidelock.client.client import Client


def obliging(received: Received) -> None:
    """Grant everything."""
    command = received.command
    if isinstance(command, AcquireLock):
        received.answer(LockHeld(received.meta.sequence, command.mode, 30_000))
    elif isinstance(command, ReleaseLock):
        received.answer(LockFreed(command.token))
    elif isinstance(command, UpgradeLock):
        received.answer(LockHeld(received.meta.sequence, "EXCLUSIVE", 30_000))
    elif isinstance(command, DowngradeLock):
        received.answer(LockHeld(command.token, "SHARED", 30_000))


def watching(worker: FakeWorker) -> list[Received]:
    """Let the worker grant everything; return where it notes what it was asked."""
    asked: list[Received] = []

    def answer(received: Received) -> None:
        asked.append(received)
        obliging(received)

    worker.auto = answer
    return asked


async def test_all_are_taken_in_the_order_of_their_names(client: Client, worker: FakeWorker) -> None:
    asked = watching(worker)
    async with client.acquire_all(["c", "a", "b", "a"], ttl=30, wait=5) as held:
        assert list(held) == ["a", "b", "c"]
        assert held["b"].token == 2
    assert [each.command.name for each in asked] == ["a", "b", "c", "c", "b", "a"]


async def test_if_one_cannot_be_had_the_others_are_released(client: Client, worker: FakeWorker) -> None:
    released = []

    def answer(received: Received) -> None:
        if isinstance(received.command, ReleaseLock):
            released.append(received.command.name)
        if received.command.name == "c":
            received.answer(Rejected("LOCK_BUSY", "busy"))
        else:
            obliging(received)

    worker.auto = answer
    with pytest.raises(errors.LockBusy):
        async with client.acquire_all(["a", "b", "c"], wait=0):
            pytest.fail("not all were granted")
    assert released == ["b", "a"]


async def test_the_wait_is_for_all_of_them(client: Client, worker: FakeWorker, clock: FakeClock) -> None:
    waits = []

    def answer(received: Received) -> None:
        if isinstance(received.command, AcquireLock):
            waits.append(received.command.wait_ms)
            clock.turn(4)
        obliging(received)

    worker.auto = answer
    async with client.acquire_all(["a", "b", "c"], wait=6):
        assert waits == [6000, 2000, 0]


async def test_a_transaction_goes_with_each_acquire(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    clock.turn(1)
    asked = watching(worker)
    async with client.transaction() as tx:
        await tx.acquire("a")
        async with tx.lock("b", shared=True):
            pass
        await tx.acquire_all(["d", "c"])
    acquires = [each.command for each in asked if isinstance(each.command, AcquireLock)]
    assert {each.transaction and each.transaction.id for each in acquires} == {tx.id}
    assert tx.started_ms == MARK_MS + 1000
    releases = [each.command.name for each in asked if isinstance(each.command, ReleaseLock)]
    assert releases == ["b", "d", "c", "a"]
    assert client.transaction(started_ms=tx.started_ms).started_ms == tx.started_ms
    assert client.transaction().id != tx.id


async def test_upgrade_and_downgrade(client: Client, worker: FakeWorker) -> None:
    worker.auto = obliging
    async with client.lock("a", shared=True) as held:
        assert (held.mode, held.token) == ("SHARED", 1)
        await held.upgrade(wait=1)
        assert (held.mode, held.token) == ("EXCLUSIVE", 2)
        await held.downgrade()
        assert (held.mode, held.token) == ("SHARED", 2)


async def test_one_lock_object_holds_once(client: Client, worker: FakeWorker) -> None:
    worker.auto = obliging
    lock = client.lock("a")
    async with lock:
        with pytest.raises(errors.LockError):
            async with lock:
                pytest.fail("entered twice")
    async with lock as again:
        assert again.token == 3


async def test_each_lock_object_is_another_holder(client: Client, worker: FakeWorker) -> None:
    asked = watching(worker)
    async with client.lock("a", shared=True), client.lock("a", shared=True):
        assert len({each.meta.handle for each in asked}) == 2


async def test_terms_reach_the_wire(client: Client, worker: FakeWorker) -> None:
    holding = asyncio.create_task(
        client.lock("a", shared=True, ttl=1.5, wait=2.5, priority=5, lock_delay=0.25).acquire()
    )
    got = await worker.next(AcquireLock)
    assert got.command == AcquireLock("a", "SHARED", 1500, 2500, 5, 250, None)
    holding.cancel()
