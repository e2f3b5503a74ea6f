"""What every `NodeReads` answers, in memory and on PostgreSQL: of rows that the fold made and the store wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from storage.memory.nodes import MemoryNodeReads
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS as READ_SETTINGS
from storage.postgres.reads_nodes import PostgresNodeReads
from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.log.positions import PartitionId, Position
from streams.projections.nodes.projections import AUDIT, NODES
from streams.projections.nodes.reads import HistoryPage, NodeFilter, NodeReads, ServiceFilter
from streams.projections.nodes.values import AlarmRow, UnsweptRow
from streams.projections.reads import AuditFilter
from tests.contract.sinks.conftest import Database, MemoryDatabase, empty_database, postgres_for_tests
from tests.contract.sinks.filling import fill
from tests.unit.projections.nodes.spec import (
    BRAKE,
    EVIDENCE,
    SERVICE,
    SETTINGS,
    WHERE,
    WORDS,
    at,
    commits,
    did,
    died,
    due,
    gone,
    left,
    offer,
    registered,
)
from tests.unit.projections.spec import Moment
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


class World:
    """A store, what reads it, and a way to fill it."""

    def __init__(self, database: Database, reads: NodeReads) -> None:
        self.database, self.reads = database, reads

    async def told(self, *moments: Moment, where: PartitionId = WHERE) -> None:
        for projection in (NODES, AUDIT):
            await fill(self.database.store, projection, where, WORDS, commits(*moments))

    async def nodes(
        self, first: int = 9, after: str | None = None, tenant: str = "dev", **wanted: Any
    ) -> list[str]:
        found, _ = await self.reads.nodes(tenant, NodeFilter(**wanted), first, after)
        return [node.name for node in found]

    async def services(self, first: int = 9, after: str | None = None, **wanted: Any) -> list[str]:
        found, _ = await self.reads.services("dev", ServiceFilter(**wanted), first, after)
        return [service.name for service in found]


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest, stack: LocalStack) -> AsyncIterator[World]:
    if request.param == "memory":
        database = MemoryDatabase()
        yield World(database, MemoryNodeReads(database.store))
        return
    async with (
        empty_database(stack) as found,
        pool(str(stack.addresses.postgres), READ_SETTINGS) as connections,
    ):
        yield World(found, PostgresNodeReads(connections))


def position(offset: int) -> Position:
    return Position(WHERE, offset)


LABELS = (c.Label("role", "db"), c.Label("disk", "ssd"))
LIFE = (
    at(1_000, did(registered(labels=LABELS))),  # offset 2, event 1
    at(2_000, due(e.NodeSuspected("n1:1", EVIDENCE))),
    at(3_000, due(died(strikes=3, barred_until=1_030))),
    at(4_000, did(registered(token=4))),
    at(5_000, did(e.NodeDrained("n1:4", "root", "patch"))),
)
OTHERS = (
    at(
        1_000,
        did(registered("n2", 1, LABELS[:1], "z2"), key="dev/n2"),
        did(registered("n3", 2), key="dev/n3"),
    ),
    at(2_000, did(registered("n2", 3), key="acme/n2", tenant="acme"), due(died("n3:2"), key="dev/n3")),
)
OTHER = PartitionId("nodes", 1)


async def test_a_node_is_what_it_said_and_what_became_of_it(world: World) -> None:
    await world.told(*LIFE)
    node, nobody = await world.reads.nodes_by_name("dev", ["n1", "n9"])
    assert nobody is None
    assert node is not None
    assert (node.status, node.session, node.since_ms, node.registered_ms) == ("ALIVE", "n1:4", 4_000, 4_000)
    assert (node.draining, node.drained_by, node.drained_why) == (True, "root", "patch")
    assert (node.strikes, node.barred_ms, node.cause, node.evidence) == (3, 4_000, None, None)
    assert node.unswept == (UnsweptRow("n1:1", "SILENT", 9, 3_000),)
    assert (str(node.position), node.as_of.positions) == ("nodes/0@6", (position(6),))
    assert await world.reads.nodes_by_name("acme", ["n1"]) == [None]


async def test_nodes_are_listed_by_name_and_filtered(world: World) -> None:
    await world.told(*LIFE)
    await world.told(*OTHERS, where=OTHER)
    assert await world.nodes() == ["n1", "n2", "n3"]
    assert await world.nodes(1) == ["n1", "n2"], "one more says that there is a next page"
    assert await world.nodes(after="n1") == ["n2", "n3"]
    assert await world.nodes(tenant="acme") == ["n2"]
    assert await world.nodes(status="ENDED") == ["n3"]
    assert await world.nodes(draining=True) == ["n1"]
    assert await world.nodes(health="CRITICAL") == []
    assert await world.nodes(zone="z2", labels={"role": "db"}) == ["n2"]
    assert await world.nodes(labels={"role": "db", "disk": "ssd"}) == []
    assert await world.nodes(name_prefix="n3") == ["n3"]
    _, when = await world.reads.nodes("dev", NodeFilter(), 9, None)
    assert [str(each) for each in when.positions] == ["nodes/0@6", "nodes/1@3"]


async def test_labels_come_by_name(world: World) -> None:
    await world.told(*LIFE[:1])
    (node,) = await world.reads.nodes_by_name("dev", ["n1"])
    assert node is not None
    assert node.labels == (c.Label("disk", "ssd"), c.Label("role", "db"))


async def test_a_node_as_of_a_position_or_a_time(world: World) -> None:
    await world.told(*LIFE)
    seen = [await world.reads.node_at("dev", "n1", position(offset)) for offset in range(1, 7)]
    assert [None if node is None else node.status for node in seen] == [
        None, "ALIVE", "SUSPECTED", "ENDED", "ALIVE", "ALIVE",
    ]  # fmt: skip
    suspected, ended = seen[2], seen[3]
    assert suspected is not None
    assert ended is not None
    assert (suspected.evidence, suspected.as_of.positions) == (EVIDENCE, (position(3),))
    assert (ended.cause, ended.cause_id, ended.ended_by, ended.ended_ms) == ("SILENT", 9, "", 3_000)
    timed = await world.reads.node_at("dev", "n1", 3_999)
    assert timed is not None
    assert (timed.status, timed.as_of.time_ms) == ("ENDED", 3_999)
    assert await world.reads.node_at("dev", "n1", 999) is None
    assert await world.reads.node_at("dev", "n1", Position(OTHER, 9)) is None
    assert await world.reads.node_at("acme", "n1", 9_999) is None


async def test_a_forgotten_node_is_none_from_then_on(world: World) -> None:
    await world.told(*LIFE[:3], at(9_000, due(e.NodeForgotten())))
    assert await world.nodes() == []
    assert await world.reads.node_at("dev", "n1", 9_000) is None
    before = await world.reads.node_at("dev", "n1", 8_999)
    assert before is not None
    assert before.status == "ENDED"


async def test_a_node_s_history_is_newest_first_and_each_lasts_until_the_next(world: World) -> None:
    swept = e.SessionSwept("n1:1", 9, 8)
    await world.told(*LIFE, at(6_000, did(swept)))
    (found, nothing), when = await world.reads.node_histories(
        "dev", [HistoryPage("n1", 9), HistoryPage("n9", 9)]
    )
    assert nothing == []
    assert [each.what for each in found] == [
        "SWEPT",
        "DRAINED",
        "REGISTERED",
        "DIED",
        "SUSPECTED",
        "REGISTERED",
    ]
    assert (found[0].until, found[0].until_ms) == (None, None)
    assert (found[1].by, found[1].why, found[1].until, found[1].until_ms) == (
        "root",
        "patch",
        position(7),
        6_000,
    )
    assert (found[4].node.status, found[4].node.evidence) == ("SUSPECTED", EVIDENCE)
    assert found[4].node.as_of.positions == (position(3),)
    assert when.positions == (position(7),)
    (page,), _ = await world.reads.node_histories("dev", [HistoryPage("n1", 2)])
    assert page == found[:3]
    after = (page[1].node.changed_offset, page[1].node.event)
    (rest,), _ = await world.reads.node_histories("dev", [HistoryPage("n1", 9, after)])
    assert rest == found[2:]
    assert (await world.reads.node_histories("acme", [HistoryPage("n1", 9)]))[0] == [[]]


async def test_of_events_of_one_commit_the_last_counts(world: World) -> None:
    await world.told(LIFE[0], at(2_000, did(left(cause="REPLACED"), registered(token=3))))
    node = await world.reads.node_at("dev", "n1", position(3))
    assert node is not None
    assert (node.status, node.session) == ("ALIVE", "n1:3")
    (found,), _ = await world.reads.node_histories("dev", [HistoryPage("n1", 9)])
    assert [(each.what, each.node.event, each.until_ms) for each in found] == [
        ("REGISTERED", 3, None), ("LEFT", 2, 2_000), ("REGISTERED", 1, 2_000),
    ]  # fmt: skip


OFFERS = (
    at(1_000, did(offer(1), offer(2, "i2", zone="z2"), key=SERVICE)),  # offset 2
    at(2_000, did(e.InstanceHealthChanged("i2", False, "slow", 3), key=SERVICE)),
    at(3_000, did(offer(4, "i3", session="n2:7", draining=True), key=SERVICE)),
    at(4_000, did(gone(5, "i1", "i2"), key=SERVICE)),
)


async def test_a_service_is_its_instances(world: World) -> None:
    await world.told(*OFFERS[:3])
    service, nothing = await world.reads.services_by_name("dev", ["pay", "none"])
    assert nothing is None
    assert service is not None
    assert (service.version, service.instance_count, service.healthy_count, service.draining_count) == (
        4,
        3,
        2,
        1,
    )
    assert [(one.name, one.node, one.healthy, one.draining, one.reason) for one in service.instances] == [
        ("i1", "n1", True, False, ""), ("i2", "n1", False, False, "slow"), ("i3", "n2", True, True, ""),
    ]  # fmt: skip
    assert (service.since_ms, str(service.position)) == (1_000, "nodes/0@4")


async def test_services_are_listed_by_name_and_filtered(world: World) -> None:
    alone = did(offer(6, "x", draining=True, session="n9:1"), key="dev/service:a")
    await world.told(*OFFERS, at(5_000, alone))
    assert await world.services() == ["a", "pay"]
    assert await world.services(1) == ["a", "pay"]
    assert await world.services(after="a") == ["pay"]
    assert await world.services(name_prefix="p") == ["pay"]
    assert await world.services(healthy=True) == []
    assert await world.services(healthy=False) == ["a", "pay"]
    assert await world.services(node="n2") == ["pay"]
    assert await world.services(node="n") == []


async def test_a_service_as_of_a_position_or_a_time(world: World) -> None:
    await world.told(*OFFERS)
    seen = [await world.reads.service_at("dev", "pay", position(offset)) for offset in range(1, 6)]
    there = [None if one is None else [(each.name, each.healthy) for each in one.instances] for one in seen]
    assert there == [
        None,
        [("i1", True), ("i2", True)],
        [("i1", True), ("i2", False)],
        [("i1", True), ("i2", False), ("i3", True)],
        [("i3", True)],
    ]
    timed = await world.reads.service_at("dev", "pay", 2_500)
    assert timed is not None
    assert (timed.version, timed.instance_count, timed.healthy_count, timed.changed_ms) == (3, 2, 1, 2_000)
    assert await world.reads.service_at("dev", "pay", 999) is None
    assert await world.reads.service_at("acme", "pay", 9_999) is None


async def test_a_service_stands_as_far_as_is_projected_or_was_asked_for(world: World) -> None:
    await world.told(*OFFERS)
    for before, next_offset, names in ((None, 6, ["i3"]), (9, 6, ["i3"]), (4, 4, ["i1", "i2"]), (2, 2, None)):
        stood = await world.reads.service_stood("dev", "pay", WHERE, before)
        there = None if stood.standing is None else sorted(stood.standing.instances)
        assert (stood.next_offset, there) == (next_offset, names)
    nothing = await world.reads.service_stood("dev", "none", OTHER, None)
    assert (nothing.next_offset, nothing.standing) == (0, None)


async def test_a_service_with_a_long_past_is_found_by_keyframes(world: World) -> None:
    """At every position there is what a naive account has."""
    moments, account, there = [], [], dict[str, int]()
    for number in range(1, 301):
        name = f"i{number % 7}"
        if number % 11 == 0 and name in there:
            event: Any = gone(number, name)
            del there[name]
        elif name in there:
            event = e.InstanceUpdated(name, number % 1_000, (), number)
            there[name] = number % 1_000
        else:
            event = offer(number, name)
            there[name] = 100
        moments.append(at(1_000 + number, did(event, key=SERVICE)))
        account.append(dict(there))
    await world.told(*moments)
    for offset, wanted in enumerate(account, 2):
        if offset % 13 == 0 or offset > 290:
            found = await world.reads.service_at("dev", "pay", position(offset))
            assert found is not None
            assert {one.name: one.weight for one in found.instances} == wanted


async def test_many_instances_that_leave_at_once_do_not_hide_the_rest(world: World) -> None:
    names = [f"i{number}" for number in range(100)]
    come = [offer(number, name) for number, name in enumerate(names, 1)]
    await world.told(
        at(1_000, did(*come, key=SERVICE)),
        at(2_000, did(gone(101, *names[:99]), key=SERVICE)),
        at(3_000, did(e.InstanceUpdated("i99", 5, (), 102), key=SERVICE)),
    )
    for offset, weight in ((3, 100), (4, 5)):
        found = await world.reads.service_at("dev", "pay", position(offset))
        assert found is not None
        assert [(one.name, one.weight) for one in found.instances] == [("i99", weight)]


async def test_a_service_s_history_is_newest_first(world: World) -> None:
    await world.told(*OFFERS)
    (found,), when = await world.reads.service_histories("dev", [HistoryPage("pay", 9)])
    assert [(each.instance.name, each.what, each.cause, each.until_ms) for each in found] == [
        ("i2", "LEFT", "SESSION_ENDED", None),
        ("i1", "LEFT", "SESSION_ENDED", None),
        ("i3", "REGISTERED", None, None),
        ("i2", "UNHEALTHY", None, 4_000),
        ("i2", "REGISTERED", None, 2_000),
        ("i1", "REGISTERED", None, 4_000),
    ]
    assert (found[0].why, found[3].until, when.positions) == ("SILENT 9", position(5), (position(5),))
    last = found[0]
    after = (last.instance.changed_offset, last.instance.event, last.part)
    (page,), _ = await world.reads.service_histories("dev", [HistoryPage("pay", 1, after)])
    assert page == found[1:3]


PULL = did(e.MassFailureAlarmed(3, 4, 10_000, "c", 9), e.BrakePulled(10, 5_010, "root", "3 of 4"), key=BRAKE)
BRAKING = (
    at(1_000, PULL),
    at(2_000, did(e.BrakeConfigured(SETTINGS, 60_020), key=BRAKE)),
    at(3_000, due(e.BrakeReleased("", "over", 9), key=BRAKE)),
)


async def test_the_brake_is_one_a_tenant(world: World) -> None:
    nothing, _ = await world.reads.brake("dev")
    assert nothing is None
    await world.told(*BRAKING[:2])
    brake, when = await world.reads.brake("dev")
    assert brake is not None
    assert (brake.pulled, brake.pulled_ms, brake.pulled_by, brake.cause) == (True, 1_000, "root", "3 of 4")
    assert (brake.release_ms, brake.settings) == (62_000, SETTINGS)
    assert brake.alarm == AlarmRow(3, 4, 10_000, "c", 1_000)
    assert (brake.position, brake.as_of) == (position(3), when)
    assert (await world.reads.brake("acme"))[0] is None


async def test_the_brake_as_of_then_and_its_history(world: World) -> None:
    await world.told(*BRAKING)
    seen = [(await world.reads.brake_at("dev", position(offset)))[0] for offset in range(1, 5)]
    assert [one and one.pulled for one in seen] == [None, True, True, False]
    timed, when = await world.reads.brake_at("dev", 2_999)
    assert timed is not None
    assert (timed.pulled, when.time_ms) == (True, 2_999)
    found, _ = await world.reads.brake_history("dev", 9, None)
    assert [(each.what, each.by, each.why, each.until_ms) for each in found] == [
        ("RELEASED", "", "over", None),
        ("CONFIGURED", "dev", "", 3_000),
        ("PULLED", "root", "3 of 4", 2_000),
        ("ALARMED", "dev", "c", 1_000),
    ]
    rest, _ = await world.reads.brake_history(
        "dev", 9, (found[1].brake.changed_offset or 0, found[1].brake.event or 0)
    )
    assert rest == found[2:]


async def test_what_is_stored_is_all_that_the_fold_needs_to_go_on(world: World) -> None:
    """A fold that starts over from the stored rows writes what one that never stopped does."""
    past = commits(*LIFE, *OFFERS, *BRAKING)
    whole = NODES.fold(WHERE, WORDS)
    for accepted in past:
        whole.commit(accepted)
    whole.take()
    await fill(world.database.store, NODES, WHERE, WORDS, past)
    loaded = await world.database.store.load(NODES, WHERE)
    restarted = NODES.fold(WHERE, WORDS)
    for table, rows in loaded.rows.items():
        restarted.restore(table, rows)
    more = commits(
        *LIFE, *OFFERS, *BRAKING,
        at(9_000, did(e.NodeUndrained("n1:4", "root")), did(offer(99, "i9"), key=SERVICE),
           did(e.BrakePulled(1, 0, "root", ""), key=BRAKE)),
    )[-1]  # fmt: skip
    told = []
    for fold in (whole, restarted):
        fold.commit(more)
        changes = fold.take()
        told.append({table.name: dict(changes.rows(table)) for table in NODES.tables})
    assert told[0] == told[1]
    assert told[0]["nodes"]


async def test_the_audit_is_of_nodes(world: World) -> None:
    await world.told(*LIFE)
    found, when = await world.reads.audit("dev", AuditFilter(name="n1", accepted=True), 9, None)
    assert [each.event_names for each in found[:2]] == [("NodeDrained",), ("NodeRegistered",)]
    assert when.positions == (position(6),)
    last = found[0]
    after = (last.at_ms, last.partition, last.offset, last.index)
    rest, _ = await world.reads.audit("dev", AuditFilter(name="n1", accepted=True), 9, after)
    assert rest == found[1:]
    assert not (await world.reads.audit("other", AuditFilter(), 9, None))[0]
    told = await world.reads.projected()
    assert [(each.projection, str(each.stand.position)) for each in told] == [
        ("node_audit", "nodes/0@6"), ("nodes", "nodes/0@6"),
    ]  # fmt: skip
