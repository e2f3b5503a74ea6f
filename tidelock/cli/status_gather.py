"""What `tidelock status` shows, gathered from the workers' /status and Kafka's end offsets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from storage.kafka.topic_facts import ends_of
from streams.log.positions import PartitionId

TIMEOUT_S = 3.0


@dataclass(slots=True)
class Worker:
    """One worker that was asked."""

    name: str
    address: str
    problem: str | None = None
    connections: int = 0
    partitions: int = 0


@dataclass(slots=True)
class Row:
    """One partition. None: nobody could say."""

    partition: str
    owner: str | None = None
    health: str = "nobody"
    """The owner's phase: leading, claiming, catching up, quarantined; nobody: no worker says it owns it."""
    claims: int | None = None
    commits: int | None = None
    decisions: int | None = None
    keys: int | None = None
    queued: int | None = None
    lag: int | None = None
    """Commands in the topic lane that are not decided."""
    behind: int | None = None
    """Log records that the owner has not seen."""
    lease_ms: int | None = None
    parked: int = 0
    void: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Overview:
    """Everything at one moment."""

    partitions: list[Row]
    workers: list[Worker]

    @property
    def healthy(self) -> bool:
        """Whether every partition has an owner that decides."""
        return bool(self.partitions) and all(row.health == "leading" for row in self.partitions)


async def gather(kafka: str, metrics: Sequence[tuple[str, str]], kinds: Sequence[str]) -> Overview:
    """Ask Kafka, then all workers at once, about `kinds`. Raises `LogUnavailable` if Kafka does not answer."""
    firsts = [PartitionId(kind, 0) for kind in kinds]
    topics = [topic for where in firsts for topic in (where.log_topic, where.commands_topic)]
    ends = await ends_of(kafka, topics)  # first, so that an owner that keeps up is not shown behind
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http:
        answers = await asyncio.gather(*(_ask(http, Worker(name, address)) for name, address in metrics))
    rows: dict[PartitionId, Row] = {}
    for kind in kinds:
        log_topic = PartitionId(kind, 0).log_topic
        for number in sorted(partition for topic, partition in ends if topic == log_topic):
            where = PartitionId(kind, number)
            rows[where] = Row(str(where))
    for _, told in answers:
        for one in told:
            where = PartitionId(one["kind"], one["partition"])
            before = rows.get(where)
            if before is None or before.health != "leading":
                rows[where] = _row(where, one, ends)
    return Overview(list(rows.values()), [worker for worker, _ in answers])


async def _ask(http: httpx.AsyncClient, worker: Worker) -> tuple[Worker, list[dict[str, Any]]]:
    try:
        response = await http.get(f"http://{worker.address}/status")
        told = response.raise_for_status().json()
        partitions: list[dict[str, Any]] = told["partitions"]
        worker.name, worker.connections, worker.partitions = (
            told["worker"],
            told["connections"],
            len(partitions),
        )
    except (httpx.HTTPError, ValueError, KeyError) as error:
        worker.problem = f"down or unreachable at {worker.address} ({type(error).__name__}); see its log"
        return worker, []
    return worker, partitions


def _row(where: PartitionId, told: dict[str, Any], ends: dict[tuple[str, int], int]) -> Row:
    commands_end = ends.get((where.commands_topic, where.partition))
    log_end = ends.get((where.log_topic, where.partition))
    return Row(
        str(where),
        told["address"],
        told["phase"],
        told["claims"],
        told["commits"],
        told["decisions"],
        told["keys"],
        told["queued"],
        None if commands_end is None else max(0, commands_end - told["last_source"] - 1),
        None if log_end is None else max(0, log_end - told["offset"]),
        told["lease_ms"],
        len(told["parked"]),
        told["void"],
    )
