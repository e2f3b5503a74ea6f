"""Tails of several virtual topics: each lags behind by itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from random import Random

from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from tests.simulation.log import Broker


class VirtualTail:
    """Implements `streams.log.ports.LogTail`; how far each partition lags is drawn anew now and then."""

    def __init__(self, broker: Broker, random: Random, lag_s: float, pace_s: float = 0.01) -> None:
        """`pace_s`: how long it pauses at the most before it looks again, without the lag."""
        self.lag_s = lag_s
        """The longest that a partition is held back; 0: none is."""
        self.pace_s = pace_s
        self._broker = broker
        self._random = random

    def read(self, starts: Mapping[PartitionId, int]) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        return _Reading(self, self._broker, self._random, dict(starts))


class _Reading:
    def __init__(
        self, tail: VirtualTail, broker: Broker, random: Random, positions: dict[PartitionId, int]
    ) -> None:
        self._tail = tail
        self._broker = broker
        self._random = random
        self._positions = positions
        self._not_before = dict.fromkeys(positions, 0.0)

    def __aiter__(self) -> "_Reading":
        return self

    async def __anext__(self) -> Mapping[PartitionId, list[Stored]]:
        while True:
            await asyncio.sleep(0.001 + self._tail.pace_s * self._random.random() ** 2)
            if self._broker.hit(self._broker.faults.p_read_error / 50):
                raise LogUnavailable("the logs cannot be tailed now")
            batch = {where: records for where in self._positions if (records := self._take(where))}
            if batch:
                return batch

    def _take(self, where: PartitionId) -> list[Stored]:
        start, now = self._positions[where], self._broker.loop.now
        if now < min(self._not_before[where], now + self._tail.lag_s):
            return []
        topic = self._broker.topic(f"{where.log_topic}/{where.partition}")
        records = topic.records[start : start + self._random.choice((1, 3, 1000))]
        self._positions[where] += len(records)
        if records and self._tail.lag_s:
            self._not_before[where] = now + self._tail.lag_s * self._random.random() ** 3
        return records
