"""What a node holds is trusted no longer than its session lives, whatever happens to heartbeats and to lease time."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.nodes.commands import Heartbeat
from tests.unit.client.nodes.server import KINDS, NodeWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Client, connect
from tidelock.client.errors import TidelockError
from tidelock.client.held import HeldLock
from tidelock.client.membership import Membership
from tidelock.client.nodes.node import Node

beats = st.lists(
    st.tuples(st.floats(0, 6), st.floats(0, 4), st.floats(0, 4), st.floats(0, 4), st.booleans()), max_size=12
)


@given(beats, st.floats(-0.0099, 0.0099), st.integers(1_000, 600_000))
def test_trust_ends_before_the_node_can_die(
    history: list[tuple[float, float, float, float, bool]], drift: float, timeout_ms: int
) -> None:
    """Each beat: a pause, its way there, how long lease time stood still, its way back, whether the answer came."""
    member = Membership("n:1", timeout_ms)
    real_s = 0.0
    dies_s = float("-inf")  # in real time, at the earliest: lease time runs as fast as real time from then on
    for pause_s, there_s, stood_s, back_s, answered in history:
        real_s += pause_s
        before_s = real_s * (1 + drift)
        decided_s = real_s + there_s
        real_s = decided_s + stood_s + back_s
        dies_s = decided_s + stood_s + timeout_ms / 1000
        if answered:
            member.heard(before_s)
        assert member.trusted_until() <= dies_s * (1 + drift) + 1e-6
    member.end("over")
    assert member.trusted_until() == float("-inf")


faults = st.lists(
    st.tuples(st.sampled_from(["hold", "let", "lose", "stand", "pass"]), st.floats(0.05, 4)), max_size=14
)


@settings(deadline=None, max_examples=20)
@given(faults, st.sampled_from([1.0, 2.0, 5.0]))
def test_whoever_trusts_a_lock_holds_it(history: list[tuple[str, float]], timeout_s: float) -> None:
    asyncio.run(_judge(history, timeout_s))


async def _judge(history: list[tuple[str, float]], timeout_s: float) -> None:
    clock = FakeClock()
    worker = await NodeWorker(clock).start()
    node = Node("n", timeout=timeout_s)
    client = await connect(worker.address, clock=clock, kinds=KINDS, node=node)
    held = await client.lock("a", ttl=600).acquire()
    for fault, seconds in history:
        if fault == "hold":
            worker.held = (Heartbeat,)
        elif fault == "let":
            worker.let()
        elif fault == "lose":
            worker.forget()
        held = await _pass(worker, client, held, seconds, stands=fault == "stand")
    worker.let()
    await _pass(worker, client, held, 10.0)
    assert client.node.session is not None, "it comes back"
    assert client.node.expires_in() > 0
    await client._session.close()
    client.node._stop()
    await worker.stop()


async def _pass(
    worker: NodeWorker, client: Client, held: HeldLock, seconds: float, stands: bool = False
) -> HeldLock:
    """Let time pass; at each moment a lock that is trusted is held, and what is lost is told."""
    end_s = worker.clock.time + seconds
    while worker.clock.time < end_s:
        worker.stood_s += 0.05 * stands
        worker.clock.turn(0.05)
        if held.expires_in() > 0:
            holders = worker.state("a").holders
            assert [each.token for each in holders] == [held.token]
        else:
            assert held.is_lost
            held = await _again(client, held)
        await asyncio.sleep(0)
    return held


async def _again(client: Client, held: HeldLock) -> HeldLock:
    """Return the lock anew, or as it was if it cannot be had now."""
    if client.node.session is None or client.node.is_silent:
        return held
    asking = asyncio.ensure_future(client.lock("a", ttl=600, wait=0).acquire())
    for _ in range(200):
        if asking.done():
            break
        await asyncio.sleep(0)
    if not asking.done():
        asking.cancel()
        await asyncio.wait([asking])
        return held
    try:
        return asking.result()
    except TidelockError:
        return held
