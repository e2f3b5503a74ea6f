"""Producers that know Kafka and Avro, and no client of ours."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.integration.engine.cluster import Cluster
from tidelock.client.client import Client

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("queues"),
]

EXAMPLE = Path(__file__).parents[3] / "examples" / "publish_message.py"


@pytest.mark.parametrize("shards", [1, 4])
async def test_the_example_producer_puts_messages_where_the_client_would(
    standing: Cluster, client: Client, shards: int
) -> None:
    queue = client.queue(f"published-{shards}")
    await queue.create(shards=shards)
    for number in range(3):
        group = f"customer/{number}"
        where = (await queue.put(b"first", group=group)).id.shard
        example = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLE), queue.name, "second", group,
            env=os.environ | {"TIDELOCK_KAFKA": standing.kafka}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(example.communicate(), 60)
        assert (example.returncode, b"tidelock.queues.MessagesAccepted" in out) == (0, True), out
        for payload in (b"first", b"second"):
            (message,) = await queue.receive(1, wait=30)
            assert (message.payload, message.group, message.id.shard) == (payload, group, where)
            await message.ack()
