"""What forgetting a history asks PostgreSQL: one statement a way (`streams.projections.forgetting`), of any table.

It takes the oldest rows that are over (`old`), finds those of them that answer nothing any more (`doomed`), with the
offset from which on nobody misses them, deletes them, and moves that offset. Spells have the columns of
`streams.projections.locks.tables.LOCK_HISTORY`.
"""

from functools import lru_cache
from typing import Final, LiteralString

from psycopg import sql

from storage.postgres.statements import named
from streams.projections.forgetting import Ended, Followed, Forgets, Keyframed
from streams.projections.table import Table

_FRAME: Final[LiteralString] = """
WITH old AS MATERIALIZED (
    SELECT o.* FROM {table} AS o WHERE o.{over} <= %(before_ms)s {behind} ORDER BY {o_place} LIMIT %(limit)s
), doomed AS MATERIALIZED ({way}),
gone AS (
    DELETE FROM {table} AS t USING doomed AS d WHERE {same_row} RETURNING t.partition, d.beyond
), told AS (
    INSERT INTO tidelock.forgotten AS f (name, partition, before_offset)
    SELECT {name}, g.partition, max(g.beyond) FROM gone AS g GROUP BY g.partition
    ON CONFLICT (name, partition) DO UPDATE SET before_offset = greatest(f.before_offset, excluded.before_offset)
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old), {o_place} FROM old AS o ORDER BY {o_newest} LIMIT 1
"""
_BEHIND: Final[LiteralString] = "AND o.{over} >= %(p0)s AND ({o_place}) > ({given})"

_ENDED: Final[LiteralString] = "SELECT {o_key}, o.to_offset AS beyond FROM old AS o"

_FOLLOWED: Final[LiteralString] = """
    SELECT {o_key}, n.{offset} AS beyond FROM old AS o CROSS JOIN LATERAL (
        SELECT x.{offset} FROM {table} AS x
        WHERE x.partition = o.partition AND {same} AND x.{over} <= %(before_ms)s AND ({x_order}) > ({o_order}) {told}
        ORDER BY {x_order} LIMIT 1
    ) AS n
"""
_TOLD_AGAIN: Final[LiteralString] = "AND (o.{carried} IS NULL OR x.{carried} IS NOT NULL {or_ended})"
_IS_NO_MORE: Final[LiteralString] = """
    UNION ALL
    SELECT {o_key}, o.{offset} FROM old AS o
    WHERE o.{what} = {ended} AND NOT EXISTS (
        SELECT FROM {table} AS x WHERE x.partition = o.partition AND {same} AND ({x_order}) < ({o_order})
    )
"""

_KEYFRAMED: Final[LiteralString] = """
    SELECT {o_key}, greatest(o.to_offset, h.from_offset, h.last_offset) AS beyond
    FROM old AS o LEFT JOIN (
        SELECT n.*, a.from_event, a.from_offset, s.*
        FROM (SELECT DISTINCT o.partition, {o_of} FROM old AS o) AS n
        CROSS JOIN LATERAL (
            SELECT x.from_event, x.from_ms, x.from_offset, x.keyframe FROM {table} AS x
            WHERE x.partition = n.partition AND {same_n} AND x.from_ms <= %(before_ms)s
                AND (x.keyframe IS NOT NULL OR x.spell = 1)
            ORDER BY x.from_ms DESC, x.from_event DESC LIMIT 1
        ) AS a
        CROSS JOIN LATERAL (
            SELECT bool_or(k.to_ms IS NULL OR k.to_ms > %(before_ms)s) AS stands,
                max(k.to_event) FILTER (WHERE k.to_ms <= %(before_ms)s) AS last_event,
                max(k.to_offset) FILTER (WHERE k.to_ms <= %(before_ms)s) AS last_offset,
                coalesce((
                    SELECT x.spell > 1 FROM {table} AS x
                    WHERE x.partition = n.partition AND {same_n} AND x.from_ms > %(before_ms)s
                    ORDER BY x.from_ms, x.from_event LIMIT 1
                ), bool_or(k.to_ms <= %(before_ms)s AND k.{lingers} > 0)) AS goes_on
            FROM (
                SELECT x.to_event, x.to_offset, x.to_ms, x.{lingers} FROM {table} AS x
                WHERE x.partition = n.partition AND {same_n} AND x.from_ms BETWEEN a.from_ms AND %(before_ms)s
                    AND x.from_event >= a.from_event
                UNION ALL
                SELECT x.to_event, x.to_offset, x.to_ms, x.{lingers} FROM unnest(a.keyframe) AS e (event)
                JOIN {table} AS x ON x.partition = n.partition AND x.from_event = e.event
                WHERE e.event < a.from_event
            ) AS k
        ) AS s
    ) AS h ON h.partition = o.partition AND {same_h}
    WHERE NOT coalesce((h.stands OR h.goes_on) AND (o.from_event = h.from_event OR o.to_event = h.last_event), false)
"""


