"""`ProjectionStore` on changelogs: rows and checkpoint in one record batch, which a changelog has whole or not at all.

Whoever loads a partition claims its changelog first, and reads it then: all that others ever wrote is before the claim,
and what a frozen one sends later is refused by the broker. So nothing that is read here is overtaken by anything, and
no write of a former owner can hide one of a later owner from compaction.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from storage.tables.codec import CHECKPOINT, Marker
from storage.tables.contents import Contents, read_contents
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.changelog import (
    ChangelogClaimed,
    ChangelogId,
    Changelogs,
    ChangelogWriter,
    ChangesTooLarge,
)
from streams.projections.ports import BuiltByNewer, CheckpointMoved, Loaded
from streams.projections.projection import Projection
from streams.projections.table import Changes, Key, Row, Table

TOMBSTONES_A_BATCH = 1000


class _Open:
    """A changelog that this process claimed, and what it holds."""

    def __init__(self, writer: ChangelogWriter, contents: Contents) -> None:
        self.writer, self.contents = writer, contents
        self.end = writer.start


class TableProjectionStore:
    """Read models in tables."""

    def __init__(self, changelogs: Changelogs) -> None:
        self._changelogs = changelogs
        self._open: dict[ChangelogId, _Open] = {}
        self._turns: defaultdict[ChangelogId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._closing: set[asyncio.Task[None]] = set()

    # ── the port ────────────────────────────────────────────────────────────────────────────────────────

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Claim the changelog, and return what it holds."""
        changelog = ChangelogId(projection.name, where)
        async with self._turns[changelog]:
            self._let_go(changelog)
            contents = (await self._opened(projection, changelog)).contents
            checkpoint = contents.checkpoint
            return Loaded(checkpoint, {} if checkpoint == START else contents.restored())

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        """Append rows and checkpoint as one batch, if the table still stands at `expected`."""
        changelog = ChangelogId(projection.name, where)
        async with self._turns[changelog]:
            opened = await self._ready(projection, changelog, expected, changes)
            contents, before = opened.contents, opened.contents.marker
            build = opened.writer.start if expected == START or before is None else before.build
            marker = Marker(projection.version, build, reached)
            try:
                opened.end = await opened.writer.append(contents.entries(changes, marker))
                contents.apply(changes, marker)
                await _clear_away(opened)
            except ChangesTooLarge:
                raise
            except ChangelogClaimed as claimed:
                self._let_go(changelog)
                raise CheckpointMoved(projection.name, where, expected.next_offset, None) from claimed
            except BaseException:  # whatever it is: whether it landed the changelog knows
                self._let_go(changelog)
                raise

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Find out whether `write` would take the rows."""
        changelog = ChangelogId(projection.name, where)
        async with self._turns[changelog]:
            await self._ready(projection, changelog, expected, changes)

    async def reset(self, projection: Projection) -> None:
        """Make an end of what is built: whoever runs it finds itself outrun, and builds it anew."""
        for changelog in await self._changelogs.partitions(projection.name, projection.kind):
            async with self._turns[changelog]:
                self._let_go(changelog)
                writer = await self._changelogs.claim(changelog)
                try:
                    await writer.append([(CHECKPOINT, None)])
                finally:
                    await writer.close()

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is, from the changelogs; `held` is cheaper."""
        found: dict[PartitionId, Checkpoint] = {}
        ids = await self._changelogs.partitions(projection.name, projection.kind)
        for changelog, end in (await self._changelogs.ends(ids)).items():
            contents = await read_contents(self._changelogs, changelog, end, projection)
            if contents.checkpoint != START:
                found[changelog.where] = contents.checkpoint
        return found

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Forget what was loaded."""
        self._let_go(ChangelogId(projection.name, where))

    # ── beyond the port ─────────────────────────────────────────────────────────────────────────────────

    async def held(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far the partitions are that are loaded here, and that nobody else wrote since."""
        mine = {id_: opened for id_, opened in self._open.items() if id_.projection == projection.name}
        ends = await self._changelogs.ends(list(mine))
        return {
            changelog.where: opened.contents.checkpoint
            for changelog, opened in mine.items()
            if self._open.get(changelog) is opened and opened.end >= ends[changelog]
        }

    def rows(self, projection: Projection, where: PartitionId, table: Table) -> Mapping[Key, Row] | None:
        """Return the rows of a table that is loaded here; None: it is not."""
        opened = self._open.get(ChangelogId(projection.name, where))
        return None if opened is None else opened.contents.rows[table]

    async def close(self) -> None:
        """Let all go."""
        for changelog in list(self._open):
            self._let_go(changelog)
        await asyncio.gather(*self._closing)

    # ── what is open ────────────────────────────────────────────────────────────────────────────────────

    async def _ready(
        self, projection: Projection, changelog: ChangelogId, expected: Checkpoint, changes: Changes
    ) -> _Open:
        """Return what stands at `expected` and takes `changes`. Raises `CheckpointMoved`, `RowRefused`."""
        opened = self._open.get(changelog) or await self._opened(projection, changelog)
        stored = opened.contents.checkpoint
        if (stored.next_offset, stored.head) != (expected.next_offset, expected.head):
            raise CheckpointMoved(projection.name, changelog.where, expected.next_offset, stored.next_offset)
        opened.contents.refuse(changes)
        return opened

    async def _opened(self, projection: Projection, changelog: ChangelogId) -> _Open:
        """Claim, then read: in this order nothing can come between."""
        writer = await self._changelogs.claim(changelog)
        try:
            contents = await read_contents(self._changelogs, changelog, writer.start, projection)
            marker = contents.marker
            if marker is not None and marker.version > projection.version:
                raise BuiltByNewer(projection.name, marker.version, projection.version)
            opened = _Open(writer, contents)
            if marker is None or marker.version == projection.version:
                await _clear_away(opened)
        except BaseException:
            self._close(writer)
            raise
        self._open[changelog] = opened
        return opened

    def _let_go(self, changelog: ChangelogId) -> None:
        opened = self._open.pop(changelog, None)
        if opened is not None:
            self._close(opened.writer)

    def _close(self, writer: ChangelogWriter) -> None:
        closing = asyncio.create_task(writer.close(), name="close a changelog's writer")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _clear_away(opened: _Open) -> None:
    """Put tombstones on what counts no more; whatever is left of it the next one to load clears away."""
    while tombstones := opened.contents.take_stale(TOMBSTONES_A_BATCH):
        opened.end = await opened.writer.append(tombstones)
