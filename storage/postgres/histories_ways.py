"""The ways of `streams.projections.forgetting` in SQL: which of the rows `old` of a table go (`histories_sql`).

Spells have the columns of `streams.projections.locks.tables.LOCK_HISTORY`, members those of
`nodes.tables.INSTANCE_HISTORY`, blocks those of `queues.tables.MESSAGE_HISTORY`.
"""

from typing import Final, LiteralString

from psycopg import sql

from storage.postgres.statements import named
from streams.projections.forgetting import Blocked, Ended, Followed, Happened, Keyframed, Rostered
from streams.projections.table import Table

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

_HAPPENED: Final[LiteralString] = "SELECT {o_key}, o.{offset} AS beyond FROM old AS o"

_ROSTERED: Final[LiteralString] = """
    SELECT {o_key}, greatest(o.{offset}, CASE WHEN h.stands THEN h.anchor_offset ELSE h.last_offset END) AS beyond
    FROM old AS o LEFT JOIN (
        SELECT n.*, a.event, a.part, a.anchor_offset, a.keyframe, s.*
        FROM (SELECT DISTINCT o.partition, {o_of} FROM old AS o) AS n
        CROSS JOIN LATERAL (
            SELECT x.event, x.part, x.{over}, x.{offset} AS anchor_offset, x.keyframe FROM {table} AS x
            WHERE x.partition = n.partition AND {same_n} AND x.{over} <= %(before_ms)s
                AND (x.keyframe IS NOT NULL OR x.spell = 1)
            ORDER BY x.{over} DESC, x.{offset} DESC, x.event DESC, x.part DESC LIMIT 1
        ) AS a
        CROSS JOIN LATERAL (
            SELECT bool_or(m.{left} <> {gone}) AS stands, max(m.{offset}) AS last_offset
            FROM (
                SELECT DISTINCT ON (k.{member}) k.{left}, k.{offset}
                FROM (
                    SELECT x.event, x.part, x.{member}, x.{left}, x.{offset} FROM {table} AS x
                    WHERE x.partition = n.partition AND {same_n} AND x.{over} BETWEEN a.{over} AND %(before_ms)s
                        AND (x.event, x.part) >= (a.event, a.part)
                    UNION ALL
                    SELECT x.event, x.part, x.{member}, x.{left}, x.{offset} FROM unnest(a.keyframe) AS e (event)
                    JOIN {table} AS x ON x.partition = n.partition AND x.event = e.event AND x.part = 0
                    WHERE (e.event, 0::bigint) < (a.event, a.part)
                ) AS k
                ORDER BY k.{member}, k.event DESC, k.part DESC
            ) AS m
        ) AS s
    ) AS h ON h.partition = o.partition AND {same_h}
    WHERE NOT coalesce(
        h.stands AND ((o.event, o.part) >= (h.event, h.part) OR (o.part = 0 AND o.event = ANY (h.keyframe))), false
    )
"""

_PAGE: Final[LiteralString] = "old AS NOT MATERIALIZED (SELECT * FROM page)"
# rows of a block are found by key alone: by the index of their times, all rows would be looked at for each block
_FEW_BLOCKS: Final[LiteralString] = """newest AS MATERIALIZED (
    SELECT {o_place}, row_number() OVER (ORDER BY {o_place}) AS nth
    FROM (SELECT DISTINCT p.partition, p.incarnation, p.block FROM page AS p WHERE p.block <> {every}) AS b
    CROSS JOIN LATERAL (
        SELECT x.event, x.part FROM {table} AS x WHERE {same_b}
        ORDER BY x.event DESC, x.part DESC LIMIT 1
    ) AS last
    JOIN page AS o ON o.partition = b.partition AND o.incarnation = b.incarnation AND o.block = b.block
        AND o.event = last.event AND o.part = last.part
), counted (nth, rows) AS (
    SELECT 0::bigint, 0::bigint
    UNION ALL
    SELECT b.nth, c.rows + own.rows FROM counted AS c JOIN newest AS b ON b.nth = c.nth + 1
    CROSS JOIN LATERAL (SELECT count(*) AS rows FROM {table} AS x WHERE {same_b}) AS own
    WHERE c.rows < %(limit)s
), rest AS MATERIALIZED (
    SELECT n.* FROM newest AS n WHERE n.nth = (SELECT max(c.nth) + 1 FROM counted AS c)
), old AS MATERIALIZED (
    SELECT o.* FROM page AS o LEFT JOIN rest AS n ON true WHERE n.nth IS NULL OR ({o_place}) < ({n_place})
)"""
"""A page that holds the newest rows of many blocks ends before the first block beyond the limit of rows in all."""

