"""What a changelog's partition holds: rows by table and key, where they stand, and what counts no more."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import aclosing

from storage.refused import refuse
from storage.tables.codec import (
    CHECKPOINT,
    CLAIM,
    Marker,
    decode_marker,
    decode_rows,
    encode_key,
    encode_marker,
    encode_row,
)
from streams.log.checkpoint import START, Checkpoint
from streams.projections.changelog import ChangelogId, Changelogs, Entry
from streams.projections.ports import RowRefused
from streams.projections.projection import Projection
from streams.projections.table import Changes, Key, Row, Table

ROWS_A_TURN = 2000
NO_BUILD = -1


class Contents:
    """The rows of one partition of one read model, as far as its changelog has them."""

    def __init__(self, projection: Projection, partition: int) -> None:
        self.marker: Marker | None = None
        """None: nothing is stored, or it is to be built anew."""
        self.rows: dict[Table, dict[Key, Row]] = {table: {} for table in projection.tables}
        self.stale: set[bytes] = set()
        """Keys in the changelog under which nothing stands that counts."""
        self._version, self._partition = projection.version, partition

    @property
    def checkpoint(self) -> Checkpoint:
        """Where it stands, for this version of the read model."""
        marker = self.marker
        return START if marker is None or marker.version != self._version else marker.checkpoint

    def restored(self) -> dict[Table, list[Row]]:
        """Return the rows that a fold needs to go on."""
        return {
            table: list(_open_rows(table, rows.values()))
            for table, rows in self.rows.items()
            if table.restores or table.open_column is not None
        }

    def refuse(self, changes: Changes) -> None:
        """Raise `RowRefused` for what no store of rows takes."""
        for table, inserted in changes.inserted.items():
            taken = self.rows[table]
            for key, row in inserted.items():
                if key in taken:
                    raise RowRefused(f"{table.name}: there is a row under {key} already.")
                refuse(table, row, also=float)
        for table, put in changes.put.items():
            for kept in put.values():
                if kept is not None:
                    refuse(table, kept, also=float)

    def entries(self, changes: Changes, marker: Marker) -> list[Entry]:
        """Return the batch that brings `changes`; its last record is the marker. Raises `RowRefused`."""
        found: list[Entry] = []
        for table, stored in self.rows.items():
            for key, row in changes.onto(table, stored).items():
                if row is not None:
                    found.append((encode_key(table, key), _encoded(table, row, marker.build)))
                elif key in stored:
                    found.append((encode_key(table, key), None))
        found.append(encode_marker(marker))
        return found

    def apply(self, changes: Changes, marker: Marker) -> None:
        """The batch of `entries` is in the changelog."""
        for table, rows in self.rows.items():
            for key, row in changes.onto(table, rows).items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
                    if self.stale:
                        self.stale.discard(encode_key(table, key))
        self.marker = marker

    def take_stale(self, most: int) -> list[Entry]:
        """Return tombstones for up to `most` keys that count no more."""
        return [(self.stale.pop(), None) for _ in range(min(most, len(self.stale)))]


async def read_contents(
    changelogs: Changelogs, changelog: ChangelogId, end: int, projection: Projection
) -> Contents:
    """Return what a changelog holds up to offset `end`. Raises `SinkUnavailable`."""
    raw: dict[bytes, bytes] = {}
    async with aclosing(changelogs.read(changelog, 0, end)) as reading:  # type: ignore[type-var]
        async for entries in reading:
            for key, data in entries:
                if data is None:
                    raw.pop(key, None)
                else:
                    raw[key] = data
    raw.pop(CLAIM, None)
    stored, contents = raw.pop(CHECKPOINT, None), Contents(projection, changelog.where.partition)
    contents.marker = None if stored is None else decode_marker(stored)
    tables = {table.name: table for table in projection.tables}
    marker = contents.marker
    build = NO_BUILD if marker is None or marker.version != projection.version else marker.build
    stands = list(raw.items())
    for first in range(0, len(stands), ROWS_A_TURN):
        some = stands[first : first + ROWS_A_TURN]
        for (key, _), found in zip(
            some, decode_rows(tables, changelog.where.partition, some, build), strict=True
        ):
            if found is None:
                contents.stale.add(key)
            else:
                table, row = found
                contents.rows[table][table.key_of(row)] = row
        await asyncio.sleep(0)
    return contents


def _encoded(table: Table, row: Row, build: int) -> bytes:
    try:
        return encode_row(table, row, build)
    except ValueError as error:  # a number that is none
        raise RowRefused(f"{table.name}: {error}") from error


def _open_rows(table: Table, rows: Iterable[Row]) -> Iterator[Row]:
    if table.restores:
        yield from rows
        return
    assert table.open_column is not None
    opened = table.columns.index(table.open_column)
    yield from (row for row in rows if row[opened] is None)
