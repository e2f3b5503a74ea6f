"""Values of cache entries, from the log: read models hold where each is, its size and its digest.

A value is found within some 4,096 records of the next mark. Few are read at a time, and few for one answer.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from hashlib import sha256
from typing import Any

from api.errors import ApiError, BadPage, ReadsAway
from streams.domain.caches.events import EntriesWarmed
from streams.log.accepted import CommitReader
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from streams.projections.caches.reads import KIND, ValueRow
from streams.projections.ports import LogMarks, SinkUnavailable

READERS = 4
RETRY_MS = 1000
MAX_VALUES = 20
"""Of one answer."""


class ValueGone(ApiError):
    """The log does not reach back to where the value was brought, or holds another one there."""

    code = "VALUE_GONE"


class ValueRoom:
    """How many values one answer may still have read."""

    def __init__(self, left: int = MAX_VALUES) -> None:
        self._left = left

    def take(self) -> None:
        """Ask for one. Raises `BadPage`."""
        self._left -= 1
        if self._left < 0:
            raise BadPage(
                f"An answer holds {MAX_VALUES} values at the most. Ask for `value` of fewer entries, or on a page "
                "of their own.",
                max=MAX_VALUES,
            )


class LoggedValues:
    """Reads values where the log has them."""

    def __init__(
        self, words: Vocabulary, log_of: Callable[[PartitionId], TopicReader], marks: LogMarks
    ) -> None:
        self._words, self._log_of, self._marks = words, log_of, marks
        self._permits = asyncio.Semaphore(READERS)

    async def read(self, row: ValueRow) -> bytes:
        """Return a value. Raises `ApiError`, `LogUnavailable`."""
        where = PartitionId(KIND, row.partition)
        try:
            async with self._permits:
                found = await self._read(where, row)
        except LogHalt as error:
            raise ApiError(str(error), code=error.code) from error
        except SinkUnavailable as error:
            raise ReadsAway(str(error), code=error.code, retry_after_ms=RETRY_MS) from error
        if found is None or sha256(found).hexdigest() != row.digest:
            raise ValueGone(
                f"The value of {row.entry!r:.100} is not at {Position(where, row.value_offset)}. The log was cut, or "
                "made anew: restore it, or rebuild the read model (`tidelock projection rebuild caches`)."
            )
        return found

    async def _read(self, where: PartitionId, row: ValueRow) -> bytes | None:
        mark, log = await self._marks.mark_before(where, row.value_offset), self._log_of(where)
        first, _ = await log.bounds()
        if mark.next_offset < first:
            return None
        reader = CommitReader(where, self._words, mark)
        async with aclosing(log.read(mark.next_offset, row.value_offset + 1)) as reading:  # type: ignore[type-var]
            async for records in reading:
                for stored in records:
                    accepted = reader.read(stored)
                    if accepted is not None and accepted.offset == row.value_offset:
                        return _brought(accepted.decided, row)
                await asyncio.sleep(0)
        return None


def _brought(decided: Any, row: ValueRow) -> bytes | None:
    for one in decided:
        place = row.value_event - one.number
        if 0 <= place < len(one.events):
            event = one.events[place]
            several = event.entries if isinstance(event, EntriesWarmed) else (event,)
            return next((each.value for each in several if getattr(each, "entry", None) == row.entry), None)
    return None
