"""`audit` of every kind, over read models in memory."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streams.domain.caches.commands import WriteBack
from streams.domain.decider import Rejected
from streams.log.positions import PartitionId
from streams.projections.reads import AuditRow
from tests.unit.api.cache_world import cache_world
from tests.unit.api.node_world import node_world
from tests.unit.api.queue_world import queue_world
from tests.unit.api.world import MemoryReads, World
from tests.unit.projections.caches import spec as caches
from tests.unit.projections.nodes import spec as nodes
from tests.unit.projections.queues import spec as queues

PAGE = """query ($kind: String!, $first: Int!, $after: String) { audit(kind: $kind, first: $first, after: $after) {
    nodes { kind name command accepted position index lock { mode } } pageInfo { endCursor hasNextPage }
    asOf { positions } } }"""


async def _queues() -> World:
    did, at = queues.did, queues.at
    refused = did(reply=Rejected("QUEUE_FULL", "no room"))
    return (await queue_world(at(1_000, did(queues.created())), at(2_000, did(queues.enqueued(1)), refused)))[
        0
    ]


async def _caches() -> World:
    told = caches.Told().joins("a")
    told.asks(WriteBack(caches.NAME, 0, "x", told.of("a"), 1, b"late", "INVALID"), "a")
    return (await cache_world(told.at(2_000))).api


async def _nodes() -> World:
    did, at = nodes.did, queues.at
    made = at(1_000, did(nodes.registered()))
    return (await node_world(made, at(2_000, did(), did(reply=Rejected("NODE_UNKNOWN", "gone")))))[0]


MADE = {"queues": _queues, "caches": _caches, "nodes": _nodes}


@pytest.fixture(params=list(MADE))
async def told(request: pytest.FixtureRequest) -> tuple[str, World]:
    make: Callable[[], Awaitable[World]] = MADE[request.param]
    return request.param, await make()


async def test_the_decisions_of_a_kind_come_newest_first_page_by_page(told: tuple[str, World]) -> None:
    kind, world = told
    seen, after = list[dict[str, Any]](), None
    for has_next in (True, True, False):
        page = (await world.ask(PAGE, kind=kind, first=1, after=after))["audit"]
        assert page["pageInfo"]["hasNextPage"] == has_next
        after = page["pageInfo"]["endCursor"]
        seen += page["nodes"]
    assert [(one["accepted"], one["index"]) for one in seen] == [(False, 1), (True, 0), (True, 0)]
    assert {one["kind"] for one in seen} == {kind}
    assert [one["position"].partition("/")[0] for one in seen] == [kind] * 3
    assert [one["lock"] for one in seen] == [None] * 3


async def test_a_filter_narrows_any_kind(told: tuple[str, World]) -> None:
    kind, world = told
    query = """query ($kind: String!, $only: AuditFilterInput!) {
        audit(kind: $kind, first: 9, filter: $only) { nodes { accepted name } } }"""
    (refused,) = (await world.ask(query, kind=kind, only={"accepted": False}))["audit"]["nodes"]
    named = (await world.ask(query, kind=kind, only={"name": refused["name"]}))["audit"]["nodes"]
    assert len(named) == 3
    assert not (await world.ask(query, kind=kind, only={"name": "another"}))["audit"]["nodes"]


async def test_not_before_is_a_position_of_the_kind_and_its_audit_is_waited_for(
    told: tuple[str, World],
) -> None:
    kind, world = told
    query = """query ($kind: String!, $position: Position!) {
        audit(kind: $kind, first: 1, notBefore: $position) { nodes { name } } }"""
    asked = list[str]()
    reach = world.progress.reach

    async def noted(projection: str, where: PartitionId, next_offset: int, within_s: float) -> bool:
        asked.append(projection)
        return await reach(projection, where, next_offset, within_s)

    world.progress.reach = noted  # type: ignore[method-assign]
    assert (await world.ask(query, kind=kind, position=f"{kind}/0@1"))["audit"]["nodes"]
    assert asked == [{"queues": "queue_audit", "caches": "cache_audit", "nodes": "node_audit"}[kind]]
    assert (await world.refused(query, kind=kind, position="locks/0@1"))["code"] == "POSITION_INVALID"


async def test_a_cursor_of_another_kind_is_refused(told: tuple[str, World]) -> None:
    kind, world = told
    cursor = (await world.ask(PAGE, kind=kind, first=1))["audit"]["pageInfo"]["endCursor"]
    assert (await world.refused(PAGE, kind="locks", first=1, after=cursor))["code"] == "CURSOR_INVALID"


async def test_a_kind_that_nobody_knows_and_one_that_this_node_does_not_are_told() -> None:
    for kind in ("queue", "", "queues"):
        assert (await World().refused(PAGE, kind=kind, first=1))["code"] == "KIND_UNKNOWN"


async def test_of_locks_each_decision_tells_its_lock_and_locks_are_what_is_meant() -> None:
    reads = MemoryReads()
    reads.decisions = [
        AuditRow(
            "locks", 0, 6, 0, "a", "AcquireLock", "p", "c", "h", 2, "DIRECT", True, "", None, "", 7_000, 9
        )
    ]
    found = await World(reads).ask("{ audit(first: 1) { nodes { kind lock { mode } } } }")
    assert found["audit"]["nodes"] == [{"kind": "locks", "lock": {"mode": "FREE"}}]
