"""Questions that meet a server's passing troubles: asked again a few times, and not for long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from storage.postgres import asking
from storage.postgres.asking import TRIES, Asking
from streams.projections.reads import ReadsUnavailable, ReadTooSlow

PASSING = [errors.DeadlockDetected, errors.SerializationFailure, errors.AdminShutdown, psycopg.InterfaceError]


class Failing:
    """A pool, and its one connection and cursor, that fails so many times by the same error."""

    def __init__(self, error: type[Exception], times: int) -> None:
        self.error, self.left = error, times

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Failing]:
        yield self

    def cursor(self, binary: bool) -> Failing:
        return self

    async def execute(self, statement: str, given: Any) -> None:
        if self.left:
            self.left -= 1
            raise self.error("something passing")

    async def fetchall(self) -> list[Any]:
        return [("a row",)]


def asked(error: type[Exception], times: int) -> Asking:
    return Asking(cast("Any", Failing(error, times)), "locks")


@pytest.mark.parametrize("error", PASSING)
async def test_what_passes_is_asked_again_and_answered(error: type[Exception]) -> None:
    one = asked(error, TRIES - 1)
    assert await one.rows("SELECT 1", {}) == [("a row",)]
    assert one.statements == TRIES


@pytest.mark.parametrize("error", PASSING)
async def test_what_does_not_pass_is_given_up(error: type[Exception]) -> None:
    one = asked(error, TRIES)
    with pytest.raises(ReadsUnavailable, match="something passing"):
        await one.rows("SELECT 1", {})
    assert one.statements == TRIES


@pytest.mark.parametrize("error", PASSING)
async def test_nobody_asks_again_after_a_long_time(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AGAIN_S", -1.0)
    one = asked(error, 1)
    with pytest.raises(ReadsUnavailable):
        await one.rows("SELECT 1", {})
    assert one.statements == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.QueryCanceled, ReadTooSlow),
        (PoolTimeout, ReadsUnavailable),
        (errors.UndefinedTable, ReadsUnavailable),
    ],
)
async def test_what_would_be_the_same_again_is_told_at_once(
    error: type[Exception], told: type[Exception]
) -> None:
    one = asked(error, 1)
    with pytest.raises(told):
        await one.rows("SELECT 1", {})
    assert one.statements == 1
