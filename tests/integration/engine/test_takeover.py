"""Workers come, go, die and freeze under load: nothing acknowledged is lost, nothing is held by two."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.integration.engine.cluster import SESSION_MS, Cluster, Load, prove, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("engine"),
]


@asynccontextmanager
async def under_load(cluster: Cluster, prefix: str) -> AsyncIterator[Load]:
    load = Load(cluster, prefix)
    try:
        await load.start()
        yield load
    finally:
        await load.cancel()


async def test_partitions_are_spread_and_few_move_when_a_worker_joins(cluster: Cluster) -> None:
    """The ring may give a third worker none of four partitions; nobody has more than its bounded share."""
    one, two = await asyncio.gather(cluster.worker("one"), cluster.worker("two"))
    await until(one.ready)
    await until(two.ready)
    before = await cluster.led_by(one, two, idle=True)
    assert list(before.values()).count(one) <= 3
    assert list(before.values()).count(two) <= 3
    three = await cluster.worker("three")
    await until(three.ready)
    after = await cluster.led_by(one, two, three, idle=True)
    moved = {number for number in before if before[number] is not after[number]}
    assert {number for number in after if after[number] is three} <= moved
    assert len(moved) <= 2
    shares = [list(after.values()).count(worker) for worker in (one, two, three)]
    assert max(shares) <= 2


async def test_sigterm_hands_over_at_once_and_no_client_notices(cluster: Cluster) -> None:
    one, two = await asyncio.gather(cluster.worker("one"), cluster.worker("two"))
    await cluster.led_by(one, two)
    async with under_load(cluster, "sigterm") as load:
        begun = time.monotonic()
        load.longest_gap_s = 0.0
        one.send(signal.SIGTERM)
        assert await one.exit_code() == 0
        await cluster.led_by(two)
        took_s = time.monotonic() - begun
        await load.progress(3)
        await load.stop()
        assert load.errors == {}
        assert took_s < SESSION_MS / 1000, "a graceful leave waits for no session"
        assert load.longest_gap_s < SESSION_MS / 1000
        found = await prove(cluster, load)
        assert found.voids() == {}


async def test_sigkill_is_taken_over_within_the_session_and_a_second(cluster: Cluster) -> None:
    one, two = await asyncio.gather(cluster.worker("one"), cluster.worker("two"))
    await cluster.led_by(one, two)
    async with under_load(cluster, "sigkill") as load:
        begun = time.monotonic()
        one.send(signal.SIGKILL)
        await cluster.led_by(two)
        took_s = time.monotonic() - begun
        await load.progress(3)
        await load.stop()
        assert load.errors == {}
        await prove(cluster, load)
        assert took_s < SESSION_MS / 1000 + 1.0


async def test_a_frozen_worker_wakes_as_a_zombie_and_harms_nobody(cluster: Cluster) -> None:
    one, two = await asyncio.gather(cluster.worker("one"), cluster.worker("two"))
    await cluster.led_by(one, two)
    async with under_load(cluster, "sigstop") as load:
        one.send(signal.SIGSTOP)
        await cluster.led_by(two)
        await load.progress(3)
        one.send(signal.SIGCONT)
        await cluster.led_by(one, two)
        await load.progress(3)
        await load.stop()
        assert load.errors == {}
        await prove(cluster, load)


async def test_two_workers_killed_at_once(cluster: Cluster) -> None:
    one, two, three = await asyncio.gather(*(cluster.worker(name) for name in ("one", "two", "three")))
    await cluster.led_by(one, two, three, idle=True)
    async with under_load(cluster, "both") as load:
        one.send(signal.SIGKILL)
        two.send(signal.SIGKILL)
        await cluster.led_by(three)
        await load.progress(3)
        await load.stop()
        assert load.errors == {}
        await prove(cluster, load)


async def test_the_broker_is_killed_and_comes_back_under_load(cluster: Cluster) -> None:
    one, two = await asyncio.gather(cluster.worker("one"), cluster.worker("two"))
    await cluster.led_by(one, two)
    async with under_load(cluster, "broker") as load:
        broker = cluster.stack.part("kafka-0")
        broker.kill(signal.SIGKILL)
        await broker.wait_ready()
        await cluster.led_by(one, two)
        await load.progress(3)
        await load.stop()
        assert load.errors == {}
        await prove(cluster, load)
