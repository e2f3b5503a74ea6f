"""What producers and consumers wrote down, what the log says, and whether both say the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storage.kafka.log import KafkaTopicReader
from streams.domain.queues import events as e
from streams.domain.queues.kind import QUEUES
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.verify import Decided
from streams.replay.walk import verify_partition
from tests.integration.queues.role import group_of

PARTITIONS = [PartitionId("queues", number) for number in range(4)]


@dataclass
class Journal:
    """What one process wrote down, as far as it was read."""

    path: Path
    puts: dict[int, tuple[str, bool]] = field(default_factory=dict)
    """By number: as which message it is in the queue for certain, and whether it was before."""
    handed: list[tuple[int, str, int, int, int]] = field(default_factory=list)
    """(ns, message, token, attempt, number)"""
    acked: dict[str, int] = field(default_factory=dict)
    """By message: when that was certain."""
    settled: set[tuple[str, int]] = field(default_factory=set)
    """(message, token) of all that was said to be done or failed, whether or not an answer came."""
    refused: Counter[str] = field(default_factory=Counter)
    _read: int = 0

    def read(self) -> Journal:
        """Read on."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._line(*json.loads(line))
        return self

    def in_hand(self) -> set[int]:
        """Return the numbers that were handed out, and nobody was told what became of them."""
        handed = self.handed
        return {number for _, message, token, _, number in handed if (message, token) not in self.settled}

    def _line(self, what: str, ns: int, *facts: Any) -> None:
        match what:
            case "put":
                self.puts[facts[0]] = (facts[1], facts[2])
            case "failed":
                self.refused[facts[1]] += 1
            case "handed":
                self.handed.append((ns, *facts))
            case "settling":
                self.settled.add((facts[0], facts[1]))
            case "acked":
                self.acked[facts[0]] = ns
            case "refused":
                self.refused[facts[2]] += 1


@dataclass
class LogBook:
    """What the log says of one queue."""

    queue: str
    numbers: dict[str, int] = field(default_factory=dict)
    """By message: what it says."""
    deliveries: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """(token, attempt)"""
    first: dict[str, list[int]] = field(default_factory=dict)
    """By group: numbers in the order in which they were delivered first."""
    ends: dict[str, list[str]] = field(default_factory=dict)
    """By message: what became of it at last."""
    came_back: list[str] = field(default_factory=list)
    """Delivered after it had ended: never."""
    _incarnations: dict[str, int] = field(default_factory=dict)

    async def read(self, kafka: str) -> LogBook:
        """Read all logs with their verifier; fail on any promise that the log itself breaks."""
        words = Vocabulary(QUEUES)
        for where in PARTITIONS:
            log = KafkaTopicReader(kafka, where.log_topic, where.partition)
            commands = KafkaTopicReader(kafka, where.commands_topic, where.partition)
            report = await verify_partition(log, commands, where, words, decided=self._take)
            assert report.ok, report.violations
        return self

    def _take(self, decided: Iterable[Decided]) -> None:
        for one in decided:
            name, _, shard = one.decision.key.partition("/")[2].partition("#")
            if name == self.queue:
                for event in one.events:
                    self._event(shard or "0", event)

    def _event(self, shard: str, event: Any) -> None:
        match event:
            case e.QueueCreated():
                self._incarnations[shard] = event.incarnation
            case e.MessagesEnqueued():
                for number, each in enumerate(event.messages, event.first):
                    message = self._id(shard, number)
                    self.numbers[message] = json.loads(each.payload)
                    self.deliveries[message], self.ends[message] = [], []
            case e.MessagesDelivered():
                for attempt in event.messages:
                    self._delivered(self._id(shard, attempt.message), event.token, attempt.attempt)
            case e.MessagesAcked():
                for number in event.messages:
                    self.ends[self._id(shard, number)].append("acked")
            case e.MessagesDied():
                for attempt in event.messages:
                    self.ends[self._id(shard, attempt.message)].append("died")
            case _:
                pass

    def _delivered(self, message: str, token: int, attempt: int) -> None:
        group = group_of(self.numbers[message])
        if group is not None and not self.deliveries[message]:
            self.first.setdefault(group, []).append(self.numbers[message])
        if self.ends[message]:
            self.came_back.append(message)
        self.deliveries[message].append((token, attempt))

    def _id(self, shard: str, number: int) -> str:
        return f"{shard}.{self._incarnations[shard]}.{number}"


def in_time(consumers: list[Journal]) -> list[tuple[int, str, int, int, int]]:
    """Return what all of them were handed, in the order of time."""
    return sorted(each for journal in consumers for each in journal.handed)


def prove(log: LogBook, producers: list[Journal], consumers: list[Journal], attempts: int) -> None:
    """Show from both that nothing was lost, twice, out of order, or tried too often."""
    _kept(log, producers, attempts)
    _final(log, consumers)
    _ordered(log, consumers)


def _kept(log: LogBook, producers: list[Journal], attempts: int) -> None:
    """What was confirmed is in the log once and was worked off: acknowledged once, or dead after all its attempts."""
    for journal in producers:
        for number, (message, _) in journal.puts.items():
            assert log.numbers.get(message) == number, f"{number} was confirmed as {message}"
    twice = [number for number, times in Counter(log.numbers.values()).items() if times > 1]
    assert twice == [], "one dedup id, one message"
    for message, ends in log.ends.items():
        tried = [attempt for _, attempt in log.deliveries[message]]
        assert max(tried) <= attempts
        assert ends == ["acked"] or (ends == ["died"] and tried[-1] == attempts), (message, ends)


def _final(log: LogBook, consumers: list[Journal]) -> None:
    """What was acknowledged never came back, to anybody; who was handed a message had it by the log."""
    assert log.came_back == []
    acked = {message: ns for journal in consumers for message, ns in journal.acked.items()}
    latest: dict[str, int] = {}
    for ns, message, token, attempt, number in in_time(consumers):
        assert (token, attempt) in log.deliveries[message], f"{number} was handed out, not delivered"
        assert ns < acked.get(message, ns + 1), f"{number} was handed out after its acknowledgement"
        assert latest.get(message, 0) < token, f"{number} was handed out by a lease that was over"
        latest[message] = token
    assert all(log.ends[message] == ["acked"] for message in acked)


def _ordered(log: LogBook, consumers: list[Journal]) -> None:
    """Of a group, each was first delivered after all before it, by the log and in the hands of consumers."""
    handed: dict[str, dict[int, None]] = {}
    for *_, number in in_time(consumers):
        group = group_of(number)
        if group is not None:
            handed.setdefault(group, {})[number] = None
    assert handed.keys() == log.first.keys()
    for group, numbers in log.first.items():
        assert numbers == sorted(numbers), group
        assert list(handed[group]) == sorted(handed[group]), group
