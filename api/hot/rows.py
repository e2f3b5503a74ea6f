"""Rows by key from hot copies. What they cannot tell is to be read from PostgreSQL.

A copy tells the same as the read model, and says where it stands; it may be lost, away or behind at any time. It is
taken only where it stands as far on as this node has heard the read model to be: so an answer after `notBefore` has
what was asked for, wherever it comes from.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import structlog

from api.hot.copies import HotCopies
from api.telemetry import HOT_READS
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.hot import TIME, HotCopy, hot_copy, hot_key, row_of
from streams.projections.ports import Copied
from streams.projections.projection import Projection
from streams.projections.reads import Progress, Stand
from streams.projections.table import Key, Row

Outcome: TypeAlias = Literal["TAKEN", "MISSING", "BEHIND", "UNREADABLE", "AWAY"]
_NOTHING: Final[Mapping[Key, Row]] = {}


@value
class Found:
    """What copies told: those that could."""

    stands: Mapping[int, Stand]
    """By partition, where its copy stands. Of a partition that is missing nothing is known."""
    rows: Mapping[Key, Row]
    """What of those partitions is there."""

    def tells_of(self, keys: Iterable[Key]) -> bool:
        """Say whether all of this is known, be it that it is not there."""
        return all(key[0] in self.stands for key in keys)

    def stands_of(self, keys: Iterable[Key]) -> tuple[Stand, ...]:
        """Return where the partitions of these stand."""
        return tuple([self.stands[number] for number in sorted({key[0] for key in keys})])


class HotRows:
    """Rows of hot tables, as far as copies are level with the read model."""

    def __init__(self, copies: HotCopies, progress: Progress) -> None:
        self._copies, self._progress = copies, progress
        self._log = structlog.get_logger("tidelock.api.hot")

    async def look(self, projection: Projection, keys: Iterable[Key]) -> Found:
        """Return the rows of the projection's hot table under these keys, in one round trip."""
        wanted: dict[HotCopy, list[Key]] = {}
        for key in keys:
            wanted.setdefault(hot_copy(projection, PartitionId(projection.kind, key[0])), []).append(key)
        told = await self._copies.get({copy: [TIME, *map(hot_key, some)] for copy, some in wanted.items()})
        stands: dict[int, Stand] = {}
        rows: dict[Key, Row] = {}
        for copy, some in wanted.items():
            stand, found, outcome = await self._judged(projection.name, copy, some, told)
            HOT_READS.labels(projection.name, outcome).inc()
            if stand is not None:
                stands[copy.where.partition] = stand
                rows.update(found)
        return Found(stands, rows)

    async def _judged(
        self, name: str, copy: HotCopy, keys: Iterable[Key], told: Mapping[HotCopy, Copied] | None
    ) -> tuple[Stand | None, Mapping[Key, Row], Outcome]:
        if told is None:
            return None, _NOTHING, "AWAY"
        at, rows = told[copy].next_offset, told[copy].rows
        if not at or TIME not in rows:
            return None, _NOTHING, "MISSING"
        if await self._progress.reach(name, copy.where, at + 1, 0):
            return None, _NOTHING, "BEHIND"
        try:
            stand = Stand(copy.where.kind, copy.where.partition, at, int(rows[TIME]))
            texts = {key: rows[found] for key in keys if (found := hot_key(key)) in rows}
            return stand, {key: row_of(copy.table, text) for key, text in texts.items()}, "TAKEN"
        except ValueError as error:
            self._log.error("a row of a hot copy cannot be read", copy=str(copy), error=str(error))
            return None, _NOTHING, "UNREADABLE"
