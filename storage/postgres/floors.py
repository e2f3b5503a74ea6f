"""From when on rows are kept: by a table's name a time (`tidelock.retention`), of histories also an offset a partition
(`tidelock.forgotten`). They rise in the transaction in which rows go, and go when all is built anew from the log.
"""

from typing import Final, LiteralString

from psycopg import sql

from storage.postgres.built import Cursor
from streams.log.checkpoint import Checkpoint, decode_checkpoint
from streams.log.positions import PartitionId
from streams.projections.builds import Build
from streams.projections.projection import Projection

LOCK_MS: Final = 2_000
"""Who forgets and waits for so long, as behind a rebuild that empties the table, gives way, and tries again later."""
_KEPT_FROM: Final[LiteralString] = """
INSERT INTO tidelock.retention AS r (name, from_ms) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET from_ms = greatest(r.from_ms, excluded.from_ms)
"""
_ALONE: Final[LiteralString] = (
    "NOT EXISTS (SELECT FROM tidelock.builds WHERE projection = %(projection)s AND NOT live)"
)
"""Another build may be promoted that has not what this one has."""
_OTHERS: Final[LiteralString] = """
SELECT checkpoint FROM tidelock.checkpoints WHERE projection = %s AND kind = %s AND partition = %s AND build <> %s
"""
_PARTITION_WHOLE: Final[LiteralString] = (
    "DELETE FROM tidelock.forgotten WHERE name = ANY (%s) AND partition = %s"
)
_ALL_WHOLE: Final[LiteralString] = f"""
WITH places AS (DELETE FROM tidelock.forgotten WHERE name = ANY (%(names)s) AND {_ALONE})
DELETE FROM tidelock.retention WHERE name = ANY (%(names)s) AND {_ALONE}
"""  # noqa: S608 - texts of this release


async def give_way(cursor: Cursor) -> None:
    """Wait for no lock for longer than `LOCK_MS`, until the end of the transaction."""
    await cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_MS))


async def keep_from(cursor: Cursor, name: str, from_ms: int) -> None:
    """Rows of the table are kept from that time on, or a later one that is told already."""
    await cursor.execute(_KEPT_FROM, (name, from_ms))


async def partition_whole(
    cursor: Cursor, projection: Projection, build: Build, where: PartitionId, reached: Checkpoint
) -> None:
    """What is built from the log's beginning has all positions again, if no other build is of this log: of one that
    was made anew, places in the old one say nothing.
    """
    await cursor.execute(_OTHERS, (projection.name, where.kind, where.partition, build.number))
    others = [decode_checkpoint(stored) for (stored,) in await cursor.fetchall()]
    if all(other.genesis != reached.genesis for other in others):
        await cursor.execute(_PARTITION_WHOLE, (_histories(projection), where.partition))


async def whole_again(cursor: Cursor, projection: Projection) -> None:
    """Histories of a read model that was emptied are built from the log's beginning: they answer about all moments.

    Periods that are gone are not: a rebuild passes them by.
    """
    await cursor.execute(_ALL_WHOLE, {"names": _histories(projection), "projection": projection.name})


def _histories(projection: Projection) -> list[str]:
    return [table.name for table in projection.tables if table.forgets is not None]


def forgotten(tables: LiteralString, *, by_offset: bool) -> LiteralString:
    """Return what tells from when on rows are kept if the moment `at` is before that, and null if it is not.

    `tables`: their names, quoted. `by_offset`: whether `at` is an offset of `partition`, or a time.
    """
    if by_offset:
        return f"""(SELECT max(r.from_ms) FROM tidelock.forgotten f JOIN tidelock.retention r ON r.name = f.name
            WHERE f.name IN ({tables}) AND f.partition = %(partition)s AND f.before_offset > %(at)s)"""  # noqa: S608
    return f"""(SELECT max(r.from_ms) FROM tidelock.retention r
            WHERE r.name IN ({tables}) AND r.from_ms > %(at)s)"""  # noqa: S608
