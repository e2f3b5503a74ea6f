"""A node with locks and instances dies or is evicted on the real stack, while a sweeper is killed."""

import asyncio
import signal
from typing import Any

import pytest

import tidelock
from storage.kafka.log import KafkaTopicReader
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from streams.domain.locks.replies import LockHeld
from streams.domain.nodes import commands as c
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.replies import NodeState
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.walk import verify_partition
from tests.integration.engine.cluster import until
from tests.unit.nodes.spec import SERVICE, offer
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("processes"),
]
LOCKS = 1_000
NEVER_MS = 600_000


def connect(stack: LocalStack) -> Any:
    return tidelock.connect(*stack.addresses.workers, token=DEV.chosen(stack.settings.home))


def acquire(name: str, wait_ms: int = 0) -> AcquireLock:
    return AcquireLock(name, EXCLUSIVE, NEVER_MS, wait_ms)


async def joined(client: Client, name: str, timeout_ms: int, locks: int) -> str:
    """Register a node that holds so many locks and offers a service; return its session."""
    reply = await client.command(
        "nodes", c.RegisterNode(name, c.Registration("", "", (), 0, (), timeout_ms), "")
    )
    session: str = reply.session
    await asyncio.gather(
        *[client.command("locks", acquire(f"{name}/{number}"), session=session) for number in range(locks)]
    )
    await client.command("nodes", offer(name), session=session)
    return session


async def waits_for_all(client: Client) -> bool:
    states = await asyncio.gather(*[client.inspect(f"evicted/{number}") for number in range(LOCKS)])
    return all(state.waiters for state in states)


async def swept(client: Client, name: str) -> bool:
    state: NodeState = await client.command("nodes", c.InspectNode(name))
    return state.status == "ENDED" and not state.unswept


async def instances(client: Client) -> int:
    reply = await client.command("nodes", c.DiscoverInstances(SERVICE))
    return int(reply.version)


async def test_what_an_evicted_node_held_goes_to_who_waits(stack: LocalStack) -> None:
    async with connect(stack) as client, connect(stack) as other:
        await joined(client, "evicted", NEVER_MS, LOCKS)
        waits = [
            asyncio.create_task(
                other.command("locks", acquire(f"evicted/{number}", 60_000), handle=str(number))
            )
            for number in range(LOCKS)
        ]
        await until(lambda: waits_for_all(other))
        await client.command("nodes", c.EvictNode("evicted", "", "test"))
        replies = await asyncio.gather(*waits)
        assert all(isinstance(reply, LockHeld) for reply in replies)
        await until(lambda: swept(client, "evicted"))
        assert await instances(client) == 0


async def test_a_silent_node_is_swept_though_sweepers_die(stack: LocalStack) -> None:
    async with connect(stack) as client:
        session = await joined(client, "silent", 1_500, 50)
        for number in range(2):
            stack.part(f"processes-{number}").kill(signal.SIGKILL)
        await until(lambda: swept(client, "silent"))
        for number in range(50):
            assert not (await client.inspect(f"silent/{number}")).holders
        with pytest.raises(tidelock.TidelockError) as refused:
            await client.command("locks", acquire("silent/0"), session=session)
        assert refused.value.code == "SESSION_ENDED"


async def test_the_logs_of_nodes_hold(stack: LocalStack) -> None:
    async with connect(stack) as client:
        partitions = client.partitions("nodes")
    for number in range(partitions):
        where = PartitionId("nodes", number)
        report = await verify_partition(
            KafkaTopicReader(stack.addresses.kafka, where.log_topic, number),
            KafkaTopicReader(stack.addresses.kafka, where.commands_topic, number),
            where,
            Vocabulary(NODES),
        )
        assert report.violations == []
