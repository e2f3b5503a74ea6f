"""How PostgreSQL answers what the API asks, in a database with many rows: by its indexes, and from few rows."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio
from psycopg import AsyncConnection, sql

from storage.postgres.asking import Asking
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS
from tests.contract.sinks.conftest import postgres_for_tests
from tests.contract.sinks.crowd import fill
from tests.contract.sinks.questions import QUESTIONS, Question

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

FEW: Final = 1_000
"""A table of so many rows may be read from end to end."""
READ: Final = 1_500
"""A page of twenty may look at so many rows."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncConnection]:
    async with (
        postgres_for_tests(tmp_path_factory.mktemp("postgres")) as stack,
        pool(str(stack.addresses.postgres), replace(SETTINGS, statement_ms=60_000)) as connections,
        connections.connection() as connection,
    ):
        await fill(connection)
        yield connection


class Asked(Exception):
    """What a question is to PostgreSQL."""

    def __init__(self, statement: str, given: Mapping[str, Any]) -> None:
        self.statement, self.given = statement, given


async def asked(question: Question, monkeypatch: pytest.MonkeyPatch) -> Asked:
    async def rows(asking: Asking, statement: str, given: Mapping[str, Any]) -> list[Any]:
        raise Asked(statement, {"kind": "locks", **given})

    monkeypatch.setattr(Asking, "rows", rows)
    try:
        await question()
    except Asked as found:
        return found
    raise AssertionError("it asks nothing")


async def plan(connection: AsyncConnection, what: Asked) -> dict[str, Any]:
    """Return how the statement was carried out, planned without a look at its parameters as the API's are."""
    places: list[str] = []

    def placed(found: re.Match[str]) -> str:
        if found[1] not in places:
            places.append(found[1])
        return f"${places.index(found[1]) + 1}"

    text = re.sub(r"%\((\w+)\)s", placed, what.statement).replace("%%", "%")
    values = [what.given[place] for place in places]
    kinds = ", ".join(["bigint" if type(each) is int else "unknown" for each in values])
    await connection.execute(f"PREPARE asked ({kinds}) AS {text}".encode())
    try:
        given = sql.SQL(", ").join(map(sql.Literal, values))
        explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ({})").format(given)
        ((told,),) = await (await connection.execute(explain)).fetchall()
    finally:
        await connection.execute("DEALLOCATE asked")
    found: dict[str, Any] = json.loads(told)[0]["Plan"]
    return found


def scans(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every node of a plan that reads a table."""
    if "Relation Name" in node or node["Node Type"] == "Bitmap Index Scan":
        yield node
    for each in node.get("Plans", ()):
        yield from scans(each)


def read(scan: Mapping[str, Any]) -> int:
    """Return how many rows it looked at."""
    looked = (
        scan["Actual Rows"]
        + scan.get("Rows Removed by Filter", 0)
        + scan.get("Rows Removed by Index Recheck", 0)
    )
    return int(looked * scan["Actual Loops"])


@pytest.mark.parametrize("name", QUESTIONS)
async def test_no_question_reads_a_table_from_end_to_end(
    crowd: AsyncConnection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = await asked(QUESTIONS[name], monkeypatch)
    found = list(scans(await plan(crowd, what)))
    whole = [scan["Relation Name"] for scan in found if scan["Node Type"] == "Seq Scan" and read(scan) > FEW]
    assert not whole
    looked = [(scan.get("Relation Name") or scan["Index Name"], read(scan)) for scan in found]
    assert sum(rows for _, rows in looked) <= READ, looked
