"""What PostgreSQL's errors mean: which are waited for, and which are a row's fault."""

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from storage.postgres.errors import translated
from streams.projections.ports import RowRefused, SinkUnavailable

WAITED_FOR = {
    "08006": "the connection broke",
    "25006": "a standby: read-only",
    "40001": "a serialization failure",
    "40P01": "a deadlock",
    "53100": "the disk is full",
    "53200": "out of memory",
    "53300": "too many connections",
    "55P03": "a lock was not got in time",
    "57014": "a statement took too long",
    "57P01": "the server shuts down",
    "57P03": "the server starts",
    "58030": "the disk fails",
    "42501": "no right to the table",
    "XX000": "a bug of the server",
}
REFUSED = {
    "22003": "a number out of range",
    "22021": "text that is none",
    "22P02": "JSON that is none",
    "22P05": "JSON with a NUL",
    "23502": "no value where there must be one",
    "23505": "a key that is there",
    "54000": "a key too long for its index",
}


@pytest.mark.parametrize("state", WAITED_FOR, ids=WAITED_FOR.get)
def test_what_is_the_servers_state_is_waited_for(state: str) -> None:
    with pytest.raises(SinkUnavailable, match="write of x"), translated("write of x"):
        raise errors.lookup(state)("words")


@pytest.mark.parametrize("state", REFUSED, ids=REFUSED.get)
def test_what_is_the_rows_fault_is_refused(state: str) -> None:
    with pytest.raises(RowRefused, match=r"write of x: .*words \(" + state), translated("write of x"):
        raise errors.lookup(state)("words\nmore words")


@pytest.mark.parametrize(
    "error",
    [psycopg.OperationalError("gone"), psycopg.InterfaceError("closed"), PoolTimeout("none"), OSError("x")],
)
def test_what_has_no_state_is_waited_for(error: Exception) -> None:
    with pytest.raises(SinkUnavailable) as caught, translated("write of x"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("state", ["42P01", "42703", "3F000"])
def test_a_table_that_is_not_there_comes_with_the_cure(state: str) -> None:
    with pytest.raises(SinkUnavailable, match="run this release's migrations"), translated("write of x"):
        raise errors.lookup(state)("no such thing")


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), translated("write of x"):
        raise ZeroDivisionError
