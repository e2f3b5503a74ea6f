"""Where the time of a deadlock goes, by what the logs say of each: append timestamps of milliseconds, so of means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from storage.kafka.log import KafkaTopicReader
from streams.domain.locks.events import LockWaitAborted, LockWaitStarted
from streams.domain.locks.kind import LOCKS
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Circle:
    """One deadlock as its victim saw it."""

    key: str
    """The lock by whose wait the circle closed."""
    closed_s: float
    """When that acquire was sent, in seconds since 1970."""
    told_s: float
    """When its caller was told to give way."""


async def stages(bootstrap: str, partitions: int, circles: Iterable[Circle]) -> dict[str, Any]:
    """Return the mean time of each stage, in milliseconds."""
    waited, aborted = await _appended(bootstrap, partitions)
    known = list(circles)
    return {
        "deadlock_stages_ms": {
            "closing edge appended": _mean(waited[one.key] - one.closed_s for one in known),
            "seen, confirmed, abort appended": _mean(aborted[one.key] - waited[one.key] for one in known),
            "victim told": _mean(one.told_s - aborted[one.key] for one in known),
        }
    }


async def _appended(bootstrap: str, partitions: int) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return when the last wait on each lock began, and when it was aborted."""
    waited: dict[str, float] = {}
    aborted: dict[str, float] = {}
    for partition in range(partitions):
        where = PartitionId("locks", partition)
        log = KafkaTopicReader(bootstrap, where.log_topic, partition)
        reader = CommitReader(where, Vocabulary(LOCKS))
        async for records in log.read(0, (await log.bounds())[1]):
            for commit in filter(None, map(reader.read, records)):
                for decided in commit.decided:
                    for event in decided.events:
                        if isinstance(event, LockWaitStarted):
                            waited[decided.decision.key] = commit.time_ms / 1000
                        elif isinstance(event, LockWaitAborted):
                            aborted[decided.decision.key] = commit.time_ms / 1000
    return waited, aborted


def _mean(seconds: Iterable[float]) -> float:
    return round(1000 * fmean(seconds), 2)
