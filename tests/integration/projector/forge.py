"""Commits that no worker would make, in a real log: claimed, chained and accepted like any other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TypeAlias

from storage.kafka.log import KafkaTopicReader
from storage.kafka.writer import open_writer
from streams.log.accepted import CommitReader, token_of
from streams.log.checkpoint import Checkpoint, head_at
from streams.log.envelope import encode
from streams.log.positions import PartitionId
from streams.log.records import Claim, Commit, LoggedDecision
from tests.unit.replay.logbook import WORDS

Make: TypeAlias = Callable[[int], list[LoggedDecision]]
"""Given the token that its first event must have: the decisions."""


async def forge(kafka: str, where: PartitionId, make: Make) -> int:
    """Append a commit; return its offset once a reader accepts it.

    A worker's commit may come between what was read and what is appended: then it is tried again.
    """
    async with asyncio.timeout(30):
        while True:
            offset = await _try(kafka, where, make)
            if offset is not None:
                return offset


async def _try(kafka: str, where: PartitionId, make: Make) -> int | None:
    writer = await open_writer(kafka, where.log_topic, where.partition)
    try:
        now = await _read(kafka, where)
        claim = Claim(os.urandom(16), "127.0.0.1:1", "forged", now.active)
        head = head_at(now)
        head.accept(now.next_offset, claim, encode(claim))
        assert now.genesis is not None
        decisions = tuple(make(token_of(now.genesis.generation, now.events + 1)))
        commit = Commit(
            claim.owner, head.head, now.n + 1, now.lease_ms + 1, now.mark_ms, now.active, None, decisions
        )
        landing = [await writer.append(encode(record)) for record in (claim, commit)]
        offset = (await asyncio.gather(*landing))[1].offset
    finally:
        await writer.close()
    return offset if (await _read(kafka, where, offset + 1)).n == commit.seq else None


async def _read(kafka: str, where: PartitionId, end: int | None = None) -> Checkpoint:
    log, reader = KafkaTopicReader(kafka, where.log_topic, where.partition), CommitReader(where, WORDS)
    async for records in log.read(0, (await log.bounds())[1] if end is None else end):
        for record in records:
            reader.read(record)
    return reader.checkpoint
