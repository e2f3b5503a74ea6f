"""Whether this release folds what became dead letters: the partition folded anew, up to there, in memory.

Nothing is written, so it says nothing of what the sink takes.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import TypeAlias

from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.letters import DeadLetter
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Fold, PoisonDecision, Projection

Place: TypeAlias = tuple[int, int]
"""(offset of the commit, decision in it)"""


def place_of(letter: DeadLetter) -> Place:
    """Return which decision a letter is of."""
    return letter.offset, letter.decision or 0


async def refused_still(
    log: TopicReader,
    where: PartitionId,
    projection: Projection,
    vocabulary: Vocabulary,
    places: Collection[Place],
    progress: Callable[[int, int], None],
) -> dict[Place, str]:
    """Return which of the decisions would be put aside again, and why. Raises `LogUnavailable`, `LogHalt`.

    One pass for all of them: it costs as much as the log is long up to the last.
    """
    reader, fold = CommitReader(where, vocabulary), projection.fold(where, vocabulary)
    offsets = {offset for offset, _ in places}
    end, met, refused = min(max(offsets) + 1, (await log.bounds())[1]), set[int](), dict[Place, str]()
    async for records in log.read(0, end):
        for stored in records:
            accepted = reader.read(stored)
            if accepted is None:
                continue
            try:
                aside = _fold(fold, accepted)
                fold.take()
            except Exception as error:  # whatever it is: a fold that raises is worth nothing any more
                why = f"at {accepted.position}, the fold raised {error!r}"
                behind = f"it cannot be told, for before it, {why}"
                left = [each for each in places if each[0] >= accepted.offset]
                return refused | {each: why if each[0] == accepted.offset else behind for each in left}
            if accepted.offset in offsets:
                met.add(accepted.offset)
                refused |= {(accepted.offset, index): said for index, said in aside.items()}
        progress(reader.next_offset, end)
        await asyncio.sleep(0)  # a long fold is not all that its process does
    return {each: said for each, said in refused.items() if each in set(places)} | {
        each: f"{where.log_topic}/{where.partition}@{each[0]} is no commit that counts"
        for each in places
        if each[0] not in met
    }


def _fold(fold: Fold, accepted: AcceptedCommit) -> dict[int, str]:
    aside: dict[int, str] = {}
    without: frozenset[int] = frozenset()
    while True:
        try:
            fold.commit(accepted, without)
        except PoisonDecision as poison:
            if poison.index in without:
                raise
            aside[poison.index] = str(poison)
            without |= frozenset(range(poison.index + 1))
        else:
            return aside
