"""Values that live in PostgreSQL: rows of a table, or what a query of one's own returns.

    products = PostgresTable(pool, "shop.products", key="sku", value="document")
    cache = client.cache("products", codec=Json(), loader=products, writer=products)

`pool` is a `psycopg_pool.AsyncConnectionPool`, which stays the caller's. Names of entries are parameters, never part of
the statement; names of tables and columns are quoted.

Errors, as the causes of `LoadFailed` and `WriterFailed`: `SourceUnavailable`, `SourceTimedOut`, `SourceRefused`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, TypeAlias

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from tidelock.client.caches.bounded import bounded
from tidelock.client.caches.ports import Loaded
from tidelock.client.errors import BadArgument, SourceRefused, SourceTimedOut, SourceUnavailable

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[Any]]
Statement: TypeAlias = LiteralString | sql.SQL | sql.Composed


def adapted(column: Any) -> Any:
    """Return what psycopg writes: a mapping as JSON, anything else as it is."""
    return Jsonb(column) if isinstance(column, Mapping) else column


class PostgresQuery:
    """A loader that asks `statement`, with the entry's name as `%(entry)s`.

    It returns one row or none: of one column its value, of several a mapping by their names.
    """

    def __init__(
        self, pool: "Pool", statement: Statement, *, ttl: float | None = None, within: float = 5.0
    ) -> None:
        """`ttl`: of entries, in seconds; None: the cache's. `within`: of one load, a connection included, s."""
        self._pool, self._ttl, self._within = pool, ttl, within
        self._statement = sql.SQL(statement) if isinstance(statement, str) else statement

    async def load(self, entry: str) -> Loaded[Any] | None:
        """Return what the query returns for `entry`."""
        what = f"Loading {entry!r:.100} from PostgreSQL"
        with _translated(what):
            return await bounded(self._load(entry), self._within, what)

    async def _load(self, entry: str) -> Loaded[Any] | None:
        async with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(self._statement, {"entry": entry})
            rows = await cursor.fetchmany(2)
            names = [column.name for column in cursor.description or ()]
        if not rows:
            return None
        if len(rows) > 1:
            raise SourceRefused(
                f"The query returns several rows for {entry!r:.100}: aggregate them, or limit it."
            )
        row = rows[0]
        return Loaded(row[0] if len(row) == 1 else dict(zip(names, row, strict=True)), ttl=self._ttl)


class PostgresTable(PostgresQuery):
    """Loader and writer of a table's rows. `key` is the column with the entry's name, primary key or unique.

    `value`: one column, whose content the value is, or several, of which the value is a mapping.
    """

    def __init__(
        self,
        pool: "Pool",
        table: str,
        *,
        key: str,
        value: str | Sequence[str],
        ttl: float | None = None,
        within: float = 5.0,
        adapt: Callable[[Any], Any] = adapted,
    ) -> None:
        """`table`: with or without its schema and a dot. `adapt`: makes of a column's content what psycopg writes."""
        self._columns = (value,) if isinstance(value, str) else tuple(value)
        self._whole = isinstance(value, str)
        if not self._columns or key in self._columns:
            raise BadArgument("value must name at least one column, and not the key")
        named = {
            "table": sql.Identifier(*table.split(".")),
            "key": sql.Identifier(key),
            "columns": _joined("{0}", self._columns),
            "holes": sql.SQL(", ").join([sql.Placeholder()] * len(self._columns)),
            "sets": _joined("{0} = EXCLUDED.{0}", self._columns),
        }
        read = sql.SQL("SELECT {columns} FROM {table} WHERE {key} = %(entry)s").format(**named)
        super().__init__(pool, read, ttl=ttl, within=within)
        self._upsert = sql.SQL(
            "INSERT INTO {table} ({key}, {columns}) VALUES (%s, {holes}) ON CONFLICT ({key}) DO UPDATE SET {sets}"
        ).format(**named)
        self._delete = sql.SQL("DELETE FROM {table} WHERE {key} = %s").format(**named)
        self._adapt = adapt

    async def write(self, entry: str, value: Any) -> None:
        """Make `value` the content of the entry's row; None: delete the row."""
        what = f"Writing {entry!r:.100} to PostgreSQL"
        with _translated(what):
            if value is None:
                await bounded(self._do(self._delete, [entry]), self._within, what)
            else:
                await bounded(self._do(self._upsert, [entry, *self._row(entry, value)]), self._within, what)

    def _row(self, entry: str, value: Any) -> list[Any]:
        if self._whole:
            return [self._adapt(value)]
        if not isinstance(value, Mapping) or set(value) != set(self._columns):
            raise SourceRefused(
                f"The value of {entry!r:.100} is not a mapping of exactly these columns: "
                f"{', '.join(self._columns)}. Put one that is."
            )
        return [self._adapt(value[column]) for column in self._columns]

    async def _do(self, statement: sql.Composed, parameters: Sequence[Any]) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement, parameters)


def _joined(each: LiteralString, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join([sql.SQL(each).format(sql.Identifier(column)) for column in columns])


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise SourceTimedOut(f"{what} was cancelled by the server: {error}") from error
    except (psycopg.OperationalError, OSError) as error:
        if isinstance(error, SourceTimedOut):
            raise
        raise SourceUnavailable(f"{what} failed, try again: {error}") from error
    except psycopg.Error as error:
        raise SourceRefused(
            f"{what} was refused ({error.sqlstate}): {error}. Mend the statement or the value."
        ) from error
