"""A toy read model: one table of every sort, and checkpoints to move along."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.log.records import Claim, Genesis
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Fold, Points, Projection, Series
from streams.projections.table import Changes, Row, Table

ITEMS: Final = Table(
    "toy_items", ("partition", "name", "count", "note", "flag", "numbers", "data"), key=2, restores=True
)
SPELLS: Final = Table("toy_spells", ("partition", "number", "note", "ended"), key=2, open_column="ended")
SEEN: Final = Table("toy_seen", ("partition", "name"), key=2)
WINDOWS: Final = Table(
    "toy_windows", ("partition", "tenant", "start_ms", "total", "changed_offset", "closed"), key=3
)
TABLES: Final = (ITEMS, SPELLS, SEEN, WINDOWS)
NAMED: Final = Table(
    "toy_named", ("partition", "tenant", "name", "start_ms", "total", "changed_offset", "closed"), key=4
)

SQL: Final = """
CREATE TABLE tidelock.toy_items (
    partition bigint, name text COLLATE "C", count bigint, note text, flag boolean, numbers bigint[], data bytea,
    PRIMARY KEY (partition, name)
);
CREATE TABLE tidelock.toy_spells (
    partition bigint, number bigint, note text, ended bigint, PRIMARY KEY (partition, number)
);
CREATE TABLE tidelock.toy_seen (partition bigint, name text COLLATE "C", PRIMARY KEY (partition, name));
CREATE TABLE tidelock.toy_windows (
    partition bigint, tenant text COLLATE "C", start_ms bigint, total bigint, changed_offset bigint,
    closed boolean,
    PRIMARY KEY (partition, tenant, start_ms)
);
CREATE TABLE tidelock.toy_named (
    partition bigint, tenant text COLLATE "C", name text COLLATE "C", start_ms bigint, total bigint,
    changed_offset bigint, closed boolean, PRIMARY KEY (partition, tenant, name, start_ms)
);
"""

_POINTS: Final = Table("toy_points", ("start_ms", "tenant", "total"), key=2)


def _merge(rows: Sequence[Row]) -> list[Row]:
    return [(rows[0][2], rows[0][1], sum(row[3] for row in rows))]


def _no_fold(where: PartitionId, vocabulary: Vocabulary) -> Fold:
    raise AssertionError("sinks fold nothing")


TOY: Final = Projection(
    "toy", 1, "toys", TABLES, _no_fold, hot=ITEMS, points=Points(WINDOWS, (Series(_POINTS, _merge),))
)
TOY_NAMED: Final = Projection(
    "toy_named", 1, "toys", (NAMED,), _no_fold, points=Points(NAMED, (), bounded="name")
)
OTHER: Final = Projection("other", 1, "toys", (), _no_fold)

HERE: Final = PartitionId("toys", 3)
THERE: Final = PartitionId("toys", 4)


def at(offset: int, head: int = 0, time_ms: int | None = None) -> Checkpoint:
    """Return a checkpoint of the log whose history is `head`."""
    genesis = Genesis(b"l" * 16, 1, "toys", 3, 5, 1_790_000_000_000)
    claim = Claim(b"o" * 16, "host:1", "0.1.0", 3)
    when = offset * 10 if time_ms is None else time_ms
    digest = bytes([head]) * 16 + offset.to_bytes(16, "big")
    return Checkpoint(offset, digest, offset, 7, b"s" * 32, 2, 1, offset, offset, when, 5, 6, genesis, claim)


def item(name: str, count: int = 1, note: str | None = None, where: PartitionId = HERE) -> Row:
    return (where.partition, name, count, note, True, (1, 2), b"\x00\xff")


def spell(number: int, ended: int | None = None, note: str = "", where: PartitionId = HERE) -> Row:
    return (where.partition, number, note, ended)


def window(where: PartitionId, start_ms: int, total: int, changed: int, tenant: str = "acme") -> Row:
    return (where.partition, tenant, start_ms, total, changed, True)


def named_window(
    name: str, start_ms: int, changed: int, where: PartitionId = HERE, tenant: str = "acme"
) -> Row:
    return (where.partition, tenant, name, start_ms, 1, changed, True)


def inserted(table: Table, *rows: Row) -> Changes:
    changes = Changes()
    for row in rows:
        changes.insert(table, row)
    return changes


def put(table: Table, *rows: Row) -> Changes:
    changes = Changes()
    for row in rows:
        changes.upsert(table, row)
    return changes


def in_version(version: int) -> Projection:
    return replace(TOY, version=version)
