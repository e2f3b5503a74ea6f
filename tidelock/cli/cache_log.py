"""One entry of a cache from the logs alone: all partitions, as a cache made anew may have other shards."""

import asyncio
from collections import deque

from streams.domain.caches.state import Cache
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.caches.entry import EntryChronicle
from streams.replay.caches.steps import Step
from streams.replay.moment import AtPosition, Moment, Target
from streams.replay.rewind import walk_to
from streams.wire.shards import shard_of
from tidelock.cli.cache_run import KIND
from tidelock.cli.census import AT_ONCE
from tidelock.cli.exits import CliProblem, WrongUse
from tidelock.cli.rewinding import resource_name
from tidelock.cli.topics import bar, partitions_of, reader_of


class CacheNeverThere(CliProblem):
    """The logs know no cache of that name."""

    code = "NEVER_USED"


@value
class EntryAsked:
    """Which entry, and up to when."""

    tenant: str
    cache: str
    entry: str
    target: Target

    def check(self) -> None:
        """Raise `WrongUse` if nothing can be named so."""
        resource_name(KIND, self.tenant, self.cache)
        if not self.entry:
            raise WrongUse("The entry's name is empty. Give it at least one character.")
        if isinstance(self.target, AtPosition):
            raise WrongUse("A position is a place in one partition, and this reads all of them. Give a time.")


@value
class Found:
    """What the logs say."""

    steps: tuple[Step, ...]
    """The latest that were wanted, oldest first."""
    left_out: int
    shard: Cache | None
    """The entry's shard at the target; None: there is no such cache then."""
    moment: Moment
    """Of the partition where the shard is, or of the first."""


async def read_entry(
    kafka: str, asked: EntryAsked, words: Vocabulary, since_ms: int, limit: int, *, quiet: bool
) -> Found:
    """Return what became of an entry. Raises `CacheNeverThere`, `WrongUse`, and as a rewind does."""
    wheres = await partitions_of(kafka, [KIND], None)
    read, room = reader_of(kafka), asyncio.Semaphore(AT_ONCE)
    with bar(quiet) as progress:

        async def one(where: PartitionId) -> tuple[Steps, EntryChronicle, Moment]:
            task, steps = progress.add_task(f"reading {where}", total=None), Steps(since_ms, limit)
            chronicle = EntryChronicle(asked.tenant, asked.cache, asked.entry, words, steps.add)
            async with room:
                moment = await walk_to(
                    read(where), where, words, asked.target, chronicle.commit,
                    progress=lambda done, total: progress.update(task, completed=done, total=total),
                )  # fmt: skip
            return steps, chronicle, moment

        parts = await asyncio.gather(*[one(where) for where, end in wheres.items() if end])
    if not any(chronicle.used for _, chronicle, _ in parts):
        raise CacheNeverThere(
            f"The logs know no cache {asked.cache!r} of {asked.tenant} by then. `tidelock cache list` names them."
        )
    steps = sorted([step for steps, _, _ in parts for step in steps.kept], key=_order)[-limit:]
    count = sum(steps.count for steps, _, _ in parts)
    shards = {number: (each, moment) for _, made, moment in parts for number, each in made.shards.items()}
    spread = shards[0][0].shards if 0 in shards else 1
    shard, moment = shards.get(shard_of(asked.entry, spread), (None, parts[0][2]))
    return Found(tuple(steps), count - len(steps), shard, moment)


class Steps:
    """Gathers the latest of those that are wanted."""

    def __init__(self, since_ms: int, limit: int) -> None:
        self.kept: deque[Step] = deque(maxlen=limit)
        self.count = 0
        self._since_ms = since_ms

    def add(self, step: Step) -> None:
        """Take the next one."""
        if step.cause.time_ms >= self._since_ms:
            self.kept.append(step)
            self.count += 1


def _order(step: Step) -> tuple[int, int, int]:
    return (step.cause.time_ms, step.cause.position.offset, step.cause.index)
