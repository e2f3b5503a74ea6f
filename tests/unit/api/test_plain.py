"""Plain selections at once, or field by field: the answers and the errors are the same."""

from dataclasses import replace
from typing import Any

import pytest
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.plain import REMEMBERED, PlainExecutor, Plans
from streams.projections.locks.reads import LockRow
from tests.unit.api.world import MemoryReads, World, holder, locked, waiter

LOCKS = [locked("a", waiting=(8,)), locked("b", 1), locked("c", 2)]
QUERIES = (
    "{ locks(first: 2) { nodes { name mode holderCount token since } } }",
    "{ locks(first: 2) { edges { cursor node { n: name holders { client transaction { id } } } } asOf { time } } }",
    "{ locks(first: 2) { __typename nodes { __typename kind: __typename asOf { __typename positions } } } }",
    "{ locks(first: 2) { pageInfo { hasNextPage startCursor } pageInfo { endCursor } nodes { name name } } }",
    "{ locks(first: 2) { nodes { ...f } } } fragment f on Lock { name ... on Lock { mode } ... { token } }",
    "query ($no: Boolean = false) { locks(first: 2) { nodes { name @include(if: $no) mode @skip(if: $no) } } }",
    "query ($no: Boolean = false) { locks(first: 2) { nodes { name ... @include(if: $no) { mode } } } }",
    "{ locks(first: 2) { nodes { name waiters { ticket lock { name } } } } }",
    "{ waitsFor(first: 2) { nodes { waiter { ticket } blockers { ... on LockHolder { token } __typename } } } }",
    '{ x: lock(name: "a") { delayUntilLeaseMs } y: lock(name: "zz") { token since position holders { token } } }',
    "{ partitions { partition position end lag } }",
)
BROKEN: tuple[tuple[str, Any], ...] = (
    ("name", None),
    ("name", 7),
    ("mode", "STRANGE"),
    ("mode", None),
    ("holder_count", 2**40),
    ("holder_count", True),
    ("holder_count", "1"),
    ("held", "no json"),
    ("held", (replace(holder(), mode="FREE"),)),
    ("held", (None,)),
    ("since_ms", "yesterday"),
    ("since_ms", 10**18),
)


class FieldByField(PlainExecutor):
    """GraphQL's own way."""

    def complete_object_value(self, *given: Any) -> Any:
        return StrawberryGraphQLCoreExecutionContext.complete_object_value(self, *given)


async def _both(reads: MemoryReads, query: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    answers = []
    for executor in (PlainExecutor, FieldByField):
        monkeypatch.setattr("api.schema.PlainExecutor", executor)
        answer = (await World(reads).post({"query": query})).json()
        for error in answer.get("errors", ()):
            error["message"] = error["extensions"]["id"] = ""  # of a defect: its number
        answers.append(answer)
    return answers


@pytest.mark.parametrize("query", QUERIES)
async def test_answers_are_the_same(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, by_field = await _both(MemoryReads(LOCKS, [waiter("a")]), query, monkeypatch)
    assert at_once == by_field
    assert "errors" not in by_field


@pytest.mark.parametrize(("field", "value"), BROKEN)
async def test_rows_that_are_not_as_they_should_be_make_the_same_errors(
    field: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row: LockRow = replace(locked("a"), **{field: value})
    reads = MemoryReads([locked("0")])
    reads.rows.append(row)
    query = (
        "{ locks(first: 5) { nodes { name mode holderCount since holders { mode token } } asOf { time } } }"
    )
    at_once, by_field = await _both(reads, query, monkeypatch)
    assert at_once == by_field


async def test_what_is_plain_is_not_completed_field_by_field(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = list[str]()
    long_way = StrawberryGraphQLCoreExecutionContext.complete_object_value

    def noted(self: Any, kind: Any, *rest: Any) -> Any:
        taken.append(kind.name)
        return long_way(self, kind, *rest)

    monkeypatch.setattr(StrawberryGraphQLCoreExecutionContext, "complete_object_value", noted)
    world = World(MemoryReads(LOCKS, [waiter("a")]))
    await world.ask(QUERIES[1])
    assert taken == []
    await world.ask(
        "{ waitsFor(first: 2) { nodes { blockers { ... on LockHolder { token } __typename } } } }"
    )
    assert taken == []
    await world.ask(QUERIES[7])
    assert "Lock" in taken


def test_plans_are_of_one_operation_and_not_kept_for_ever() -> None:
    plans, operations = Plans(), [object() for _ in range(REMEMBERED + 1)]
    first = plans.of(operations[0])
    first[1, "Lock"] = None
    assert plans.of(operations[0]) is first
    assert not plans.of(operations[0], (("full", True),))
    assert not plans.of(operations[1])
    for operation in operations:
        plans.of(operation)
    assert not plans.of(operations[0])