_BLOCKED: Final[LiteralString] = """
    SELECT {x_key}, greatest(own.last_offset, ends.last_offset) AS beyond
    FROM (SELECT n.* FROM newest AS n WHERE n.nth <= (SELECT max(c.nth) FROM counted AS c)) AS b
    CROSS JOIN LATERAL (
        SELECT max(x.{over}) AS last_ms, max(x.{offset}) AS last_offset FROM {table} AS x WHERE {same_b}
    ) AS own
    CROSS JOIN LATERAL (
        SELECT max(x.{over}) AS last_ms, max(x.{offset}) AS last_offset FROM {table} AS x WHERE {ends_b}
    ) AS ends
    JOIN {table} AS x ON {same_b}
    WHERE greatest(own.last_ms, ends.last_ms) <= %(before_ms)s AND NOT EXISTS (
        SELECT FROM {there} AS x WHERE x.partition = b.partition AND x.incarnation = b.incarnation
            AND x.number >= b.block * {size} AND x.number < (b.block + 1) * {size}
    )
    UNION ALL
    SELECT {o_key}, o.{offset} FROM old AS o
    WHERE o.block = {every} AND NOT EXISTS (
        SELECT FROM {table} AS x WHERE x.partition = o.partition AND x.incarnation = o.incarnation
            AND x.block BETWEEN o.first_ / {size} AND o.last_ / {size}
    )
"""
_SAME_BLOCK: Final[LiteralString] = (
    "x.partition = b.partition AND x.incarnation = b.incarnation AND x.block = b.block"
)
_ENDS_BLOCK: Final[LiteralString] = (
    "x.partition = b.partition AND x.incarnation = b.incarnation AND x.block = {every}"
    " AND b.block BETWEEN x.first_ / {size} AND x.last_ / {size}"
)


def old(table: Table, parts: dict[str, sql.Composable]) -> sql.Composable:
    """Return what takes the rows `old` from a page: all, or, where whole blocks go along, so many that few rows go."""
    if not isinstance(table.forgets, Blocked):
        return sql.SQL(_PAGE)
    return sql.SQL(_FEW_BLOCKS).format(
        **parts, every=sql.Literal(table.forgets.every), same_b=sql.SQL(_SAME_BLOCK)
    )


def doomed(table: Table, schema: str, parts: dict[str, sql.Composable]) -> sql.Composable:
    """Return what finds rows of the table in `old` that go, by key, and from which offset on nobody misses them."""
    assert table.forgets is not None, f"rows of {table.name} stay"
    way = table.forgets
    match way:
        case Ended():
            return sql.SQL(_ENDED).format(**parts)
        case Happened():
            return sql.SQL(_HAPPENED).format(**parts, offset=sql.Identifier(way.offset))
        case Keyframed():
            return sql.SQL(_KEYFRAMED).format(
                **parts,
                lingers=sql.Identifier(way.lingers),
                o_of=of("o", way.of),
                same_n=same("x", "n", way.of),
                same_h=same("h", "o", way.of),
            )
        case Followed():
            return _followed(way, parts)
        case Rostered():
            return sql.SQL(_ROSTERED).format(
                **parts, offset=sql.Identifier(way.offset), member=sql.Identifier(way.member),
                left=sql.Identifier(way.left[0]), gone=sql.Literal(way.left[1]), o_of=of("o", way.of),
                same_n=same("x", "n", way.of), same_h=same("h", "o", way.of),
            )  # fmt: skip
        case Blocked():
            return _blocked(way, parts, named(way.there, schema), table.columns[: table.key])


def _followed(way: Followed, parts: dict[str, sql.Composable]) -> sql.Composable:
    parts = parts | {
        "offset": sql.Identifier(way.offset), "same": same("x", "o", way.of),
        "x_order": of("x", way.order), "o_order": of("o", way.order), "told": sql.SQL(""),
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


def _blocked(
    way: Blocked, parts: dict[str, sql.Composable], there: sql.Composable, key: tuple[str, ...]
) -> sql.Composable:
    parts = parts | {
        "offset": sql.Identifier(way.offset), "x_key": of("x", key), "there": there,
        "every": sql.Literal(way.every), "size": sql.Literal(way.size),
    }  # fmt: skip
    same_b, ends_b = sql.SQL(_SAME_BLOCK), sql.SQL(_ENDS_BLOCK).format(**parts)
    return sql.SQL(_BLOCKED).format(**parts, same_b=same_b, ends_b=ends_b)


def of(one: str, columns: tuple[str, ...]) -> sql.Composed:
    """Return the columns of one of the tables in a statement."""
    return sql.SQL(", ").join([sql.Identifier(one, column) for column in columns])


def same(one: str, other: str, columns: tuple[str, ...]) -> sql.Composed:
    """Return that these columns are the same."""
    both = sql.SQL("{} = {}")
    return sql.SQL(" AND ").join(
        [both.format(sql.Identifier(one, column), sql.Identifier(other, column)) for column in columns]
    )
