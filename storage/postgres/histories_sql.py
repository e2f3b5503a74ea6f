"""What forgetting a history asks PostgreSQL: one statement a way (`streams.projections.forgetting`), of any table.

It takes the oldest rows that are over (`old`: a page, or its beginning), finds those of them that answer nothing any
more (`doomed`), with the offset from which on nobody misses them, deletes them, and moves that offset.
"""

from functools import lru_cache
from typing import Final, LiteralString

from psycopg import sql

from storage.postgres.histories_ways import doomed, of, old, same
from storage.postgres.statements import named
from streams.projections.table import Table

_FRAME: Final[LiteralString] = """
WITH RECURSIVE page AS MATERIALIZED (
    SELECT o.* FROM {table} AS o WHERE o.{over} <= %(last_ms)s {behind} ORDER BY {o_place} LIMIT %(limit)s
), {old}, doomed AS MATERIALIZED ({way}),
gone AS (
    DELETE FROM {table} AS t USING doomed AS d WHERE {same_row} RETURNING t.partition, d.beyond
), told AS (
    INSERT INTO tidelock.forgotten AS f (name, partition, before_offset)
    SELECT {name}, g.partition, max(g.beyond) FROM gone AS g GROUP BY g.partition
    ON CONFLICT (name, partition) DO UPDATE SET before_offset = greatest(f.before_offset, excluded.before_offset)
)
SELECT (SELECT count(*) FROM gone),
    %(limit)s = (SELECT count(*) FROM page) OR (SELECT count(*) FROM old) < (SELECT count(*) FROM page), {o_place}
FROM old AS o ORDER BY {o_newest} LIMIT 1
"""
_BEHIND: Final[LiteralString] = "AND o.{over} >= %(p0)s AND ({o_place}) > ({given})"


@lru_cache(maxsize=256)
def forgetting(table: Table, schema: str, *, begins: bool) -> bytes:
    """Return the statement for the oldest rows, or, if it does not begin, for those behind `p0`, `p1` ...: a place."""
    assert table.forgets is not None, f"rows of {table.name} stay"
    over, key = table.forgets.over_ms, table.columns[: table.key]
    parts = {
        "table": named(table.name, schema), "name": sql.Literal(table.name), "over": sql.Identifier(over),
        "o_key": of("o", key), "o_place": of("o", place(table)),
        "o_newest": sql.SQL(", ").join([of("o", (each,)) + sql.SQL(" DESC") for each in place(table)]),
        "same_row": same("t", "d", key),
        "n_place": of("n", place(table)),
        "given": sql.SQL(", ").join([sql.Placeholder(f"p{each}") for each in range(1 + len(key))]),
    }  # fmt: skip
    behind = sql.SQL("") if begins else sql.SQL(_BEHIND).format(**parts)
    way = doomed(table, schema, parts)
    return sql.SQL(_FRAME).format(**parts, behind=behind, old=old(table, parts), way=way).as_bytes()


def place(table: Table) -> tuple[str, ...]:
    """Return the columns that order rows by their age."""
    assert table.forgets is not None, f"rows of {table.name} stay"
    return (table.forgets.over_ms, *table.columns[: table.key])
