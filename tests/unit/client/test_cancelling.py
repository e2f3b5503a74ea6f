"""A cancelled acquire leaves neither a waiter nor a lease behind."""

import asyncio

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, InspectLock, ReleaseLock, UpgradeLock, WithdrawLock
from streams.domain.locks.replies import LockFreed, LockHeld, LockState, LockWaiting, LockWithdrawn
from tests.unit.client.worker import FakeClock, FakeWorker, until
from tidelock import errors
from tidelock.client.client import Client

HELD = LockHeld(7, "EXCLUSIVE", 30_000)
FREE = LockState("FREE", (), (), 0, 0, None)


async def cancelled(task: "asyncio.Task[object]") -> bool:
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def test_while_waiting(client: Client, worker: FakeWorker) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True)
    (pending,) = client._session.open_commands()
    await until(lambda: pending.waited)
    assert await cancelled(waiting)
    withdraw = await worker.next(WithdrawLock)
    assert withdraw.command == WithdrawLock("a", acquire.meta.sequence)
    assert withdraw.meta.handle == acquire.meta.handle
    withdraw.answer(LockWithdrawn("WAIT_ENDED", None))
    await client._session.drain(5)
    assert client._session.open_commands() == ()


async def test_before_the_first_answer(client: Client, worker: FakeWorker) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    acquire = await worker.next(AcquireLock)
    assert await cancelled(waiting)
    withdraw = await worker.next(WithdrawLock)
    acquire.answer(HELD)  # the grant crosses
    withdraw.answer(LockWithdrawn("RELEASED", 7))
    await client._session.drain(5)
    assert client._session.open_commands() == ()
    assert client._keeper.held == ()


async def test_exactly_when_granted(client: Client, worker: FakeWorker) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    acquire = await worker.next(AcquireLock)
    (pending,) = client._session.open_commands()
    acquire.answer(HELD)

    def crossing(outcome: object) -> None:
        waiting.cancel()  # after the grant, before its caller runs

    pending.on_done = crossing
    with pytest.raises(asyncio.CancelledError):
        await waiting
    withdraw = await worker.next(WithdrawLock)
    assert withdraw.command.acquire_sequence == acquire.meta.sequence
    withdraw.answer(LockWithdrawn("RELEASED", 7))
    assert client._keeper.held == ()


async def test_before_it_was_sent_nothing_is_sent(worker: FakeWorker, client: Client) -> None:
    link = client._session.router.links[0]
    link._room = 1
    looking = asyncio.create_task(client.inspect("b"))
    look = await worker.next(InspectLock)
    waiting = asyncio.create_task(client.lock("a").acquire())
    await until(lambda: len(client._session.open_commands()) == 2)
    assert await cancelled(waiting)
    look.answer(FREE)
    await looking
    looking = asyncio.create_task(client.inspect("b"))
    (await worker.next(InspectLock)).answer(FREE)
    await looking
    assert list(worker.rest()) == []


