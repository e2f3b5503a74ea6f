"""Rows on their way in and out, at the speed of COPY."""

from collections.abc import Iterable
from typing import Any

from psycopg import AsyncConnection, AsyncCursor, adapters
from psycopg.adapt import Dumper
from psycopg.types.numeric import Int8Dumper

from streams.projections.table import Row


class NumbersDumper(Dumper):
    """A tuple of int as a PostgreSQL array."""

    oid = adapters.types["int8"].array_oid

    def dump(self, obj: tuple[int, ...]) -> bytes:
        """Return the array's text."""
        return b"{%s}" % ",".join(map(str, obj)).encode()


def speak_rows(connection: AsyncConnection) -> None:
    """Teach `connection` the values of rows."""
    connection.adapters.register_dumper(tuple, NumbersDumper)
    # else numbers have a type by their size, and each mixture of them is a statement to be prepared anew
    connection.adapters.register_dumper(int, Int8Dumper)


async def copy_in(cursor: AsyncCursor[Any], statement: bytes, rows: Iterable[Row]) -> None:
    """Copy `rows` to where `statement` says."""
    async with cursor.copy(statement) as copy:
        write_row = copy.write_row
        for row in rows:
            await write_row(row)


def as_row(fetched: Row) -> Row:
    """Return a row as folds know it: arrays are tuples."""
    if list not in map(type, fetched):
        return fetched
    return tuple([tuple(each) if type(each) is list else each for each in fetched])
