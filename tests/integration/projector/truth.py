"""The truth about read models: what one plain pass over the logs makes of them, compared with what is stored.

Nothing of the projector is used here: no lanes, no tails, no Faust. For whoever kills, rebuilds or races projectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from psycopg import AsyncConnection, sql

from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import ends_of
from storage.postgres.statements import named
from storage.redis.hot import RedisHotStore, client
from streams.catalog import KINDS
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.hot import TIME, hot_copy, hot_key, row_of
from streams.projections.nodes.projections import HEARTBEATS
from streams.projections.projection import Fold, PoisonDecision, Projection
from streams.projections.table import Changes, Key, Row, Table
from streams.read_models import PROJECTIONS

Rows: TypeAlias = dict[Key, Row]
Aside: TypeAlias = Mapping[str, frozenset[tuple[PartitionId, int, int]]]
"""By projection: decisions (partition, offset, index) that it could not take."""
JSONB = 3802
IN_ROWS = tuple(one for one in PROJECTIONS if one.kept == "rows")
_WORDS = {kind.name: Vocabulary(kind) for kind in KINDS}


@dataclass
class Told:
    """What the logs say."""

    rows: dict[Table, Rows] = field(default_factory=dict)
    decisions: int = 0
    aside: set[tuple[str, PartitionId, int, int]] = field(default_factory=set)
    """Decisions that a fold refused: (projection, partition, offset, index)."""

    def keep(self, changes: Changes) -> None:
        for table in (*changes.inserted, *changes.put, *changes.closed):
            rows = self.rows.setdefault(table, {})
            for key, row in changes.onto(table, rows).items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row


async def ends(kafka: str, *kinds: str) -> dict[PartitionId, int]:
    """Return where the logs of these kinds end; of all kinds if none is named."""
    found: dict[PartitionId, int] = {}
    for kind in kinds or [each.name for each in KINDS]:
        of_kind = await ends_of(kafka, [PartitionId(kind, 0).log_topic])
        found |= {PartitionId(kind, number): end for (_, number), end in of_kind.items()}
    return found


async def told_by_logs(
    kafka: str, refused: Aside | None = None, projections: Sequence[Projection] = IN_ROWS
) -> Told:
    """Fold every accepted commit of every log; leave out what a store `refused`."""
    told = Told()
    for kind in {projection.kind for projection in projections}:
        for where, end in (await ends(kafka, kind)).items():
            log = KafkaTopicReader(kafka, where.log_topic, where.partition)
            commits = [one async for one in _accepted(log, where, end)]
            decisions = [each for one in commits for each in one.commit.decisions]
            told.decisions += len([each for each in decisions if each.command not in HEARTBEATS])
            for projection in projections:
                if projection.kind == kind:
                    left_out = (refused or {}).get(projection.name, frozenset())
                    _fold(told, projection, where, commits, left_out)
    return told


async def _accepted(log: KafkaTopicReader, where: PartitionId, end: int) -> Any:
    reader = CommitReader(where, _WORDS[where.kind])
    async for records in log.read(0, end):
        for record in records:
            accepted = reader.read(record)
            if accepted is not None:
                yield accepted


def _fold(
    told: Told,
    projection: Projection,
    where: PartitionId,
    commits: Iterable[AcceptedCommit],
    refused: frozenset[tuple[PartitionId, int, int]],
) -> None:
    fold = projection.fold(where, _WORDS[where.kind])
    for accepted in commits:
        left_out = frozenset(
            index for at, offset, index in refused if (at, offset) == (where, accepted.offset)
        )
        _fold_one(told, projection, fold, accepted.without(left_out) if left_out else accepted, left_out)
    told.keep(fold.take())


def _fold_one(
    told: Told, projection: Projection, fold: Fold, accepted: AcceptedCommit, left_out: frozenset[int]
) -> None:
    try:
        fold.commit(accepted, left_out)
    except PoisonDecision as poison:
        told.aside.add((projection.name, accepted.where, accepted.offset, poison.index))
        _fold_one(told, projection, fold, accepted, left_out.union(range(poison.index + 1)))


async def stored_rows(postgres: str, table: Table) -> Rows:
    """Return the rows that PostgreSQL has, JSON as values."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    async with await AsyncConnection.connect(postgres) as connection:
        cursor = await connection.execute(sql.SQL("SELECT {} FROM {}").format(columns, named(table.name)))
        fetched = await cursor.fetchall()
    return {table.key_of(row): row for row in (tuple(map(_plain, row)) for row in fetched)}


