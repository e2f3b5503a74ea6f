"""Publish a command to Kafka with a plain producer, and read its answer from the log. No Tidelock client.

    TIDELOCK_KAFKA=127.0.0.1:9092 python examples/publish_command.py orders/42

This is the topic lane: any language with a Kafka producer and an Avro library can do it. What it must get right:

* the topic is `tidelock.<kind>.commands`; the record's key is `tenant/name`, partitioned by murmur2 (the default of
  Kafka's Java client and of aiokafka; librdkafka calls it `murmur2_random`);
* the value is the command in single-object encoding (`schema_files.py`), its first field `meta`;
* `(meta.client, meta.sequence)` names the command for good: publish it twice and it is still decided once.

The answer stands in `tidelock.<kind>.log`, in the same partition. A record of the log counts only if the accept rule
says so, hence the judge: it is the one piece of Tidelock that this program uses.
"""

import asyncio
import os
import sys
import time
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from schema_files import Schemas

from streams.log.judged import Judge
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import Commit

KAFKA = os.environ.get("TIDELOCK_KAFKA", "127.0.0.1:9092")
TENANT = "dev"
SCHEMAS = Schemas()


def meta(client: str, sequence: int) -> dict[str, Any]:
    """Return what every command begins with."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "floor": sequence, "tenant": TENANT, "client": client, "sequence": sequence, "handle": "1",
        "issued_ms": now_ms, "deadline_ms": now_ms + 60_000, "traceparent": None, "session": None,
    }  # fmt: skip


def acquire(name: str, client: str, sequence: int) -> bytes:
    """Return the command "hold the lock `name` for 30 s; only try"."""
    command = {
        "meta": meta(client, sequence), "name": name, "mode": "EXCLUSIVE", "ttl_ms": 30_000, "wait_ms": 0,
        "priority": 0, "lock_delay_ms": 0, "transaction": None,
    }  # fmt: skip
    return SCHEMAS.write("tidelock.locks.AcquireLock", command)


async def publish(kind: str, name: str, command: bytes) -> int:
    """Publish `command`; return its partition."""
    topic = f"tidelock.{kind}.commands"
    async with AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all", enable_idempotence=True) as producer:
        sent = await producer.send_and_wait(topic, command, key=f"{TENANT}/{name}".encode())
        print(f"published to {topic}/{sent.partition}@{sent.offset}")
        return int(sent.partition)


async def answer(kind: str, partition: int, client: str, sequence: int) -> tuple[str, dict[str, Any]]:
    """Tail the log until the command's answer stands in it; return (type, fields)."""
    at = TopicPartition(f"tidelock.{kind}.log", partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=KAFKA, enable_auto_commit=False)
    async with consumer:
        consumer.assign([at])
        consumer.seek(at, 0)  # the accept rule judges a record by all before it
        judge = Judge(PartitionId(kind, partition))
        async for record in consumer:
            judged = judge.judge(Stored(record.offset, record.timestamp, record.value))
            if judged.void is not None or not isinstance(judged.record, Commit):
                continue
            for decision in judged.record.decisions:
                if (decision.client, decision.sequence) == (client, sequence):
                    print(f"answered at {judged.position}")
                    return SCHEMAS.read(decision.reply)
    raise RuntimeError("the consumer ended before the answer came")


async def main(name: str) -> None:
    """Ask for the lock and print what was answered."""
    client, sequence = f"example-{uuid4().hex[:8]}", 1
    partition = await publish("locks", name, acquire(name, client, sequence))
    reply, fields = await asyncio.wait_for(answer("locks", partition, client, sequence), 30)
    print(reply, fields)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "orders/42"))
