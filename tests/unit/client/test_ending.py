"""The end of commands and of the client: each command is settled once, whoever closes, drains or gives up."""

import asyncio

import pytest

from streams.domain.locks.commands import InspectLock, ReleaseLock
from streams.domain.locks.replies import LockFreed, LockHeld, LockState
from streams.wire.messages import Answer, Answers
from tests.unit.client.worker import REPLIES, FakeClock, FakeConnection, FakeWorker, until
from tidelock import errors
from tidelock.client.client import Client, connect
from tidelock.client.ledger import Ledger
from tidelock.client.partition import Partition
from tidelock.client.pending import Outcome, Pending

FREE = LockState("FREE", (), (), 0, 0, None)


def opened(ledger: Ledger, told: list[Outcome]) -> Pending:
    sequence = ledger.number()
    pending = Pending(Partition("locks", 0), sequence, b"", b"", 2000.0, told.append, bytes)
    ledger.open[sequence] = pending
    return pending


async def test_two_who_drain_both_return(clock: FakeClock) -> None:
    ledger = Ledger(1, clock)
    pending = opened(ledger, [])
    drains = [asyncio.create_task(ledger.drain(timeout_s)) for timeout_s in (5, 9)]
    await asyncio.sleep(0)
    ledger.finish(pending, None)
    async with asyncio.timeout(5):
        await asyncio.gather(*drains)


async def test_each_drain_ends_at_its_own_timeout(clock: FakeClock) -> None:
    ledger = Ledger(1, clock)
    opened(ledger, [])
    short, long = (asyncio.create_task(ledger.drain(timeout_s)) for timeout_s in (2, 9))
    await asyncio.sleep(0)
    clock.turn(3)
    async with asyncio.timeout(5):
        await short
    assert not long.done()
    clock.turn(7)
    async with asyncio.timeout(5):
        await long


async def test_what_is_finished_twice_is_told_once(clock: FakeClock) -> None:
    told: list[Outcome] = []
    ledger = Ledger(1, clock)
    pending = opened(ledger, told)
    ledger.finish(pending, "first")
    ledger.finish(pending, "second")
    assert told == ["first"]
    assert pending.outcome == "first"
    with pytest.raises(AssertionError):
        pending.settle("third")


async def closing_with_one_parked(client: Client, worker: FakeWorker, told: list[Outcome]) -> None:
    session = client._session
    command = InspectLock("a")
    pending = session.submit(session.partition_of("locks", "a"), command, on_done=told.append)
    await until(lambda: session.router._parked == [pending])
    await session.close()
    assert session.open_commands() == ()


async def test_what_was_never_sent_when_the_client_closes(client: Client, worker: FakeWorker) -> None:
    told: list[Outcome] = []
    await worker.stop()
    await until(lambda: not client._session.links[0].is_open)
    await closing_with_one_parked(client, worker, told)
    (outcome,) = told
    assert isinstance(outcome, errors.ClientClosed)


async def test_what_was_sent_before_its_worker_was_lost_may_have_been_executed(
    client: Client, worker: FakeWorker
) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    await worker.next(InspectLock)
    await worker.stop()
    (pending,) = client._session.open_commands()
    await until(lambda: pending in client._session.router._parked)
    await client._session.close()
    with pytest.raises(errors.OutcomeUnknown):
        await asking


async def test_a_command_that_comes_to_a_closed_router_is_settled_in_the_ledger_too(client: Client) -> None:
    told: list[Outcome] = []
    session = client._session
    await session.router.close()
    session.submit(session.partition_of("locks", "a"), InspectLock("a"), on_done=told.append)
    assert len(told) == 1
    assert session.open_commands() == ()


async def test_two_who_close_both_return_when_it_is_closed(client: Client, worker: FakeWorker) -> None:
    holding = asyncio.create_task(client.lock("b").acquire())
    (await worker.next(object)).answer(LockHeld(5, "EXCLUSIVE", 30_000))
    await holding
    first, second = asyncio.create_task(client.close()), asyncio.create_task(client.close())
    release = await worker.next(ReleaseLock)
    assert not second.done()
    release.answer(LockFreed(5))
    async with asyncio.timeout(5):
        await asyncio.gather(first, second)
    assert list(worker.rest()) == []
    await client.close()


async def test_a_client_that_closes_takes_nothing_new_but_what_gives_back(
    client: Client, worker: FakeWorker
) -> None:
    kept, bare = (
        asyncio.create_task(taking) for taking in (client.lock("b").acquire(), client.locks.acquire("c"))
    )
    for token in (5, 6):
        (await worker.next(object)).answer(LockHeld(token, "EXCLUSIVE", 30_000))
    await kept
    lease = await bare
    closing = asyncio.create_task(client.close())
    release = await worker.next(ReleaseLock)
    with pytest.raises(errors.ClientClosed):
        await asyncio.wait_for(client.inspect("a"), 5)
    releasing = asyncio.create_task(client.locks.release(lease))
    for got in (release, await worker.next(ReleaseLock)):
        got.answer(LockFreed(got.command.token))
    await releasing
    await closing


async def test_a_close_that_is_cancelled_closes_all_the_same(client: Client, worker: FakeWorker) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    await worker.next(InspectLock)
    first, second = asyncio.create_task(client.close()), asyncio.create_task(client.close())
    await until(lambda: client._session.closing)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(5):
        await second
    with pytest.raises(errors.OutcomeUnknown):
        await asking


async def test_what_is_pushed_before_the_client_has_started_is_left_alone(
    worker: FakeWorker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    greet = worker.greet

    def greet_and_push(connection: FakeConnection) -> None:
        greet(connection)
        answer = Answer(3, False, REPLIES.encode(FREE), ())
        connection.send(Answers("locks", 0, 7, 0, worker.mark_ms(), (answer,)))

    monkeypatch.setattr(worker, "greet", greet_and_push)
    async with asyncio.timeout(5):
        client = await connect(worker.address, clock=clock, client_id="gone", first_sequence=50)
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).answer(FREE)
    assert await asking == FREE
    await client.close()
    assert len(worker.connections) == 1
