"""Logs that never rest: claimed, chained, accepted commits of many tenants, until told to stop."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import suppress

from storage.kafka.log import KafkaTopicReader
from storage.kafka.writer import open_writer
from streams.log.accept import LogHead
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.checkpoint import Checkpoint, head_at
from streams.log.envelope import encode
from streams.log.ports import AppendUnknown, LogUnavailable
from streams.log.positions import PartitionId
from streams.log.records import Claim, Commit, Genesis
from streams.projections.projection import Projection
from streams.projections.table import Key, Row, Table
from tests.unit.replay.logbook import WORDS, decision

TENANTS = 25
PAUSE_S = 0.03


class LogProducer:
    """The owner of one partition's log: claims it again whenever a broker does not answer."""

    def __init__(self, kafka: str, where: PartitionId, partitions: int) -> None:
        self.where, self.commits = where, 0
        self._kafka, self._partitions = kafka, partitions
        self._head, self._owner, self._stopping = LogHead(), b"", False
        self._rng = random.Random(where.partition)

    async def run(self) -> None:
        while not self._stopping:
            with suppress(LogUnavailable, AppendUnknown):
                await self._own()
            await asyncio.sleep(PAUSE_S)

    def stop(self) -> None:
        self._stopping = True

    async def _own(self) -> None:
        """Catch up, claim, catch up, and commit until something goes wrong."""
        writer = await open_writer(self._kafka, self.where.log_topic, self.where.partition)
        try:
            if (await read_up(self._kafka, self.where, lambda _: None))[1].genesis is None:
                made = Genesis(bytes(16), 0, "locks", self.where.partition, self._partitions, 0)
                await (await writer.append(encode(made)))
            self._owner = os.urandom(16)
            await (await writer.append(encode(Claim(self._owner, "127.0.0.1:1", "chaos", 1))))
            self._head = head_at((await read_up(self._kafka, self.where, lambda _: None))[1])
            while not self._stopping:
                commit = self._commit()
                data = encode(commit)
                landed = await (await writer.append(data))
                assert self._head.accept(landed.offset, commit, data) is None
                self.commits += 1
                await asyncio.sleep(PAUSE_S)
        finally:
            await writer.close()

    def _commit(self) -> Commit:
        head, rng = self._head, self._rng
        decisions = tuple(
            decision(rng.randrange(1, 10**9), key=f"t{rng.randrange(TENANTS)}/orders")
            for _ in range(rng.randrange(1, 8))
        )
        at = (head.n + 1) * 10
        return Commit(self._owner, head.head, head.n + 1, at, at, 1, None, decisions)


async def read_up(
    kafka: str, where: PartitionId, took: Callable[[AcceptedCommit], None]
) -> tuple[int, Checkpoint]:
    """Hand over every accepted commit; return (end of the log, where reading it came to)."""
    log, reader = KafkaTopicReader(kafka, where.log_topic, where.partition), CommitReader(where, WORDS)
    _, end = await log.bounds()
    async for records in log.read(0, end):
        for record in records:
            accepted = reader.read(record)
            if accepted is not None:
                took(accepted)
    return end, reader.checkpoint


async def one_pass(
    kafka: str, projection: Projection, where: PartitionId
) -> tuple[int, dict[Table, dict[Key, Row]]]:
    """Return (end of the log, the rows as one plain pass over it makes them)."""
    fold = projection.fold(where, WORDS)
    end, reached = await read_up(kafka, where, fold.commit)
    assert reached.n > 0
    changes = fold.take()
    return end, {
        table: {key: row for key, row in changes.rows(table) if row is not None}
        for table in projection.tables
    }
