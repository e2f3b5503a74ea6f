"""The topic lane of a real worker on a real Kafka: hostile records are rejected in the log and kept as dead letters."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.meta import CommandMeta
from storage.kafka.client import consumer, producer
from streams.domain.decider import Rejected
from streams.domain.locks.commands import EXCLUSIVE, AbortWait, AcquireLock
from streams.log.letters import DeadLetter, decode_letter
from streams.log.positions import DEAD_LETTERS, PartitionId
from streams.wire.messages import Barrier
from streams.wire.murmur2 import partition_of
from tests.integration.engine.cluster import WORDS, Cluster, truth, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("engine"),
]
CLIENT = "hostile-producer"
NAME = next(name for name in (f"hostile/{n}" for n in range(99)) if partition_of(f"dev/{name}", 4) == 2)
WHERE = PartitionId("locks", 2)


def encoded(sequence: int, now_ms: int, command: object | None = None, **changed: Any) -> bytes:
    fields: dict[str, Any] = {
        "floor": 0, "tenant": "dev", "client": CLIENT, "sequence": sequence, "handle": "", "issued_ms": now_ms,
        "deadline_ms": now_ms + 60_000, "traceparent": None, "session": None,
    }  # fmt: skip
    meta = CommandMeta(**(fields | changed))
    return WORDS.encode_command(meta, command or AcquireLock(NAME, EXCLUSIVE, 1000))


def hostile(now_ms: int) -> list[tuple[str, bytes | None]]:
    """Return (code, record)s."""
    good = encoded(1, now_ms)
    array = encoded(1, now_ms, AbortWait(NAME, 1, ()))[:-1] + b"\x80\xb4\x89\x13"
    other = next(n for n in (f"elsewhere/{n}" for n in range(99)) if partition_of(f"dev/{n}", 4) != 2)
    return [
        ("NULL_VALUE", None),
        ("UNKNOWN_SCHEMA", b""),
        ("UNKNOWN_SCHEMA", b"garbage"),
        ("MALFORMED_DATA", good[:-1]),
        ("MALFORMED_DATA", good + b"\x00"),
        ("UNKNOWN_SCHEMA", good[:2] + b"\xff" * 8 + good[10:]),
        ("TOO_MANY_VALUES", array),
        ("COMMAND_TOO_LARGE", good[:10] + bytes(900_000)),
        ("WRONG_TENANT", encoded(2, now_ms, tenant="other")),
        ("BAD_NAME", encoded(3, now_ms, AcquireLock("x" * 300_000, EXCLUSIVE, 1000))),
        ("WRONG_PARTITION", encoded(4, now_ms, AcquireLock(other, EXCLUSIVE, 1000))),
        ("WRONG_PARTITION", encoded(5, now_ms, Barrier("locks", 3))),
    ]


async def letters(kafka: str) -> list[tuple[str, int, bytes | None]]:
    """Return (code, offset, bytes) of all dead letters."""
    reading = consumer(kafka)
    await reading.start()
    try:
        (at,) = (partition for partition in await _assigned(reading))
        end = (await reading.end_offsets([at]))[at]
        found: list[Any] = []
        while await reading.position(at) < end:
            found += (await reading.getmany(timeout_ms=500)).get(at, [])
    finally:
        await reading.stop()
    told = [decode_letter(record.value) for record in found]
    return [(one.code, one.offset, one.body) for one in told if isinstance(one, DeadLetter)]


async def _assigned(reading: Any) -> list[Any]:
    from aiokafka import TopicPartition

    at = TopicPartition(DEAD_LETTERS, 0)
    reading.assign([at])
    await reading.seek_to_beginning(at)
    return [at]


async def _send(running: AIOKafkaProducer, value: bytes | None) -> int:
    sent = await running.send_and_wait(WHERE.commands_topic, value, key=b"k", partition=WHERE.partition)
    return int(sent.offset)


async def test_hostile_records_are_rejected_in_the_log_and_kept_and_good_ones_go_on(cluster: Cluster) -> None:
    worker = await cluster.worker("one")
    await cluster.led_by(worker)
    async with cluster.connect() as client:
        now_ms = client.now_ms()
        running = producer(cluster.kafka)
        await running.start()
        bad = hostile(now_ms)
        offsets = [await _send(running, value) for _, value in bad]
        last = await _send(running, encoded(9, now_ms))
        await running.stop()

        async def decided() -> bool:
            partitions = (await worker.status())["partitions"]
            one = next(each for each in partitions if (each["kind"], each["partition"]) == ("locks", 2))
            return bool(one["last_source"] == last)

        await until(decided)
        assert [holder.client for holder in (await client.inspect(NAME)).holders] == [CLIENT]
    kept = await letters(cluster.kafka)
    assert kept == [(code, offset, value) for (code, value), offset in zip(bad, offsets, strict=True)]
    found = await truth(cluster)
    topic = [one for one in found.decisions if one.decision.lane == "TOPIC"]
    replies = [one.reply for one in topic]
    assert [reply.code for reply in replies[:-1] if isinstance(reply, Rejected)] == [code for code, _ in bad]
    assert [len(one.events) for one in topic] == [0] * len(bad) + [1]
    assert await worker.leads() == {0, 1, 2, 3}
    assert worker.events("trouble") == []
