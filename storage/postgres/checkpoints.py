"""The checkpoints of read models, and the marks in the log: rows of their own, moved with those of the tables.

A checkpoint's row is the lock on its partition of the read model.
"""

from typing import Any, LiteralString

from storage.postgres.built import WRITERS, WRITES, Cursor, keep_first, own_build
from streams.log.checkpoint import START, Checkpoint, decode_checkpoint, encode_checkpoint
from streams.log.positions import PartitionId
from streams.projections.builds import Build
from streams.projections.ports import CheckpointMoved, require_own_version
from streams.projections.projection import Projection

CHANNEL = "tidelock_projected"
"""Notified at each write: 'PROJECTION KIND/PARTITION NEXT_OFFSET'; not live: 'PROJECTION@BUILD ..'."""

MARK_EVERY = 4096
"""Offsets between two of `log_marks`, about."""

_LIVE: LiteralString = (
    "FROM tidelock.checkpoints WHERE projection = %s AND kind = %s AND partition = %s AND live"
)
_OF_BUILD: LiteralString = """
FROM tidelock.checkpoints WHERE projection = %s AND kind = %s AND partition = %s AND build = %s"""
_READ: LiteralString = "SELECT version, checkpoint, build, live, true "
_TAKE: LiteralString = f"SELECT version, checkpoint, build, live, {WRITES} "
_IF_FREE: LiteralString = " FOR UPDATE SKIP LOCKED"
_PLACE = """
INSERT INTO tidelock.checkpoints
    (projection, kind, partition, build, live, version, next_offset, time_ms, head, checkpoint)
VALUES (%s, %s, %s, %s, %s, %s, 0, 0, '', '') ON CONFLICT DO NOTHING
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
    WHERE projection = %(projection)s AND build = %(build)s AND kind = %(kind)s AND partition = %(partition)s
), marked AS (
    INSERT INTO tidelock.log_marks (kind, partition, next_offset, time_ms, checkpoint)
    SELECT %(kind)s, %(partition)s, %(next_offset)s, %(time_ms)s, %(checkpoint)s WHERE %(mark)s
    ON CONFLICT DO NOTHING
)
SELECT pg_notify(%(channel)s, %(told)s)
"""


async def stored_checkpoint(cursor: Cursor, projection: Projection, where: PartitionId) -> Checkpoint:
    """Return the checkpoint: `START` if there is none. Raises `OfAnotherRelease`, `NoSuchBuild`."""
    found = await _found(cursor, projection, where)
    if found is None:
        await own_build(cursor, projection)
        return START
    return found[0]


async def take_checkpoint(
    cursor: Cursor, projection: Projection, where: PartitionId, expected: Checkpoint
) -> Build | None:
    """Lock the checkpoint's row and compare it; return the build, which stays where it is until the end.

    None: another writes there now, or has the build stand still. It is not waited for here: a promotion holds up the
    writers of all partitions, and they would leave no connection to those that it waits for.
    """
    found = await _found(cursor, projection, where, _TAKE, _IF_FREE)
    if found is None and await _found(cursor, projection, where) is not None:
        return None
    stored, build, free = (START, None, True) if found is None else found
    if not free:
        return None
    if (stored.next_offset, stored.head) != (expected.next_offset, expected.head):
        raise CheckpointMoved(projection.name, where, expected.next_offset, stored.next_offset)
    return await _placed(cursor, projection, where, expected) if build is None else build


async def _placed(cursor: Cursor, projection: Projection, where: PartitionId, expected: Checkpoint) -> Build:
    """Place the row of a checkpoint, behind whoever places or switches builds now. Raises `OfAnotherRelease`."""
    await cursor.execute(WRITERS, (projection.name,))
    await keep_first(cursor, projection)
    build = await own_build(cursor, projection)
    place = (projection.name, where.kind, where.partition, build.number, build.live, projection.version)
    placed = await cursor.execute(_PLACE, place)
    if placed.rowcount == 0:  # somebody began meanwhile
        raise CheckpointMoved(projection.name, where, expected.next_offset, None)
    return build


async def move_checkpoint(
    cursor: Cursor,
    projection: Projection,
    build: Build,
    where: PartitionId,
    expected: Checkpoint,
    reached: Checkpoint,
) -> None:
    """Move the checkpoint, leave a mark if one is due, and tell whoever listens."""
    if expected.next_offset == START.next_offset:
        await _forget_marks_of_another_log(cursor, where, reached)
    due = expected.next_offset // MARK_EVERY != reached.next_offset // MARK_EVERY
    await cursor.execute(
        _MOVE,
        {
            "projection": projection.name,
            "build": build.number,
            "version": projection.version,
            "kind": where.kind,
            "partition": where.partition,
            "next_offset": reached.next_offset,
            "time_ms": reached.time_ms,
            "head": reached.head,
            "checkpoint": encode_checkpoint(reached),
            "mark": due or expected.next_offset == START.next_offset,
            "channel": CHANNEL,
            "told": f"{build.projection if build.live else build.label} {where} {reached.next_offset}",
        },
    )


async def _forget_marks_of_another_log(cursor: Cursor, where: PartitionId, reached: Checkpoint) -> None:
    """Marks of a log that was made anew lead nowhere: whoever read on from one would find all void."""
    await cursor.execute(_LAST_MARK, (where.kind, where.partition))
    found = await cursor.fetchone()
    if found is not None and decode_checkpoint(found[0]).genesis != reached.genesis:
        await cursor.execute(_FORGET_MARKS, (where.kind, where.partition))


async def _found(
    cursor: Cursor,
    projection: Projection,
    where: PartitionId,
    read: LiteralString = _READ,
    lock: LiteralString = "",
) -> tuple[Checkpoint, Build, bool] | None:
    """Return the checkpoint there is, with its build, and whether that may be written. Raises `OfAnotherRelease`."""
    at: tuple[Any, ...] = (projection.name, where.kind, where.partition)
    if projection.build is None:
        await cursor.execute(read + _LIVE + lock, at)
    else:
        await cursor.execute(read + _OF_BUILD + lock, (*at, projection.build))
    found = await cursor.fetchone()
    if found is None:
        return None
    version, stored, number, live, free = found
    require_own_version(projection, version)
    return decode_checkpoint(stored), Build(projection.name, number, live, version), free
