"""Refusals, lost connections, deadlines: the same command again, until an answer or the deadline."""

import asyncio
from dataclasses import replace

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, InspectLock
from streams.domain.locks.replies import LockHeld, LockState, LockWaiting
from streams.wire.messages import Barrier, BarrierPassed, Route
from tests.unit.client.worker import MARK_MS, PARTITIONS, FakeClock, FakeWorker, Received, until
from tidelock import errors
from tidelock.client.client import Client, connect

HELD = LockHeld(7, "EXCLUSIVE", 30_000)
FREE = LockState("FREE", (), (), 0, 0, None)


def all_but_floor(record: bytes) -> bytes:
    at = 10
    while record[at] > 127:
        at += 1
    return record[:10] + record[at + 1 :]


async def test_after_a_lost_connection_the_same_bytes_come_again_but_for_the_floor(
    client: Client, worker: FakeWorker
) -> None:
    done = asyncio.create_task(client.inspect("first"))
    lost = asyncio.create_task(client.inspect("second"))
    first, second = await worker.next(InspectLock), await worker.next(InspectLock)
    first.answer(FREE)
    await done
    second.connection.drop()
    await worker.back()
    again = await worker.next(InspectLock)
    assert again.meta.floor == 2
    assert second.meta.floor == 1
    assert again.record != second.record
    assert all_but_floor(again.record) == all_but_floor(second.record)
    again.answer(FREE)
    assert await lost == FREE


async def test_open_waits_come_again_too(client: Client, worker: FakeWorker) -> None:
    waiting = asyncio.create_task(client.locks.acquire("a", wait=10))
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True)
    looking = asyncio.create_task(client.inspect("b"))
    (await worker.next(InspectLock)).answer(FREE)
    await looking
    acquire.connection.drop()
    await worker.back()
    again = await worker.next(AcquireLock)
    assert all_but_floor(again.record) == all_but_floor(acquire.record)
    again.answer(HELD)
    assert (await waiting).token == 7