@lru_cache(maxsize=256)
def forgetting(table: Table, schema: str, *, begins: bool) -> bytes:
    """Return the statement for the oldest rows, or, if it does not begin, for those behind `p0`, `p1` ...: a place."""
    assert table.forgets is not None, f"rows of {table.name} stay"
    over, key = table.forgets.over_ms, table.columns[: table.key]
    parts = {
        "table": named(table.name, schema), "name": sql.Literal(table.name), "over": sql.Identifier(over),
        "o_key": _of("o", key), "o_place": _of("o", place(table)),
        "o_newest": sql.SQL(", ").join([_of("o", (each,)) + sql.SQL(" DESC") for each in place(table)]),
        "same_row": _same("t", "d", key),
        "given": sql.SQL(", ").join([sql.Placeholder(f"p{each}") for each in range(1 + len(key))]),
    }  # fmt: skip
    behind = sql.SQL("") if begins else sql.SQL(_BEHIND).format(**parts)
    return sql.SQL(_FRAME).format(**parts, behind=behind, way=_way(table.forgets, parts)).as_bytes()


def place(table: Table) -> tuple[str, ...]:
    """Return the columns that order rows by their age."""
    assert table.forgets is not None, f"rows of {table.name} stay"
    return (table.forgets.over_ms, *table.columns[: table.key])


def _way(way: Forgets, parts: dict[str, sql.Composable]) -> sql.Composable:
    match way:
        case Ended():
            return sql.SQL(_ENDED).format(**parts)
        case Keyframed():
            return sql.SQL(_KEYFRAMED).format(
                **parts,
                lingers=sql.Identifier(way.lingers),
                o_of=_of("o", way.of),
                same_n=_same("x", "n", way.of),
                same_h=_same("h", "o", way.of),
            )
        case Followed():
            return _followed(way, parts)


def _followed(way: Followed, parts: dict[str, sql.Composable]) -> sql.Composable:
    parts = parts | {
        "offset": sql.Identifier(way.offset), "same": _same("x", "o", way.of),
        "x_order": _of("x", way.order), "o_order": _of("o", way.order), "told": sql.SQL(""),
    }  # fmt: skip
    or_ended: sql.Composable = sql.SQL("")
    if way.ended is not None:
        parts |= {"what": sql.Identifier(way.ended[0]), "ended": sql.Literal(way.ended[1])}
        or_ended = sql.SQL("OR x.{what} = {ended}").format(**parts)
    if way.carried is not None:
        carried = sql.Identifier(way.carried)
        parts["told"] = sql.SQL(_TOLD_AGAIN).format(carried=carried, or_ended=or_ended)
    found = sql.SQL(_FOLLOWED).format(**parts)
    return found if way.ended is None else found + sql.SQL(_IS_NO_MORE).format(**parts)


def _of(one: str, columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join([sql.Identifier(one, column) for column in columns])


def _same(one: str, other: str, columns: tuple[str, ...]) -> sql.Composed:
    same = sql.SQL("{} = {}")
    return sql.SQL(" AND ").join(
        [same.format(sql.Identifier(one, column), sql.Identifier(other, column)) for column in columns]
    )
