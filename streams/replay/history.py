"""The decisions on one key, in log order, where the log stands: from its beginning, or from a known place in it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from streams.domain.decider import Rejected
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import LogUnavailable, TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.replay.resource import KeyDecision, KeyDecisions
from streams.replay.rewind import TURN_BYTES


async def decisions_on(
    key: str,
    log: TopicReader,
    where: PartitionId,
    vocabulary: Vocabulary,
    start: Checkpoint = START,
    end: int | None = None,
) -> AsyncGenerator[tuple[int, list[KeyDecision]]]:
    """Yield (offset that was come to, decisions on `key` before it), turn by turn; without `end`, for ever.

    Raises `LogUnavailable`, `LogHalt`.
    """
    first, _ = await log.bounds()
    if start.next_offset < first:
        raise LogUnavailable(
            f"{Position(where, start.next_offset)} is no longer in the log, which begins at {first}: what came before "
            "cannot be judged. Restore it."
        )
    reader, decisions = CommitReader(where, vocabulary, start), KeyDecisions(key, vocabulary)
    async with aclosing(log.read(start.next_offset, end)) as reading:  # type: ignore[type-var]
        async for records in reading:
            found: list[KeyDecision] = []
            taken = 0
            for stored in records:
                accepted = reader.read(stored)
                if accepted is not None:
                    found.extend(decisions.of(accepted))
                taken += len(stored.value or b"")
                if taken >= TURN_BYTES:
                    yield reader.next_offset, found
                    found, taken = [], 0
                    await asyncio.sleep(0)
            yield reader.next_offset, found


def outcome_of(decision: KeyDecision) -> str:
    """Return what became of a decision in a word: the answer's name, the refusal's code; '' if nobody asked."""
    reply = decision.reply
    if reply is None:
        return ""
    return reply.code if isinstance(reply, Rejected) else type(reply).__name__
