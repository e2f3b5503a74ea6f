"""What PostgreSQL's errors mean to whoever writes or reads rows.

A *refused row* is one that no wait will make fit: its data, or a key that is there already. Everything else is the
server's state, and waited for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from streams.projections.ports import RowRefused, SinkUnavailable

_REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
    UnicodeEncodeError,
)
_NOT_MIGRATED = (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName)
_AWAY = (psycopg.Error, PoolTimeout, PoolClosed, TooManyRequests, OSError)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise `RowRefused` or `SinkUnavailable` for what PostgreSQL says about `what`."""
    try:
        yield
    except _REFUSED as error:
        if lacks_partition(error):
            raise SinkUnavailable(f"{what}: {_words(error)} It is made when this is tried again.") from error
        raise RowRefused(f"{what}: PostgreSQL refuses a row: {_words(error)}") from error
    except _NOT_MIGRATED as error:
        raise SinkUnavailable(
            f"{what}: {_words(error)} The database lacks a migration: run this release's migrations on it."
        ) from error
    except _AWAY as error:
        raise SinkUnavailable(f"{what}: PostgreSQL cannot do it now: {_words(error)}") from error


def lacks_partition(error: Exception) -> bool:
    """Return whether no partition takes the row: a violation of no check that anybody named."""
    return isinstance(error, errors.CheckViolation) and error.diag.constraint_name is None


def _words(error: Exception) -> str:
    """Return the error's first line, with its SQLSTATE if it has one."""
    first = (str(error).splitlines() or [""])[0] or type(error).__name__
    state = getattr(error, "sqlstate", None)
    return f"{first[:500]} ({state})." if state else f"{first[:500]}."
