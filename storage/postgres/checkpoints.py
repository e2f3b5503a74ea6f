"""The checkpoints of read models, and the marks in the log: rows of their own, moved with those of the tables.

A checkpoint's row is the lock on its partition of the read model.
"""

from typing import Any, LiteralString, TypeAlias

from psycopg import AsyncCursor

from streams.log.checkpoint import START, Checkpoint, decode_checkpoint, encode_checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import BuiltByNewer, CheckpointMoved
from streams.projections.projection import Projection

CHANNEL = "tidelock_projected"
"""Notified at each write: 'PROJECTION KIND/PARTITION NEXT_OFFSET'."""

MARK_EVERY = 4096
"""Offsets between two of `log_marks`, about."""

Cursor: TypeAlias = AsyncCursor[Any]

_FIND = """
SELECT version, checkpoint FROM tidelock.checkpoints
WHERE projection = %s AND kind = %s AND partition = %s
"""
_FIND_TO_WRITE: LiteralString = _FIND + " FOR UPDATE"
_PLACE = """
INSERT INTO tidelock.checkpoints (projection, kind, partition, version, next_offset, time_ms, head, checkpoint)
VALUES (%s, %s, %s, %s, 0, 0, '', '') ON CONFLICT DO NOTHING
"""
_LAST_MARK = """
SELECT checkpoint FROM tidelock.log_marks WHERE kind = %s AND partition = %s ORDER BY next_offset DESC LIMIT 1
"""
_FORGET_MARKS = "DELETE FROM tidelock.log_marks WHERE kind = %s AND partition = %s"
_MOVE = """
WITH moved AS (
    UPDATE tidelock.checkpoints
    SET version = %(version)s, next_offset = %(next_offset)s, time_ms = %(time_ms)s, head = %(head)s,
        checkpoint = %(checkpoint)s, updated_at = now()
    WHERE projection = %(projection)s AND kind = %(kind)s AND partition = %(partition)s
), marked AS (
    INSERT INTO tidelock.log_marks (kind, partition, next_offset, time_ms, checkpoint)
    SELECT %(kind)s, %(partition)s, %(next_offset)s, %(time_ms)s, %(checkpoint)s WHERE %(mark)s
    ON CONFLICT DO NOTHING
)
SELECT pg_notify(%(channel)s, %(told)s)
"""


async def stored_checkpoint(cursor: Cursor, projection: Projection, where: PartitionId) -> Checkpoint:
    """Return the checkpoint: `START` if there is none, or if its rows are of an older version."""
    return await _stored(cursor, _FIND, projection, where) or START


async def take_checkpoint(
    cursor: Cursor, projection: Projection, where: PartitionId, expected: Checkpoint
) -> None:
    """Lock the checkpoint's row and compare it."""
    found = await _stored(cursor, _FIND_TO_WRITE, projection, where)
    stored = START if found is None else found
    if (stored.next_offset, stored.head) != (expected.next_offset, expected.head):
        raise CheckpointMoved(projection.name, where, expected.next_offset, stored.next_offset)
    if found is None:
        key = (projection.name, where.kind, where.partition)
        placed = await cursor.execute(_PLACE, (*key, projection.version))
        if placed.rowcount == 0:  # somebody began meanwhile
            raise CheckpointMoved(projection.name, where, expected.next_offset, None)


async def move_checkpoint(
    cursor: Cursor, projection: Projection, where: PartitionId, expected: Checkpoint, reached: Checkpoint
) -> None:
    """Move the checkpoint, leave a mark if one is due, and tell whoever listens."""
    if expected.next_offset == START.next_offset:
        await _forget_marks_of_another_log(cursor, where, reached)
    due = expected.next_offset // MARK_EVERY != reached.next_offset // MARK_EVERY
    await cursor.execute(
        _MOVE,
        {
            "projection": projection.name,
            "version": projection.version,
            "kind": where.kind,
            "partition": where.partition,
            "next_offset": reached.next_offset,
            "time_ms": reached.time_ms,
            "head": reached.head,
            "checkpoint": encode_checkpoint(reached),
            "mark": due or expected.next_offset == START.next_offset,
            "channel": CHANNEL,
            "told": f"{projection.name} {where} {reached.next_offset}",
        },
    )


async def _forget_marks_of_another_log(cursor: Cursor, where: PartitionId, reached: Checkpoint) -> None:
    """Marks of a log that was made anew lead nowhere: whoever read on from one would find all void."""
    await cursor.execute(_LAST_MARK, (where.kind, where.partition))
    found = await cursor.fetchone()
    if found is not None and decode_checkpoint(found[0]).genesis != reached.genesis:
        await cursor.execute(_FORGET_MARKS, (where.kind, where.partition))


async def _stored(
    cursor: Cursor, statement: LiteralString, projection: Projection, where: PartitionId
) -> Checkpoint | None:
    """Return the checkpoint there is: None if there is none, `START` if its rows are of an older version."""
    await cursor.execute(statement, (projection.name, where.kind, where.partition))
    found = await cursor.fetchone()
    if found is None:
        return None
    version, stored = found
    if version > projection.version:
        raise BuiltByNewer(projection.name, version, projection.version)
    return decode_checkpoint(stored) if version == projection.version else START
