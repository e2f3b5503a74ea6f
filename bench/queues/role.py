"""What producer and consumer share: payloads that say when they were made, and a warm-up. Not for users."""

import os
from time import time_ns

import tidelock

STAMP_BYTES = 8


def stamped(size: int) -> bytes:
    """Return a payload that says when it was made."""
    return time_ns().to_bytes(STAMP_BYTES, "big") + bytes(size - STAMP_BYTES)


def age_ms(payload: bytes) -> float:
    """Return how long ago a payload was made."""
    return (time_ns() - int.from_bytes(payload[:STAMP_BYTES], "big")) / 1e6


async def warm_up(client: tidelock.Client, name: str) -> None:
    """Put, take and acknowledge a few messages elsewhere: codecs are generated when they are first used."""
    queue = client.queue(f"{name}-{os.getpid()}")
    await queue.create()
    await queue.put_many([stamped(64) for _ in range(4)])
    async with queue.consume() as consumer:
        for _ in range(4):
            message = await consumer.get()
            assert message is not None
            await message.ack()
    await queue.delete()