async def test_a_given_up_acquire_is_never_sent_again(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    await worker.next(AcquireLock)
    assert await cancelled(waiting)
    withdraw = await worker.next(WithdrawLock)
    withdraw.connection.drop()
    await worker.back()
    again = await worker.next(WithdrawLock)
    assert again.meta.floor == again.meta.sequence
    again.answer(LockWithdrawn("NOTHING", None))
    await client._session.drain(5)
    assert list(worker.rest()) == []


async def test_a_refused_acquire_whose_caller_left_is_dropped(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    acquire = await worker.next(AcquireLock)
    assert await cancelled(waiting)
    withdraw = await worker.next(WithdrawLock)
    acquire.refuse("OVERLOADED", retry_after_ms=10)
    withdraw.refuse("OVERLOADED", retry_after_ms=10)
    await until(lambda: len(client._session.open_commands()) == 1)
    clock.turn(1)
    (await worker.next(WithdrawLock)).answer(LockWithdrawn("NOTHING", None))
    await client._session.drain(5)
    assert list(worker.rest()) == []


@pytest.mark.parametrize("waited", [False, True])
async def test_an_acquire_that_a_leaving_owner_refused_is_taken_back_all_the_same(
    client: Client, worker: FakeWorker, clock: FakeClock, waited: bool
) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    acquire = await worker.next(AcquireLock)
    if waited:
        acquire.answer(LockWaiting(1, 1), waiting=True)
    acquire.refuse("NOT_OWNER", retry_after_ms=1000)
    (pending,) = client._session.open_commands()
    await until(lambda: pending.refusals == 1)
    assert await cancelled(waiting)
    withdraw = await worker.next(WithdrawLock)
    assert withdraw.command.acquire_sequence == acquire.meta.sequence
    withdraw.answer(LockWithdrawn("NOTHING", None))
    await client._session.drain(5)
    assert list(worker.rest()) == []


async def test_an_acquire_of_unknown_outcome_is_taken_back(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=0).acquire())
    acquire = await worker.next(AcquireLock)
    worker.silent = True
    await until(waiting.done, clock)
    with pytest.raises(errors.OutcomeUnknown):
        await waiting
    open_commands = client._session.open_commands()
    assert [each.sequence for each in open_commands][-1] > acquire.meta.sequence


@pytest.mark.parametrize("code", ["EXPIRED", "STALE"])
async def test_an_acquire_that_is_answered_expired_is_taken_back(
    client: Client, worker: FakeWorker, code: str
) -> None:
    waiting = asyncio.create_task(client.lock("a", wait=0).acquire())
    acquire = await worker.next(AcquireLock)
    acquire.answer(Rejected(code, "too late"))
    with pytest.raises(errors.OutcomeUnknown):
        await waiting
    withdraw = await worker.next(WithdrawLock)
    assert withdraw.command == WithdrawLock("a", acquire.meta.sequence)
    withdraw.answer(LockWithdrawn("RELEASED", 7))
    await client._session.drain(5)


async def test_an_upgrade_that_is_given_up_goes_on_as_a_share(client: Client, worker: FakeWorker) -> None:
    async def hold() -> None:
        async with client.lock("a", shared=True) as held:
            try:
                await held.upgrade(wait=10)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()

    holding = asyncio.create_task(hold())
    (await worker.next(AcquireLock)).answer(LockHeld(5, "SHARED", 30_000))
    upgrade = await worker.next(UpgradeLock)
    upgrade.answer(LockHeld(9, "EXCLUSIVE", 30_000))
    pending = client._session.open_commands()[-1]
    before = pending.on_done

    def crossing(outcome: object) -> None:
        assert before is not None
        before(outcome)
        holding.cancel()

    pending.on_done = crossing
    withdraw = await worker.next(WithdrawLock)
    assert withdraw.command.acquire_sequence == upgrade.meta.sequence
    withdraw.answer(LockWithdrawn("DOWNGRADED", 9))
    release = await worker.next(ReleaseLock)  # not before the token is known
    assert release.command.token == 9
    release.answer(LockFreed(9))
    await holding


async def test_closing_takes_waits_back_and_releases(client: Client, worker: FakeWorker) -> None:
    holding = asyncio.create_task(client.lock("b").acquire())
    (await worker.next(AcquireLock)).answer(LockHeld(5, "EXCLUSIVE", 30_000))
    held = await holding
    waiting = asyncio.create_task(client.lock("a", wait=10).acquire())
    acquire = await worker.next(AcquireLock)
    closing = asyncio.create_task(client.close())
    got = {type(each.command): each for each in (await worker.next(object), await worker.next(object))}
    got[ReleaseLock].answer(LockFreed(5))
    got[WithdrawLock].answer(LockWithdrawn("NOTHING", None))
    assert got[WithdrawLock].command.acquire_sequence == acquire.meta.sequence
    await closing
    with pytest.raises(errors.ClientClosed):
        await waiting
    assert held.is_lost
    with pytest.raises(errors.ClientClosed):
        await client.inspect("a")


async def test_a_body_whose_client_is_closed_learns_that_its_lock_is_lost(
    client: Client, worker: FakeWorker
) -> None:
    entered = asyncio.Event()

    async def body() -> None:
        async with client.lock("b"):
            entered.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(5, "EXCLUSIVE", 30_000))
    await entered.wait()
    closing = asyncio.create_task(client.close())
    (await worker.next(ReleaseLock)).answer(LockFreed(5))
    await closing
    with pytest.raises(errors.LockLost, match="closed"):
        await holding


async def test_a_release_survives_the_cancellation_of_its_caller(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    holding = asyncio.create_task(client.lock("b").acquire())
    (await worker.next(AcquireLock)).answer(LockHeld(5, "EXCLUSIVE", 30_000))
    held = await holding
    releasing = asyncio.create_task(held.release())
    release = await worker.next(ReleaseLock)
    assert await cancelled(releasing)
    release.connection.drop()
    await worker.back()
    again = await worker.next(ReleaseLock)
    again.answer(LockFreed(5))
    await client._session.drain(5)
