"""Changelogs in memory, fenced and compacted as real ones are: for pure tests."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from streams.projections.changelog import AppendLost, ChangelogClaimed, ChangelogId, ChangesTooLarge, Entry

MAX_BATCH_BYTES = 8 * 1024 * 1024
RECORDS_A_READ = 1000


class MemoryChangelogs:
    """Records by changelog; a record that compaction took is None."""

    def __init__(self, max_batch_bytes: int = MAX_BATCH_BYTES) -> None:
        self.records: dict[ChangelogId, list[Entry | None]] = {}
        self.writers: dict[ChangelogId, MemoryChangelogWriter] = {}
        """Who claimed each last."""
        self.max_batch_bytes = max_batch_bytes

    async def claim(self, changelog: ChangelogId) -> "MemoryChangelogWriter":
        """Become its writer."""
        self._of(changelog).append((b'"claim"', b""))
        writer = self.writers[changelog] = MemoryChangelogWriter(self, changelog)
        return writer

    async def read(self, changelog: ChangelogId, start: int, end: int) -> AsyncIterator[list[Entry]]:
        """Yield what compaction left."""
        records = self._of(changelog)
        for first in range(start, end, RECORDS_A_READ):
            yield [each for each in records[first : min(first + RECORDS_A_READ, end)] if each is not None]

    async def ends(self, several: Collection[ChangelogId]) -> Mapping[ChangelogId, int]:
        """Return the offsets that the next records will have."""
        return {each: len(self._of(each)) for each in several}

    async def partitions(self, projection: str, kind: str) -> list[ChangelogId]:
        """Return those that were ever claimed."""
        return [each for each in self.records if (each.projection, each.where.kind) == (projection, kind)]

    def compact(self, changelog: ChangelogId, *, tombstones: bool = False) -> int:
        """Take away what a later record of the same key replaced, and `tombstones` too; return how many went."""
        records, seen, gone = self._of(changelog), set[bytes](), 0
        for place in reversed(range(len(records))):
            record = records[place]
            if record is None:
                continue
            if record[0] in seen or (tombstones and record[1] is None):
                records[place], gone = None, gone + 1
            seen.add(record[0])
        return gone

    def _of(self, changelog: ChangelogId) -> "list[Entry | None]":
        return self.records.setdefault(changelog, [])


class MemoryChangelogWriter:
    """The one that may write a changelog, until another claims it."""

    def __init__(self, changelogs: MemoryChangelogs, changelog: ChangelogId) -> None:
        self.start = len(changelogs.records[changelog])
        self._changelogs, self._changelog, self._closed = changelogs, changelog, False

    async def append(self, entries: Sequence[Entry]) -> int:
        """Append all of `entries`."""
        if self._closed:
            raise AppendLost(f"{self._changelog}: the writer is closed. Claim it again.")
        if self._changelogs.writers[self._changelog] is not self:
            raise ChangelogClaimed(self._changelog)
        size = sum(len(key) + len(data or b"") for key, data in entries)
        if size > self._changelogs.max_batch_bytes:
            raise ChangesTooLarge(f"{self._changelog}: {size} bytes do not fit one batch.")
        records = self._changelogs.records[self._changelog]
        records.extend(entries)
        return len(records)

    async def close(self) -> None:
        """Stop."""
        self._closed = True
