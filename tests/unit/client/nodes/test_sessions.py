"""Sessions that end: what they held is lost at once, and the node comes back."""

import asyncio

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import ReleaseLock
from streams.domain.nodes.commands import EvictNode, Heartbeat, RegisterNode
from streams.domain.nodes.events import NodeDied
from tests.unit.client.deciding import let_pass
from tests.unit.client.nodes.conftest import Join
from tests.unit.client.nodes.server import NodeWorker
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.nodes.events import NodeEvent
from tidelock.client.queues.codecs import Bytes


async def test_an_answer_that_the_session_ended_loses_every_lock_at_once(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    held = [await client.lock(name, ttl=600).acquire() for name in "abc"]
    plain = await client.locks.acquire("d", ttl=600)
    before = client.node.session
    worker.ended.add(before or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    assert all(each.is_lost for each in held)
    with pytest.raises(errors.LockLost, match="session of node 'n1' ended"):
        held[0].check()
    assert plain.expires_in() == 0
    await until(lambda: client.node.session not in (None, before))
    assert plain.expires_in() == 0
    assert (await client.locks.acquire("e")).expires_in() > 4


async def test_a_block_is_cancelled_when_the_session_ends(client: Client, worker: NodeWorker) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with client.lock("a", ttl=600):
            inside.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await inside.wait()
    worker.ended.add(client.node.session or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    with pytest.raises(errors.LockLost):
        await working
    await until(lambda: worker.of(ReleaseLock) != [])


async def test_a_heartbeat_of_a_node_that_is_unknown_ends_the_session(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    before, events = client.node.session, client.node.events()
    worker.refuse = {Heartbeat: Rejected("NODE_UNKNOWN", "there is no node", (("node", "n1"),))}
    await until(lambda: client.node.session != before, clock)
    ended = await anext(events)
    assert ended == NodeEvent("ENDED", before or "", "there is no node")
    worker.refuse = {}
    await client.node.joined()


async def test_a_node_that_died_unheard_comes_back_and_is_told_so(
    join: Join, worker: NodeWorker, clock: FakeClock
) -> None:
    told: list[NodeEvent] = []
    client = await join("n1", on_event=told.append)
    before = client.node.session or ""
    worker.held = (Heartbeat,)
    held = await client.lock("a", ttl=600).acquire()
    await let_pass(clock, 5.2)
    assert held.is_lost
    (died,) = worker.happened(NodeDied)
    assert died.session == before
    worker.let()
    await until(lambda: client.node.session not in (None, before), clock)
    assert [each.what for each in told] == ["JOINED", "SILENT", "ENDED", "JOINED"]
    assert told[-1].session == client.node.session


async def test_silence_that_is_no_death_loses_what_is_held_and_goes_on(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    held = await client.lock("a", ttl=600).acquire()
    events, before = client.node.events(), client.node.session
    worker.held, worker.sweeps = (Heartbeat,), False
    worker.clock = FakeClock()  # its lease time stands still, as without a broker
    await let_pass(clock, 5)
    assert client.node.is_silent
    assert held.is_lost
    late = await client.locks.acquire("b", ttl=600)
    assert late.expires_in() == 0
    worker.let()
    await let_pass(clock, 1)
    assert not client.node.is_silent
    assert client.node.session == before
    assert late.expires_in() > 3
    assert held.is_lost
    assert [(await anext(events)).what for _ in range(2)] == ["SILENT", "HEARD"]


async def test_a_lock_that_is_granted_to_a_session_that_is_over_is_lost_from_the_start(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    worker.held, worker.sweeps = (Heartbeat,), False
    worker.clock = FakeClock()
    await let_pass(clock, 5)
    held = await client.lock("a", ttl=600).acquire()
    clock.turn(0.02)
    assert held.lost.is_set()


async def test_what_the_next_session_asks_for_again_is_not_swept_with_the_last(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    """A sweep comes when it comes; the node and its handles may be back before it."""
    worker.sweeps = False
    before, lease = client.node.session or "", await client.locks.acquire("a", ttl=60, handle="h")
    await other.command("nodes", EvictNode("n1", "", "test"))
    await let_pass(clock, 1.2)
    await until(lambda: client.node.session not in (None, before))
    again = await client.locks.acquire("a", ttl=60, handle="h")
    assert again.token > lease.token and lease.expires_in() == 0
    worker.end_session(before)
    with pytest.raises(errors.LockBusy):
        await other.locks.acquire("a", wait=0)
    assert again.expires_in() > 3


async def test_between_two_sessions_nothing_is_taken_and_giving_back_goes_on(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    held = await client.lock("a", ttl=600).acquire()
    worker.held = (RegisterNode,)
    worker.ended.add(client.node.session or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    assert client.node.session is None
    with pytest.raises(errors.SessionEnded, match="joined") as told:
        await client.locks.acquire("b")
    assert told.value.node == "n1"
    with pytest.raises(errors.LockLost):
        await held.release()
    await until(lambda: worker.of(ReleaseLock) != [])
    worker.let()
    await client.node.joined()
    await client.locks.acquire("b")


async def test_who_is_not_to_rejoin_retires(join: Join, worker: NodeWorker) -> None:
    client = await join("n1", rejoin=False)
    events = client.node.events()
    await client.command("nodes", EvictNode("n1", "", "test"))
    worker.ended.add(client.node.session or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    with pytest.raises(errors.NodeRetired):
        await client.inspect("a")
    assert [(await anext(events)).what for _ in range(2)] == ["ENDED", "RETIRED"]
    assert len(worker.of(RegisterNode)) == 1


@pytest.mark.parametrize("code", ["NODE_FLAPPING", "SESSIONS_UNSWEPT"])
async def test_rejoining_waits_as_long_as_it_is_asked_to(
    client: Client, worker: NodeWorker, clock: FakeClock, code: str
) -> None:
    worker.refuse = {RegisterNode: Rejected(code, "later", (), 20_000)}
    worker.ended.add(client.node.session or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    await until(lambda: len(worker.of(RegisterNode)) == 2)
    await let_pass(clock, 19.5)
    assert len(worker.of(RegisterNode)) == 2
    worker.refuse = {}
    await let_pass(clock, 5)
    assert len(worker.of(RegisterNode)) == 3
    assert client.node.session is not None


async def test_a_refusal_of_another_session_does_not_end_ours(client: Client, worker: NodeWorker) -> None:
    before = client.node.session
    with pytest.raises(errors.TidelockError):
        await client.command("nodes", Heartbeat("n1", "n1:999999", 0, "PASSING"))
    worker.ended.add("n1:999999")
    with pytest.raises(errors.SessionEnded):
        await client.command("locks", ReleaseLock("a", 1), session="n1:999999")
    assert client.node.session == before


async def test_an_answer_to_the_session_before_does_not_end_the_next(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    worker.held = (ReleaseLock,)
    late = asyncio.create_task(client.command("locks", ReleaseLock("a", 1)))
    await until(lambda: worker.of(ReleaseLock) != [])
    worker.ended.add(client.node.session or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    session = await client.node.joined()
    worker.let()
    with pytest.raises(errors.SessionEnded):
        await late
    assert client.node.session == session


async def test_messages_that_are_worked_on_are_lost_and_those_that_lie_ready_given_back(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    queue = client.queue("q", codec=Bytes())
    await queue.create()
    await queue.put_many([b"1", b"2", b"3"])
    consumer = queue.consume(prefetch=3)
    message = await consumer.get()
    assert message is not None
    assert 4 < message.expires_in() <= 5
    worker.ended.add(client.node.session or "")
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    assert message.is_lost
    assert message.expires_in() == 0
    await client.node.joined()
    getting = asyncio.create_task(consumer.get())
    await until(getting.done, clock)
    again = getting.result()
    assert again is not None
    assert again.payload in {b"2", b"3"}
    await consumer.stop()


async def test_an_events_iterator_ends_with_the_client(client: Client) -> None:
    events = client.node.events()
    await client.close()
    assert [each async for each in events] == []
    assert [each async for each in client.node.events()] == []


async def test_a_callback_that_fails_changes_nothing(join: Join, worker: NodeWorker) -> None:
    def fail(event: NodeEvent) -> None:
        raise KeyError(event)

    client = await join("n1", on_event=fail)
    assert client.node.session is not None