async def test_a_redirect_is_followed_and_remembered(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    other = await FakeWorker(clock).start()
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.refuse("NOT_OWNER", address=other.address, retry_after_ms=100)
    again = await other.next(InspectLock)
    assert again.record == got.record
    again.answer(FREE)
    assert await asking == FREE
    asking = asyncio.create_task(client.inspect("a"))
    (await other.next(InspectLock)).answer(FREE)
    await asking
    assert len(other.connections) == 1
    await client._session.close()
    await other.stop()


async def test_routes_of_the_welcome_are_used(worker: FakeWorker, clock: FakeClock) -> None:
    other = await FakeWorker(clock).start()
    worker.routes = tuple(Route("locks", number, other.address) for number in range(PARTITIONS))
    async with connect(worker.address, clock=clock) as client:
        asking = asyncio.create_task(client.inspect("a"))
        (await other.next(InspectLock)).answer(FREE)
        await asking
    await other.stop()


async def test_a_dead_owner_is_looked_for_elsewhere(worker: FakeWorker, clock: FakeClock) -> None:
    dead = await FakeWorker(clock).start()
    address = dead.address
    await dead.stop()
    worker.routes = tuple(Route("locks", number, address) for number in range(PARTITIONS))
    client = await connect(worker.address, clock=clock)
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.answer(FREE)
    assert await asking == FREE
    await client.close()


async def test_two_workers_that_name_each_other_are_not_hammered(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    other = await FakeWorker(clock).start()
    asking = asyncio.create_task(client.inspect("a"))
    for here, there in ((worker, other), (other, worker), (worker, other)):
        (await here.next(InspectLock)).refuse("NOT_OWNER", address=there.address)
    (refused,) = client._session.open_commands()
    await until(lambda: refused.refusals == 3)
    looking = asyncio.create_task(client.inspect("a"))  # takes the way that the third refusal named
    got = await other.next(InspectLock)
    assert got.meta.sequence == 2
    assert list(worker.rest()) == []
    assert list(other.rest()) == []
    got.answer(FREE)
    await looking
    clock.turn(1)
    (await other.next(InspectLock)).answer(FREE)
    await asking
    await client._session.close()
    await other.stop()


@pytest.mark.parametrize("code", ["OVERLOADED", "CLAIMING", "QUARANTINED"])
async def test_a_refusal_is_tried_again_after_its_pause(
    client: Client, worker: FakeWorker, clock: FakeClock, code: str
) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.refuse(code, retry_after_ms=500)
    probe = asyncio.create_task(client.inspect("b"))
    (await worker.next(InspectLock)).answer(FREE)
    await probe  # so the refusal was heard
    clock.turn(0.49)
    probe = asyncio.create_task(client.inspect("b"))
    got_probe = await worker.next(InspectLock)
    assert got_probe.command.name == "b"
    clock.turn(0.3)
    again = await worker.next(InspectLock)
    assert all_but_floor(again.record) == all_but_floor(got.record)
    again.answer(FREE)
    got_probe.answer(FREE)
    assert await asking == FREE
    await probe


async def test_refused_until_the_deadline_nothing_was_decided(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    worker.auto = lambda received: received.refuse("OVERLOADED", retry_after_ms=1000)
    asking = asyncio.create_task(client.inspect("a"))
    await until(asking.done, clock)
    with pytest.raises(errors.Overloaded):
        await asking


@pytest.mark.parametrize("code", ["NOT_OWNER", "PARTITION_CLOSED"])
async def test_refused_by_an_owner_that_may_have_begun_it_until_the_deadline_is_outcome_unknown(
    client: Client, worker: FakeWorker, clock: FakeClock, code: str
) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).refuse(code, retry_after_ms=100_000)
    (pending,) = client._session.open_commands()
    await until(lambda: pending.refusals == 1)
    clock.turn(61)
    with pytest.raises(errors.OutcomeUnknown):
        await asking


async def test_no_answer_until_the_deadline_is_outcome_unknown(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    asking = asyncio.create_task(client.command("locks", InspectLock("a"), timeout=5))
    await worker.next(InspectLock)
    clock.turn(4.9)
    await asyncio.sleep(0)
    assert not asking.done()
    clock.turn(0.3)
    with pytest.raises(errors.OutcomeUnknown):
        await asking


async def test_nobody_reachable_until_the_deadline(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    await worker.stop()
    await until(lambda: not client._session.router.links[0].is_open)
    asking = asyncio.create_task(client.command("locks", InspectLock("a"), timeout=5))
    await until(asking.done, clock)
    with pytest.raises(errors.Unavailable):
        await asking


@pytest.mark.parametrize("code", ["EXPIRED", "STALE"])
@pytest.mark.parametrize("dropped", [False, True])
async def test_expired_is_outcome_unknown_however_often_it_was_sent(
    client: Client, worker: FakeWorker, code: str, dropped: bool
) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    if dropped:
        got.connection.drop()
        await worker.back()
        got = await worker.next(InspectLock)
    got.answer(Rejected(code, "too late"))
    with pytest.raises(errors.OutcomeUnknown):
        await asking


@pytest.mark.parametrize("decided", [True, False])
async def test_a_deadline_too_far_sets_the_time_right_and_the_command_is_asked_once_more(
    worker: FakeWorker, clock: FakeClock, decided: bool
) -> None:
    def refuse(received: Received) -> None:
        if decided:
            received.answer(Rejected("DEADLINE_TOO_FAR", "test says so"), mark_ms=MARK_MS + 5_000)
        else:
            received.undecided("DEADLINE_TOO_FAR", mark_ms=MARK_MS + 5_000)

    worker.ahead_ms = 3_600_000
    client = await connect(worker.address, clock=clock)
    asking = asyncio.create_task(
        client.command("locks", InspectLock("a"), handle="h", timeout=20, traceparent="t", session="s")
    )
    first = await worker.next(InspectLock)
    assert first.meta.deadline_ms == MARK_MS + 3_600_000 + 20_000
    clock.turn(5)
    refuse(first)
    again = await worker.next(InspectLock)
    assert again.command == first.command
    assert again.meta == replace(
        first.meta,
        sequence=2,
        floor=again.meta.floor,
        issued_ms=MARK_MS + 5_000,
        deadline_ms=MARK_MS + 20_000,
    )
    refuse(again)  # once, not for ever
    with pytest.raises(errors.BadArgument, match="test says"):
        await asking
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    assert (got.meta.sequence, got.meta.floor, got.meta.issued_ms) == (3, 3, MARK_MS + 5_000)
    got.answer(FREE)
    assert await asking == FREE
    assert client._session.router.links[0].in_flight == 0
    await client.close()


async def test_a_silent_connection_is_made_anew(client: Client, worker: FakeWorker, clock: FakeClock) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    clock.turn(13)
    await worker.back()
    again = await worker.next(InspectLock)
    assert again.connection is not got.connection
    again.answer(FREE)
    assert await asking == FREE


async def test_a_silent_connection_is_made_anew_though_no_command_is_patient_enough_to_see_it(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    def asking() -> "asyncio.Task[object]":
        return asyncio.create_task(client.command("locks", Barrier("locks", 0), timeout=6))

    asked = asking()
    got = await worker.next(Barrier)
    clock.turn(7)
    with pytest.raises(errors.OutcomeUnknown):
        await asked
    asked = asking()
    assert (await worker.next(Barrier)).connection is got.connection
    clock.turn(5)
    await worker.back()
    again = await worker.next(Barrier)
    assert again.connection is not got.connection
    again.answer(BarrierPassed(1))
    assert await asked == BarrierPassed(1)


async def test_a_connection_with_waits_only_is_asked_for_a_sign_of_life(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(client.locks.acquire("a", wait=100))
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True)
    looking = asyncio.create_task(client.inspect("b"))
    (await worker.next(InspectLock)).answer(FREE)
    await looking
    clock.turn(5)
    probe = await worker.next(Barrier)
    assert probe.partition == acquire.partition
    clock.turn(13)
    await worker.back()  # the probe was not answered
    again = {type(each.command) for each in (await worker.next(object), await worker.next(object))}
    assert again == {AcquireLock, Barrier}
    assert list(worker.rest()) == []
    waiting.cancel()


@pytest.mark.parametrize("told", ["by another command", "by the probe", "itself"])
async def test_waits_follow_their_partition_to_its_new_owner(
    client: Client, worker: FakeWorker, clock: FakeClock, told: str
) -> None:
    other = await FakeWorker(clock).start()
    waiting = asyncio.create_task(client.locks.acquire("a", wait=100))
    acquire = await worker.next(AcquireLock)
    acquire.answer(LockWaiting(1, 1), waiting=True)
    (pending,) = client._session.open_commands()
    await until(lambda: pending.waited)
    if told == "by another command":
        looking = asyncio.create_task(client.inspect("a"))
        (await worker.next(InspectLock)).refuse("NOT_OWNER", address=other.address)
        again, look = await other.next(object), await other.next(object)
        if look.command == acquire.command:
            again, look = look, again
        look.answer(FREE)
        await looking
    elif told == "by the probe":
        clock.turn(6)
        (await worker.next(Barrier)).refuse("NOT_OWNER", address=other.address)
        again, probe = await other.next(object), await other.next(object)
        if probe.command == acquire.command:
            again, probe = probe, again
        probe.answer(BarrierPassed(1))
    else:
        acquire.refuse("NOT_OWNER", address=other.address)
        again = await other.next(AcquireLock)
    assert all_but_floor(again.record) == all_but_floor(acquire.record)
    again.answer(HELD)
    assert (await waiting).token == 7
    await client._session.close()
    await other.stop()
