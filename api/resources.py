"""States and histories of any kind, from its logs alone: what the catalogue entry gives before anybody writes more.

A state is folded from its partition's first record, so asking costs as much as the log is long; few do at a time, and
no longer than a query may last. A history is read backwards, from one mark in the log to the one before.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from api.errors import BadArgument
from streams.domain.kind import KindSpec
from streams.domain.value import value
from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import LogMarks, SinkUnavailable
from streams.replay.history import decisions_on
from streams.replay.moment import Target
from streams.replay.resource import KeyChronicle, KeyDecision, ResourceName
from streams.replay.rewind import Rewound, rewind_in

READERS = 4
PAGE_S = 4.0
"""A page that took so long is handed out as far as it is: `after` its end the search goes on."""

Place = tuple[int, int]
"""(offset, index in the commit) of a decision."""


@value
class Found:
    """Some decisions, newest first."""

    decisions: tuple[KeyDecision, ...]
    last: Position
    """The last record that was looked at, or could have been."""
    resume: Place | None
    """Decisions before it were not looked for; None: all were, or there are enough."""


class Resources:
    """The resources of all kinds."""

    def __init__(
        self,
        kinds: tuple[KindSpec, ...],
        partition_of: Callable[[str, str, str], int],
        log_of: Callable[[PartitionId], TopicReader],
        marks: LogMarks,
    ) -> None:
        """`partition_of`: of (kind, tenant, name); raises `BadArgument`."""
        self._words: Mapping[str, Vocabulary] = {kind.name: Vocabulary(kind) for kind in kinds}
        self._partition_of, self._log_of, self._marks = partition_of, log_of, marks
        self._permits = asyncio.Semaphore(READERS)

    def home_of(self, resource: ResourceName) -> PartitionId:
        """Return the partition that decides on a resource. Raises `BadArgument`."""
        if resource.kind not in self._words:
            raise BadArgument(
                f"There is no kind {resource.kind!r:.60}. Choose from: {', '.join(self._words)}.",
                code="KIND_UNKNOWN",
            )
        number = self._partition_of(resource.kind, resource.tenant, resource.name)
        return PartitionId(resource.kind, number)

    async def rewound(self, resource: ResourceName, target: Target) -> Rewound[KeyChronicle]:
        """Return the resource at a moment. Raises `BadArgument`, `RewindError`, `LogHalt`, `LogUnavailable`."""
        where, words = self.home_of(resource), self._words[resource.kind]
        chronicle = KeyChronicle(resource.key, words)
        async with self._permits:
            return await rewind_in(self._log_of(where), where, resource, words, target, chronicle)

    async def decisions(self, resource: ResourceName, most: int, before: Place | None) -> Found:
        """Return up to `most` decisions, the newest before `before`. Raises as `rewound` does."""
        where = self.home_of(resource)
        async with self._permits:
            log = self._log_of(where)
            _, end = await log.bounds()
            stop = end if before is None else min(end, before[0] + (before[1] > 0))
            return await self._backwards(resource, log, Position(where, end - 1), stop, most, before)

    async def _backwards(
        self,
        resource: ResourceName,
        log: TopicReader,
        last: Position,
        stop: int,
        most: int,
        before: Place | None,
    ) -> Found:
        where, words, until_s = last.partition, self._words[resource.kind], time.monotonic() + PAGE_S
        found: list[KeyDecision] = []
        for mark in reversed(await self._starts(where, stop)):
            stretch: list[KeyDecision] = []
            async for _, some in decisions_on(resource.key, log, where, words, mark, stop):
                stretch.extend(one for one in some if before is None or place_of(one) < before)
            found.extend(reversed(stretch))
            stop = mark.next_offset
            if len(found) >= most:
                return Found(tuple(found[:most]), last, None)
            if time.monotonic() > until_s:
                break
        return Found(tuple(found), last, (stop, 0) if stop else None)

    async def _starts(self, where: PartitionId, end: int) -> list[Checkpoint]:
        """Return the places that the log can be read from, in order; its beginning if nobody left marks."""
        try:
            marks = await self._marks.marks(where)
        except SinkUnavailable:
            marks = []
        return [START, *(mark for mark in marks if 0 < mark.next_offset < end)]


def place_of(decision: KeyDecision) -> Place:
    """Return where a decision stands in its partition."""
    return decision.cause.position.offset, decision.cause.index
