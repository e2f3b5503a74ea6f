"""Compute the head of a log's hash chain at a position, with nothing but Kafka and SHA-256, and compare.

    TIDELOCK_KAFKA=127.0.0.1:9092 python examples/chain_head.py locks/3@1205

It prints what `tidelock rewind --at locks/3@1205` prints as its proof. The chain is SHA-256 over the previous head and
the record's stored bytes, from 32 zero bytes on; a record that the accept rule voids is no link of it. Which those are
is the judge's word: the one piece of Tidelock that this program uses.
"""

import asyncio
import os
import sys
from hashlib import sha256

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.log.judged import Judge
from streams.log.ports import Stored
from streams.log.positions import Position

KAFKA = os.environ.get("TIDELOCK_KAFKA", "127.0.0.1:9092")


async def head_at(position: Position) -> tuple[bytes, int, int]:
    """Return the head after the record at `position`, and how many records are in the chain and void."""
    where = position.partition
    judge, head, links, voids = Judge(where), bytes(32), 0, 0
    async with AIOKafkaConsumer(bootstrap_servers=KAFKA, auto_offset_reset="earliest") as consumer:
        at = TopicPartition(where.log_topic, where.partition)
        consumer.assign([at])
        end = (await consumer.end_offsets([at]))[at]
        if position.offset >= end:
            raise SystemExit(f"the log of {where} ends before offset {end}")
        async for record in consumer:
            judged = judge.judge(Stored(record.offset, record.timestamp, record.value))
            if judged.void is None:
                head, links = sha256(head + record.value).digest(), links + 1
            else:
                voids += 1
            if record.offset == position.offset:
                break
    return head, links, voids


async def main(position: Position) -> None:
    """Print the head at `position`."""
    head, links, voids = await head_at(position)
    print(f"{head.hex()} after {position}: {links} links, {voids} void records passed")


if __name__ == "__main__":
    asyncio.run(main(Position.parse(sys.argv[1] if len(sys.argv) > 1 else "locks/0@0")))
