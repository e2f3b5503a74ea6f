"""Put a message into a queue with a plain Kafka producer, as `publish_command.py` acquires a lock. No Tidelock client.

    TIDELOCK_KAFKA=127.0.0.1:9092 python examples/publish_message.py orders hello customer/7

A queue of one shard takes commands of epoch 0. One of several shards refuses them with `STALE_ROUTE`, and says how many
shards it has: then the ring tells the shard, whose name is the record's key. While the queue is resized, a message goes
to the shard of the ring before first, since earlier ones of its group may be there; `MOVED` says that none are.
"""

import asyncio
import sys
from bisect import bisect_right
from typing import Any
from uuid import uuid4

from aiokafka.partitioner import murmur2
from publish_command import SCHEMAS, answer, meta, publish

CLIENT = f"example-{uuid4().hex[:8]}"
POINTS = 150


def shard_of(routing_key: str, shards: int) -> int:
    """Return whose point on the ring comes next after the key's. `streams.wire.shards.shard_of` is the same, faster."""
    points = sorted((unsigned(f"shard-{n}#{i}"), f"shard-{n}") for n in range(shards) for i in range(POINTS))
    place = bisect_right([point for point, _ in points], unsigned(routing_key))
    return int(points[place % len(points)][1].removeprefix("shard-"))


def unsigned(text: str) -> int:
    """Return murmur2 of a text, of 32 bits."""
    return int(murmur2(text.encode())) & 0xFFFFFFFF


async def put(queue: str, text: str, group: str, sequence: int, epoch: int, shard: int, home: int) -> Any:
    """Ask one shard to take the message; return (type, fields) of the answer."""
    message = {
        "payload": text.encode(), "group": group, "key": None, "priority": -1, "delay_ms": 0, "dedup_id": None,
        "headers": [], "home": home, "origin": None,
    }  # fmt: skip
    command = {
        "meta": meta(CLIENT, sequence), "queue": queue, "shard": shard, "epoch": epoch, "messages": [message],
    }  # fmt: skip
    name = f"{queue}#{shard}" if shard else queue
    partition = await publish("queues", name, SCHEMAS.write("tidelock.queues.EnqueueMessages", command))
    return await asyncio.wait_for(answer("queues", partition, CLIENT, sequence), 30)


async def main(queue: str, text: str, group: str) -> None:
    """Put one message and print what was answered."""
    reply, fields = await put(queue, text, group, 1, epoch=0, shard=0, home=0)
    if fields.get("code") == "STALE_ROUTE":
        route = {one["name"]: one["value"] for one in fields["details"]}
        epoch, shards, previous = (int(route[name]) for name in ("epoch", "shards", "previous"))
        first, home = shard_of(group, previous), shard_of(group, shards)
        reply, fields = await put(queue, text, group, 2, epoch, first, home)
        if first != home and fields.get("results", [{}])[0].get("outcome") == "MOVED":
            reply, fields = await put(queue, text, group, 3, epoch, home, home)
    print(reply, fields)


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:4] if len(sys.argv) > 3 else ("orders", "hello", "customer/7"))))
