"""How long a lease is trusted, how it is kept alive, and what happens when it is lost."""

import asyncio
from dataclasses import replace

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, InspectLock, ReleaseLock, RenewLock
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld, LockState, LockWaiting
from tests.unit.client.worker import FakeClock, FakeWorker, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.held import HeldLock

FREE = LockState("FREE", (), (), 0, 0, None)


async def hold(client: Client, worker: FakeWorker, *, ttl: float = 30.0, lease_ms: int = 0) -> HeldLock:
    holding = asyncio.create_task(client.lock("a", ttl=ttl).acquire())
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockHeld(7, "EXCLUSIVE", lease_ms + round(ttl * 1000)), lease_ms=lease_ms)
    return await holding


async def test_a_lease_is_trusted_from_before_its_sending_less_one_percent(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    holding = asyncio.create_task(client.lock("a", ttl=30).acquire())
    acquire = await worker.next(AcquireLock)
    clock.turn(2)  # the answer takes its time
    acquire.answer(LockHeld(7, "EXCLUSIVE", 530_000), lease_ms=500_000)
    held = await holding
    assert held.expires_in() == pytest.approx(0.99 * 30 - 2)


async def test_lost_fires_when_trust_ends_and_not_before(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    clock.turn_to(1000 + 29.7 - 0.02)
    assert not held.is_lost
    assert not held.lost.is_set()
    clock.turn_to(1000 + 29.7)
    assert held.lost.is_set()
    assert held.is_lost
    with pytest.raises(errors.LockLost):
        held.check()


async def test_a_third_of_the_ttl_later_it_is_renewed(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    clock.turn(10.02)
    renew = await worker.next(RenewLock)
    assert renew.command == RenewLock("a", 7, 30_000)
    renew.answer(LeaseExtended(7, 40_000), lease_ms=10_000)
    await until(lambda: held.expires_at_ms == 40_000)
    assert held.expires_in() == pytest.approx(29.7, abs=0.03)
    clock.turn(10.02)
    (await worker.next(RenewLock)).answer(LeaseExtended(7, 50_000), lease_ms=20_000)
    await until(lambda: held.expires_at_ms == 50_000)
    clock.turn(9)
    assert not held.is_lost


async def test_any_first_answer_of_the_partition_tightens_every_lease_in_it(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    clock.turn(5)
    before = held.expires_in()
    looking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).answer(FREE, lease_ms=4_000)  # lease time stood still for a second
    await looking
    assert held.expires_in() == pytest.approx(0.99 * 26)
    assert held.expires_in() > before


@pytest.mark.parametrize("code", ["STALE", "SEQUENCE_REUSED", "SESSION_ENDED", "NEW_CODE"])
async def test_an_answer_that_no_commit_decided_makes_no_pair_but_tells_the_mark(
    client: Client, worker: FakeWorker, clock: FakeClock, code: str
) -> None:
    held = await hold(client, worker)
    before = held.trusted_until()
    clock.turn(5)
    looking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.undecided(code, mark_ms=worker.mark_ms() + 700)
    with pytest.raises(errors.TidelockError):
        await looking
    assert held.trusted_until() == before
    assert client.now_ms() == worker.mark_ms() + 700


async def test_a_deadline_too_far_that_no_commit_decided_makes_no_pair(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    before = held.trusted_until()
    clock.turn(5)
    looking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).undecided("DEADLINE_TOO_FAR")
    again = await worker.next(InspectLock)
    assert held.trusted_until() == before
    again.answer(FREE, lease_ms=5_000)
    await looking
    assert held.trusted_until() == pytest.approx(before + 0.05)


async def test_whatever_a_commit_decided_makes_a_pair_a_rejection_too(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    clock.turn(5)
    looking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.connection.drop()
    await worker.back()
    again = await worker.next(InspectLock)  # its stored answer, with the lease time of the newest commit
    again.answer(Rejected("STALE", "stored so"), lease_ms=4_000)
    with pytest.raises(errors.OutcomeUnknown):
        await looking
    assert held.trusted_until() == pytest.approx(1005 + 0.99 * 26)


async def test_a_push_makes_no_pair(client: Client, worker: FakeWorker, clock: FakeClock) -> None:
    holding = asyncio.create_task(client.lock("a", ttl=30, wait=60).acquire())
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True, lease_ms=100_000)
    (pending,) = client._session.open_commands()
    await until(lambda: pending.waited)
    clock.turn(5)
    acquire.answer(LockHeld(7, "EXCLUSIVE", 135_000), lease_ms=105_000)
    held = await holding
    assert held.trusted_until() == pytest.approx(1000 + 0.99 * 35)


async def test_a_grant_after_a_long_wait_is_renewed_before_it_is_relied_on(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    holding = asyncio.create_task(client.lock("a", ttl=1, wait=600).acquire())
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True, lease_ms=0)
    (pending,) = client._session.open_commands()
    await until(lambda: pending.waited)
    clock.time += 300  # 1 % of it is more than the ttl
    acquire.answer(LockHeld(7, "EXCLUSIVE", 301_000), lease_ms=300_000)
    renew = await worker.next(RenewLock)
    assert not holding.done()
    renew.answer(LeaseExtended(7, 301_000), lease_ms=300_000)
    held = await holding
    assert held.expires_in() == pytest.approx(0.99)


async def test_trust_counts_from_the_first_sending_not_the_last(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    holding = asyncio.create_task(client.lock("a", ttl=30).acquire())
    (await worker.next(AcquireLock)).connection.drop()  # but it was decided, at once
    clock.turn(8)
    await worker.back()
    again = await worker.next(AcquireLock)
    again.answer(LockHeld(7, "EXCLUSIVE", 30_000), lease_ms=0)
    held = await holding
    assert held.trusted_until() == pytest.approx(1000 + 29.7)


@pytest.mark.parametrize("elsewhere", [-1, 99, None])
async def test_an_answer_from_elsewhere_makes_no_pair(
    client: Client, worker: FakeWorker, clock: FakeClock, elsewhere: int | None
) -> None:
    held = await hold(client, worker, lease_ms=500_000)
    until_s = held.trusted_until()
    looking = asyncio.create_task(client.inspect("a" if elsewhere else "b"))
    look = await worker.next(InspectLock)
    if elsewhere is None:
        assert look.partition != held.partition.number
        elsewhere = held.partition.number
    answers = look.answers(Rejected("BAD_NAME", "no"))
    look.connection.send(replace(answers, partition=elsewhere))
    with pytest.raises(errors.BadArgument):
        await looking
    assert held.trusted_until() == until_s


async def test_a_renewal_that_is_told_not_held_loses_the_lock(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    clock.turn(10.02)
    (await worker.next(RenewLock)).answer(Rejected("NOT_HELD", "gone"))
    await held.lost.wait()
    with pytest.raises(errors.LockLost, match="gone"):
        await held.release()


async def test_a_renewal_in_flight_is_not_repeated(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker)
    clock.turn_to(1000 + 15)
    first = await worker.next(RenewLock)
    clock.turn_to(1000 + 25)  # silence for over 10 s: the connection is made anew
    await worker.back()
    renew = await worker.next(RenewLock)
    assert renew.meta.sequence == first.meta.sequence
    assert list(worker.rest()) == []
    renew.answer(LeaseExtended(7, 45_000), lease_ms=15_000)
    await until(lambda: held.expires_at_ms == 45_000)
    assert not held.is_lost


async def test_the_body_is_cancelled_and_lock_lost_raised(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    entered = asyncio.Event()
    reached = False

    async def body() -> None:
        nonlocal reached
        async with client.lock("a", ttl=30):
            entered.set()
            await asyncio.Event().wait()
            reached = True

    task = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(7, "EXCLUSIVE", 30_000))
    await entered.wait()
    clock.turn(31)
    with pytest.raises(errors.LockLost):
        await task
    assert not reached
    assert task.cancelling() == 0


async def test_somebody_elses_cancellation_stays_one(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    entered = asyncio.Event()

    async def body() -> None:
        async with client.lock("a", ttl=30):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(7, "EXCLUSIVE", 30_000))
    await entered.wait()
    clock.turn(31)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_body_that_ends_as_the_lock_is_lost_learns_it(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    async def body() -> None:
        async with client.lock("a", ttl=30):
            clock.turn(31)  # ... and no await until the end
        pytest.fail("leaving must raise")

    task = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(7, "EXCLUSIVE", 30_000))
    with pytest.raises(errors.LockLost):
        await task
    assert task.cancelling() == 0


async def test_without_cancelling_the_loss_is_told_at_the_end(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    async def body() -> str:
        try:
            async with client.lock("a", ttl=30, cancel_on_loss=False) as held:
                clock.turn(31)
                await held.lost.wait()
                await asyncio.sleep(0)
        except errors.LockLost as error:
            return error.name
        return "not lost"

    task = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(7, "EXCLUSIVE", 30_000))
    assert await task == "a"


async def test_an_error_of_the_body_outweighs_the_loss(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    async def body() -> None:
        async with client.lock("a", ttl=30):
            clock.turn(31)
            raise KeyError("the body's own")

    task = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(7, "EXCLUSIVE", 30_000))
    with pytest.raises(KeyError):
        await task


async def test_a_release_without_an_answer_is_over_when_the_lease_is(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    held = await hold(client, worker, ttl=3)
    releasing = asyncio.create_task(held.release())
    await worker.next(ReleaseLock)
    await until(releasing.done, clock)
    await releasing
    assert clock.time < 1000 + 4


async def test_ten_thousand_leases_cost_no_tasks_and_one_timer(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    renewed = 0

    def answer(received: object) -> None:
        nonlocal renewed
        command = received.command  # type: ignore[attr-defined]
        if isinstance(command, RenewLock):
            renewed += 1
            reply: object = LeaseExtended(command.token, 40_000)
        else:
            reply = LockHeld(received.meta.sequence, "EXCLUSIVE", 30_000)  # type: ignore[attr-defined]
        received.answer(reply)  # type: ignore[attr-defined]

    worker.auto = answer
    locks = await asyncio.gather(*(client.lock(f"lock-{n}").acquire() for n in range(10_000)))
    assert len(asyncio.all_tasks()) == 1
    assert len([1 for _, _, timer in clock._timers if not timer.cancelled]) <= 3
    clock.turn(10.05)
    await until(lambda: renewed == 10_000)
    await until(lambda: all(each.expires_at_ms == 40_000 for each in locks))


async def test_leaving_releases(client: Client, worker: FakeWorker) -> None:
    async def body() -> int:
        async with client.lock("a") as held:
            return held.token

    task = asyncio.create_task(body())
    (await worker.next(AcquireLock)).answer(LockHeld(7, "EXCLUSIVE", 30_000))
    release = await worker.next(ReleaseLock)
    assert release.command == ReleaseLock("a", 7)
    release.answer(LockFreed(7))
    assert await task == 7
    assert client._keeper.held == ()
