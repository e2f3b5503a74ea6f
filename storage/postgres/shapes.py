"""Whether tables of the database have the columns and keys that a release names, and what of two builds is alike."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, LiteralString

from storage.postgres.built import Cursor
from storage.postgres.released import released
from storage.postgres.statements import SCHEMA
from streams.domain.value import value
from streams.projections.build_errors import TablesUnfit
from streams.projections.builds import Build, tables_of
from streams.projections.projection import Projection
from streams.projections.table import Table

_SHAPES: Final[LiteralString] = """
SELECT c.relname,
    array_agg(a.attname::text ORDER BY a.attnum),
    coalesce(array_agg(a.attname::text) FILTER (
        WHERE a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = ''), '{}'),
    coalesce((SELECT array_agg(k.attname::text) FROM pg_index AS i
        JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary), '{}')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = %s AND c.relname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.oid, c.relname
"""

_APPLIED: Final = "SELECT number FROM tidelock.migrations"


@value
class _Shape:
    columns: tuple[str, ...]
    required: frozenset[str]
    """Those that a row must have."""
    key: frozenset[str]


async def require_fit(cursor: Cursor, projection: Projection, live: Build) -> None:
    """See that tables like the live ones take the rows of the projection's version. Raises `TablesUnfit`.

    No release says the types of its columns but in its migrations, so they fit if those are applied.
    """
    shapes = await _shapes(cursor, projection.tables, SCHEMA)
    wrong = await _not_applied(cursor)
    wrong += [why for table in projection.tables for why in _unfit(table, shapes.get(table.name))]
    if wrong:
        raise TablesUnfit(projection.name, live.version, projection.version, wrong)


async def alike(
    cursor: Cursor, projection: Projection, builds: Sequence[Build], schema: str
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """Return what the live tables and those in `schema` have in common, and what is left out of a comparison."""
    tables = projection.tables
    live, beside = await _shapes(cursor, tables, SCHEMA), await _shapes(cursor, tables, schema)
    others_only = tables_of(projection, builds)[len(tables) :]
    common, left_out = list[Table](), [f"{name}.*" for name in others_only]
    for table in tables:
        ours, theirs = _columns(live, table), _columns(beside, table)
        shared = [column for column in table.columns if column in ours and column in theirs]
        if table.columns[: table.key] == tuple(shared[: table.key]):
            common.append(replace(table, columns=tuple(shared)))
        else:
            shared = []
        others = dict.fromkeys((*table.columns, *ours, *theirs))
        left_out += [f"{table.name}.{column}" for column in others if column not in shared]
    return tuple(common), tuple(left_out)


async def _not_applied(cursor: Cursor) -> list[str]:
    await cursor.execute(_APPLIED)
    applied = {number for (number,) in await cursor.fetchall()}
    return [f"migration {each.name} is not applied" for each in released() if each.number not in applied]


def _unfit(table: Table, shape: _Shape | None) -> list[str]:
    if shape is None:
        return [f"there is no {table.name}"]
    wrong = [f"{table.name} lacks {column}" for column in table.columns if column not in shape.columns]
    wrong += [f"{table.name} wants {column}" for column in sorted(shape.required - set(table.columns))]
    if shape.key != {*table.columns[: table.key], *([] if table.aged is None else [table.aged])}:
        wrong.append(f"{table.name} has the key ({', '.join(sorted(shape.key))})")
    return wrong


async def _shapes(cursor: Cursor, tables: Collection[Table], schema: str) -> Mapping[str, _Shape]:
    await cursor.execute(_SHAPES, (schema, [table.name for table in tables]))
    return {
        name: _Shape(tuple(columns), frozenset(required), frozenset(key))
        for name, columns, required, key in await cursor.fetchall()
    }


def _columns(shapes: Mapping[str, _Shape], table: Table) -> tuple[str, ...]:
    shape = shapes.get(table.name)
    return () if shape is None else shape.columns