async def json_columns(postgres: str, table: Table) -> list[int]:
    """Return which columns hold JSON."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    async with await AsyncConnection.connect(postgres) as connection:
        cursor = await connection.execute(
            sql.SQL("SELECT {} FROM {} LIMIT 0").format(columns, named(table.name))
        )
        return [number for number, column in enumerate(cursor.description or ()) if column.type_code == JSONB]


async def assert_equal(
    postgres: str, told: Told, projections: Sequence[Projection] = IN_ROWS
) -> dict[str, int]:
    """Compare every table, row by row, with what the logs say; return how many rows each has."""
    counts = {}
    for table in (table for projection in projections for table in projection.tables):
        json_at = await json_columns(postgres, table)
        stored = await stored_rows(postgres, table)
        wanted = {key: _decoded(row, json_at) for key, row in told.rows.get(table, {}).items()}
        missing, surplus = wanted.keys() - stored.keys(), stored.keys() - wanted.keys()
        assert not missing, f"{table.name} lacks {len(missing)} of {len(wanted)}: {sorted(missing)[:3]}"
        assert not surplus, f"{table.name} has {len(surplus)} too many: {sorted(surplus)[:3]}"
        for key, row in wanted.items():
            assert stored[key] == row, f"{table.name} {key}: {stored[key]} is stored, the log says {row}"
        counts[table.name] = len(stored)
    return counts


def hot_key_of(projection: Projection, where: PartitionId) -> str:
    """Return the key of a partition's hot copy in Redis."""
    copy = hot_copy(projection, where)
    return f"tidelock:{{{copy.table.name}@{copy.version}:{where}}}"


async def hot_copy_difference(
    redis: str, told: Told, projection: Projection, where: PartitionId, end: int
) -> str | None:
    """Compare a partition's hot copy with what the log says; return what is wrong with it."""
    copy = hot_copy(projection, where)
    rows = {key: row for key, row in told.rows.get(copy.table, {}).items() if key[0] == where.partition}
    wanted = {hot_key(key): _read(row) for key, row in rows.items()}
    connection = client(redis)
    try:
        found = (await RedisHotStore(connection).get({copy: list(wanted)}))[copy]
        there = await connection.hlen(hot_key_of(projection, where))
    finally:
        await connection.aclose()
    if found.next_offset != end:
        return f"the hot copy {copy} stands at {found.next_offset}, the log ends at {end}"
    if there != len(wanted) + len(("@", "@time", "@log", TIME)):
        return f"the hot copy {copy} has {there} fields for {len(wanted)} rows"
    copied = {key: _read(row_of(copy.table, text)) for key, text in found.rows.items()}
    return None if copied == wanted else f"the hot copy {copy} holds {copied}, the log says {wanted}"


def _read(row: Row) -> Row:
    """Return a row with its JSON as values: PostgreSQL spells it in another way than folds."""
    return tuple(
        [json.loads(each) if isinstance(each, str) and each[:1] in ("[", "{") else each for each in row]
    )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) and all(isinstance(each, int) for each in value) else value


def _decoded(row: Row, json_at: Sequence[int]) -> Row:
    return tuple(
        _plain(json.loads(each)) if number in json_at and isinstance(each, str) else each
        for number, each in enumerate(row)
    )
