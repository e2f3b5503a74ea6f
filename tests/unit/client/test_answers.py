"""One answer per command: numbers, floors, repeats, pushes."""

import asyncio

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, InspectLock, ReleaseLock
from streams.domain.locks.replies import LockFreed, LockHeld, LockState, LockWaiting
from streams.wire.messages import Barrier, BarrierPassed
from tests.unit.client.worker import MARK_MS, FakeClock, FakeWorker
from tidelock import errors
from tidelock.client.client import Client

HELD = LockHeld(7, "EXCLUSIVE", 30_000)
FREE = LockState("FREE", (), (), 0, 0, None)


async def test_a_command_carries_who_when_and_the_floor(client: Client, worker: FakeWorker) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    assert (got.meta.client, got.meta.tenant, got.meta.sequence, got.meta.floor) == (client.id, "dev", 1, 1)
    assert got.meta.issued_ms == MARK_MS
    assert got.meta.deadline_ms == MARK_MS + 60_000
    got.answer(FREE)
    assert await asking == FREE


async def test_now_is_counted_from_the_marks(client: Client, worker: FakeWorker, clock: FakeClock) -> None:
    clock.turn(12.5)
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    assert got.meta.issued_ms == MARK_MS + 12_500
    got.answer(FREE, mark_ms=MARK_MS + 20_000)
    await asking
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    assert got.meta.issued_ms == MARK_MS + 20_000
    got.answer(FREE, mark_ms=MARK_MS)  # a repeated answer carries an old mark
    await asking
    asking = asyncio.create_task(client.inspect("a"))
    assert (await worker.next(InspectLock)).meta.issued_ms == MARK_MS + 20_000
    asking.cancel()


async def test_the_floor_is_the_lowest_sequence_that_is_not_done(client: Client, worker: FakeWorker) -> None:
    first, second = (asyncio.create_task(client.inspect(name)) for name in "ab")
    one, two = await worker.next(InspectLock), await worker.next(InspectLock)
    two.answer(FREE)
    await second
    third = asyncio.create_task(client.inspect("c"))
    three = await worker.next(InspectLock)
    assert three.meta.floor == one.meta.sequence
    one.answer(FREE)
    await first
    fourth = asyncio.create_task(client.inspect("d"))
    four = await worker.next(InspectLock)
    assert four.meta.floor == three.meta.sequence
    three.answer(FREE)
    four.answer(FREE)
    await asyncio.gather(third, fourth)


async def test_a_wait_holds_the_floor_until_its_outcome(client: Client, worker: FakeWorker) -> None:
    waiting = asyncio.create_task(client.locks.acquire("a", wait=10))
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True)
    looking = asyncio.create_task(client.inspect("b"))
    look = await worker.next(InspectLock)
    look.answer(FREE)
    await looking
    looking = asyncio.create_task(client.inspect("b"))
    look = await worker.next(InspectLock)
    assert look.meta.floor == acquire.meta.sequence
    look.answer(FREE)
    acquire.answer(HELD)
    assert (await waiting).token == 7
    await looking


async def test_repeats_are_ignored(client: Client, worker: FakeWorker) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.answer(FREE)
    got.answer(LockState("SHARED", (), (), 9, 9, None))
    assert await asking == FREE
    got.answer(FREE)
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).answer(FREE)
    assert await asking == FREE


async def test_an_outcome_that_overtakes_its_first_answer_counts(client: Client, worker: FakeWorker) -> None:
    waiting = asyncio.create_task(client.locks.acquire("a", wait=10))
    acquire = await worker.next(AcquireLock)
    acquire.answer(HELD)
    acquire.answer(LockWaiting(1, 1), waiting=True)
    lease = await waiting
    releasing = asyncio.create_task(client.locks.release(lease))
    release = await worker.next(ReleaseLock)
    assert release.meta.floor == release.meta.sequence
    release.answer(LockFreed(7))
    await releasing


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("LOCK_BUSY", errors.LockBusy),
        ("WAIT_TIMED_OUT", errors.WaitTimedOut),
        ("DEADLOCK_VICTIM", errors.Deadlock),
        ("BAD_ARGUMENT", errors.BadArgument),
        ("INTERNAL", errors.InternalError),
        ("SOMETHING_NEW", errors.Rejection),
    ],
)
async def test_rejections_become_typed_errors(
    client: Client, worker: FakeWorker, code: str, error: type[errors.TidelockError]
) -> None:
    asking = asyncio.create_task(client.locks.acquire("a"))
    got = await worker.next(AcquireLock)
    got.answer(
        Rejected(code, "told so", (("edge", "x waits on a for y"), ("edge", "y waits on b for x")), 250)
    )
    with pytest.raises(error, match="told so") as caught:
        await asking
    assert caught.value.code == code
    assert caught.value.retry_after_s == 0.25
    if isinstance(caught.value, errors.Deadlock):
        assert caught.value.cycle == ("x waits on a for y", "y waits on b for x")
    if isinstance(caught.value, errors.LockError):
        assert caught.value.name == "a"


async def test_any_command_of_any_kind(client: Client, worker: FakeWorker) -> None:
    asking = asyncio.create_task(client.command("locks", Barrier("locks", 3), handle="h", timeout=5))
    got = await worker.next(Barrier)
    assert (got.command, got.meta.handle, got.meta.deadline_ms) == (Barrier("locks", 3), "h", MARK_MS + 5_000)
    got.answer(BarrierPassed(99))
    assert await asking == BarrierPassed(99)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("hammers", InspectLock("a")),
        ("locks", Barrier("locks", 4)),
        ("locks", InspectLock("")),
        ("locks", InspectLock("x" * 513)),
        ("locks", FREE),
    ],
)
async def test_what_cannot_be_sent_is_refused_here(client: Client, kind: str, command: object) -> None:
    with pytest.raises(errors.BadArgument):
        await client.command(kind, command)


async def test_a_deadline_over_five_minutes_is_refused_here(client: Client) -> None:
    with pytest.raises(errors.BadArgument):
        await client.command("locks", InspectLock("a"), timeout=301)
