"""Questions to the read models of one kind: one statement each, so that it has one snapshot."""

import time
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from storage.postgres.pool import Connections, StandbyLost
from streams.log.positions import Position
from streams.projections.reads import (
    STATE,
    AsOf,
    Moment,
    ProjectedRow,
    ReadsUnavailable,
    ReadTooSlow,
    RowsForgotten,
    Stand,
)

STANDS: LiteralString = """
    SELECT string_agg(partition || ':' || next_offset || ':' || time_ms, ' ' ORDER BY partition) AS stands
    FROM tidelock.checkpoints WHERE projection = %(projection)s AND kind = %(kind)s AND live"""
"""How far all partitions are, in one text: read in the same snapshot as the rows it is told of."""

_PROJECTED: LiteralString = """
    SELECT projection, partition, next_offset, time_ms, head
    FROM tidelock.checkpoints WHERE kind = %(kind)s AND live ORDER BY projection, partition"""

TRIES = 101
"""A server that crashed leaves a pool of dead connections, a hundred at most: each is found out by asking over it."""
AGAIN_S = 3.0
"""A deadlock is found after one second, a lock given up after two."""
MAX_NAME = "\U0010ffff"
"""Above every name."""
MAX_LONG = 2**63 - 1


def with_stands(rows: LiteralString, columns: int, last: LiteralString = "null") -> LiteralString:
    """Return `rows`, which has so many columns, behind a row that tells of when they are: the last column of all.

    Its other columns are null, the others' last one is. `last`: what else it tells, in place of their last column.
    """
    nulls = ", ".join(["null"] * (columns - 1) + [last])
    return f"""SELECT * FROM (
        (SELECT {nulls}, c.stands FROM ({STANDS}) c)
        UNION ALL (SELECT r.*, null::text FROM ({rows}) r)
    ) answer"""  # noqa: S608 - LiteralString: what is put together is our own text


class Asking:
    """Asks one database about one kind. `statements` counts what was asked."""

    def __init__(self, pool: Connections, kind: str) -> None:
        self._pool, self._kind = pool, kind
        self.statements = 0

    async def listed(
        self, statement: LiteralString, projection: str, given: Mapping[str, Any]
    ) -> tuple[list[Any], AsOf]:
        """Return the rows of a statement `with_stands`, and of when they are."""
        stands, *rows = await self.rows(statement, {"projection": projection, **given})
        return rows, AsOf(self.stands(stands[-1]))

    async def stood(
        self,
        statement: LiteralString,
        projection: str,
        given: Mapping[str, Any],
        what: str,
        way: str = STATE,
    ) -> tuple[list[Any], AsOf]:
        """Return the same of a statement about a moment, which tells last whether `what` goes back so far.

        Raises `RowsForgotten`, which names the `way` to what is older.
        """
        (*_, kept_from_ms, stands), *rows = await self.rows(statement, {"projection": projection, **given})
        if kept_from_ms is not None:
            raise RowsForgotten(what, int(kept_from_ms), way)
        return rows, AsOf(self.stands(stands))

    async def projected(self) -> list[ProjectedRow]:
        """Return how far each partition of each projection is."""
        return [
            ProjectedRow(name, Stand(self._kind, *stand)) for name, *stand in await self.rows(_PROJECTED, {})
        ]

    async def rows(self, statement: LiteralString, given: Mapping[str, Any]) -> list[Any]:
        """Return the rows. Asks again, a few times and not for long, if the connection was lost, or a rebuild that
        empties tables stood in the way: reading twice does no harm.
        """
        again_until = time.monotonic() + AGAIN_S
        for left in reversed(range(TRIES)):
            try:
                async with self._pool.connection() as connection:
                    self.statements += 1
                    cursor = connection.cursor(binary=True)
                    await cursor.execute(statement, {"kind": self._kind, **given})
                    return await cursor.fetchall()
            except errors.QueryCanceled as error:
                raise ReadTooSlow(
                    "The question takes longer than it may. Narrow it, by a prefix or a name."
                ) from error
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                waited = isinstance(error, PoolTimeout | TooManyRequests)
                late = time.monotonic() > again_until and not isinstance(error, StandbyLost)
                if waited or not left or late:
                    raise _away(error) from error
            except (psycopg.Error, PoolClosed, OSError) as error:
                raise _away(error) from error
        raise AssertionError("either answered or raised")

    def stands(self, told: str | None) -> tuple[Stand, ...]:
        """Return what `STANDS` tells."""
        found = []
        for stand in (told or "").split():
            partition, next_offset, time_ms = stand.split(":")
            found.append(Stand(self._kind, int(partition), int(next_offset), int(time_ms)))
        return tuple(found)


def moment(at: Moment) -> dict[str, int]:
    """Return a moment as statements have it: `at`, and of a position its `partition`."""
    if isinstance(at, Position):
        return {"partition": at.partition.partition, "at": at.offset}
    return {"at": at}


def above(prefix: str | None) -> str:
    """Return the least text above all that begin with `prefix`, by code points."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return MAX_NAME


def _away(error: Exception) -> ReadsUnavailable:
    words = (str(error).splitlines() or [type(error).__name__])[0]
    return ReadsUnavailable(f"The read models cannot be asked now ({words[:200]}). Try again.")
