"""How every Kafka client of the platform is set up. aiokafka, bounded and explicit."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

MAX_RECORD_BYTES = 1024 * 1024
LETTER_RECORD_BYTES = 2 * MAX_RECORD_BYTES
"""Dead letters take whole what the commands topic takes."""
END_S = 2.0
"""How long a broker that is away is waited for when a client ends."""


def name_of(at: TopicPartition) -> str:
    """Return what errors call the partition."""
    return f"{at.topic}/{at.partition}"


async def finish(ending: Coroutine[Any, Any, None], within_s: float = END_S) -> None:
    """Await a client's own way to end; whatever is still queued in it may or may not land."""
    with suppress(KafkaError, TimeoutError, OSError):
        await asyncio.wait_for(ending, within_s)


def connection(bootstrap: str, request_timeout_ms: int) -> AIOKafkaClient:
    """Return the bare client: metadata, connections, requests and their answers."""
    return AIOKafkaClient(
        bootstrap_servers=bootstrap, request_timeout_ms=request_timeout_ms, metadata_max_age_ms=60_000
    )


def producer(bootstrap: str) -> AIOKafkaProducer:
    """Return an idempotent producer that keeps order: acks=all, no linger, a commit never splits."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=LETTER_RECORD_BYTES,
        max_request_size=LETTER_RECORD_BYTES + 64 * 1024,
        request_timeout_ms=10_000,
        metadata_max_age_ms=60_000,
    )


def consumer(bootstrap: str, **overrides: Any) -> AIOKafkaConsumer:
    """Return a consumer without group or automatic positions: who reads, seeks."""
    settings: dict[str, Any] = {
        "bootstrap_servers": bootstrap,
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "fetch_max_wait_ms": 500,
        "fetch_max_bytes": 16 * MAX_RECORD_BYTES,
        "max_partition_fetch_bytes": 4 * MAX_RECORD_BYTES,
        "metadata_max_age_ms": 60_000,
    }
    return AIOKafkaConsumer(**(settings | overrides))
