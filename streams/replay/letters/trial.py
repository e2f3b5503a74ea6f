"""Whether this release folds what became a dead letter: the partition folded anew, up to that place, in memory.

Nothing is written, so it says nothing of what the sink takes.
"""

from collections.abc import Callable

from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.letters import DeadLetter
from streams.log.ports import TopicReader
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Fold, PoisonDecision, Projection


async def refused_still(
    log: TopicReader,
    projection: Projection,
    vocabulary: Vocabulary,
    letter: DeadLetter,
    progress: Callable[[int, int], None],
) -> str | None:
    """Return why the decision would be put aside again; None: it is folded. Raises `LogUnavailable`, `LogHalt`."""
    reader, fold = CommitReader(letter.where, vocabulary), projection.fold(letter.where, vocabulary)
    end = letter.offset + 1
    async for records in log.read(0, end):
        for stored in records:
            accepted = reader.read(stored)
            if accepted is None:
                continue
            try:
                aside = _fold(fold, accepted)
                fold.take()
            except Exception as error:  # whatever it is: a fold that raises is worth nothing any more
                before = "" if accepted.offset == letter.offset else "it cannot be told, for before it, at "
                return f"{before}{accepted.position}, the fold raised {error!r}"
            if accepted.offset == letter.offset:
                return aside.get(letter.decision or 0)
        progress(reader.next_offset, end)
    return f"{letter.topic}/{letter.partition}@{letter.offset} is no commit that counts"


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
