"""Locks from their hot copy, and when they are not taken from there."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from api.hot.copies import AWAY_S, HotCopies
from api.hot.kinds import Hot
from api.hot.rows import HotRows
from storage.memory.copies import MemoryHotStore
from streams.log.positions import PartitionId
from streams.projections.hot import TIME, HotCopy, HotPlace, hot_copy, hot_key, hot_row
from streams.projections.locks.projections import LOCKS
from streams.projections.ports import Copied, SinkUnavailable
from streams.projections.table import Row
from streams.wire.murmur2 import partition_of
from tests.unit.api.world import PARTITIONS, WHEN, MemoryReads, World, locked, waiter

NAMES = [f"n{number}" for number in range(12)]
FIELDS = "name mode holderCount waiterCount token since changedAt position holders { client token since }"
ONE = f"query ($name: String!) {{ lock(name: $name) {{ {FIELDS} asOf {{ positions time }} }} }}"


class MoodyHotStore(MemoryHotStore):
    """In the mood that it is told to be in; counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: BaseException | None = None
        self.hangs = False
        self.asked: list[Mapping[HotCopy, Sequence[str]]] = []

    async def get(self, asked: Mapping[HotCopy, Sequence[str]]) -> Mapping[HotCopy, Copied]:
        self.asked.append(asked)
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        return await super().get(asked)


class HotWorld(World):
    """An API node whose read model has the locks `NAMES`, with a copy of those and the clock in hand."""

    def __init__(self) -> None:
        rows = [locked(name, place(name), waiting=(8,)) for name in NAMES]
        super().__init__(MemoryReads(rows, [waiter(name, partition=place(name)) for name in NAMES]))
        self.store, self.now = MoodyHotStore(), 1000.0
        copies = HotCopies(self.store, lambda: self.now)
        object.__setattr__(
            self.services, "hot", Hot.of(HotRows(copies, self.progress), {"locks": PARTITIONS})
        )

    async def copied(self, end: int = 10) -> "HotWorld":
        for number in range(PARTITIONS):
            mine = {
                hot_key((number, "dev", name)): hot_row(_row(name)) for name in NAMES if place(name) == number
            }
            await self.store.replace(copy_of(number), HotPlace(end), {TIME: str(1_000_000 + number), **mine})
        return self

    async def lock(self, name: str = "n0") -> Any:
        return (await self.ask(ONE, name=name))["lock"]


def copy_of(partition: int) -> HotCopy:
    return hot_copy(LOCKS, PartitionId("locks", partition))


def place(name: str) -> int:
    return partition_of(f"dev/{name}", PARTITIONS)


def _row(name: str) -> Row:
    holders = (
        '[{"principal":"p","client":"c","handle":"h","sequence":1,"token":7,"mode":"EXCLUSIVE","ttl_ms":30000,'
        '"expires_lease_ms":31000,"lock_delay_ms":0,"transaction":null,"upgrade_sequence":null,"since_offset":3,'
        '"since_ms":5000}]'
    )
    return (place(name), "dev", name, "EXCLUSIVE", 1, 1, None, 7, holders, (8,), 2, 5_000, 3, 5_000)


@pytest.mark.parametrize("name", ["n0", "n1", "nobody/knows"])
async def test_the_copy_tells_what_the_read_model_tells(name: str) -> None:
    world = await HotWorld().copied()
    told = await world.lock(name)
    assert world.reads.asked == []
    where = place(name)
    assert told["asOf"] == {"positions": [f"locks/{where}@9"], "time": f"1970-01-01T00:16:40.{where:03}Z"}
    world.store.copies.clear()
    read = await world.lock(name)
    assert world.reads.asked == ["locks_by_name"]
    assert {**told, "asOf": None} == {**read, "asOf": None}


async def test_of_another_tenant_nothing_is_told() -> None:
    world = await HotWorld().copied()
    hot = world.services.hot
    assert hot is not None
    assert hot.locks is not None
    where = place("n0")
    other = await hot.locks.locks_by_name("other", [(where, "n0")])
    assert other[where, "n0"].mode == "FREE"


async def test_the_locks_of_a_page_are_one_round_trip() -> None:
    world = await HotWorld().copied()
    waits = (await world.ask("{ waitsFor(first: 12) { nodes { waiter { lock { name token } } } } }"))[
        "waitsFor"
    ]
    assert [node["waiter"]["lock"] for node in waits["nodes"]] == [{"name": n, "token": "7"} for n in NAMES]
    assert world.reads.asked == ["waits"]
    (asked,) = world.store.asked
    assert len(asked) == len({place(name) for name in NAMES}) < len(NAMES)


async def test_of_a_partition_whose_copy_is_lost_the_read_model_is_asked_alone() -> None:
    world = await HotWorld().copied()
    lost = place("n0")
    del world.store.copies[copy_of(lost)]
    answer = await world.ask("{ " + " ".join(f'{n}: lock(name: "{n}") {{ token }}' for n in NAMES) + " }")
    assert answer == {name: {"token": "7"} for name in NAMES}
    assert world.reads.asked == ["locks_by_name"]
    assert world.reads.named == [[(lost, name) for name in NAMES if place(name) == lost]]


async def test_a_copy_of_another_version_is_none() -> None:
    world = await HotWorld().copied()
    stands, rows = world.store.copies[copy_of(place("n0"))]
    world.store.copies = {replace(copy_of(place("n0")), version=LOCKS.version + 1): (stands, rows)}
    assert (await world.lock())["token"] == "7"
    assert world.reads.asked == ["locks_by_name"]


async def test_how_often_copies_told_and_why_not_is_counted() -> None:
    world = await HotWorld().copied()
    before = {outcome: counted(outcome) for outcome in ("TAKEN", "BEHIND", "MISSING", "AWAY")}
    await world.lock()
    world.progress.next_offset = 11
    await world.lock()
    world.store.copies.clear()
    await world.lock()
    world.store.fails = SinkUnavailable("away")
    await world.lock()
    assert {outcome: counted(outcome) - had for outcome, had in before.items()} == dict.fromkeys(before, 1)


def counted(outcome: str) -> float:
    labels = {"projection": "locks", "outcome": outcome}
    return REGISTRY.get_sample_value("tidelock_api_hot_reads_total", labels) or 0.0


@pytest.mark.parametrize(
    "query",
    [
        '{ lock(name: "n0") { name waiters { ticket } } }',
        '{ lock(name: "n0") { ...L } } fragment L on Lock { ... on Lock { waiters { ticket } } }',
    ],
)
async def test_with_its_waiters_a_lock_is_read_from_the_read_model(query: str) -> None:
    world = await HotWorld().copied()
    assert (await world.ask(query))["lock"]["waiters"] == [{"ticket": "8"}]
    assert world.reads.asked == ["locks_by_name", "waiters_of"]
    assert world.store.asked == []


async def test_a_copy_behind_the_read_model_is_not_taken() -> None:
    world = await (await HotWorld().copied()).copied(9)
    world.store.copies = {at: (9, rows) for at, (_, rows) in world.store.copies.items()}
    await world.lock()
    assert world.reads.asked == ["locks_by_name"]
    world.progress.next_offset = 9
    await world.lock()
    assert world.reads.asked == ["locks_by_name"]


async def test_a_position_to_be_seen_is_waited_for_and_then_seen() -> None:
    world = await HotWorld().copied(9)
    query = 'query ($p: Position!) { lock(name: "n0", notBefore: $p) { asOf { positions } } }'
    where = f"locks/{place('n0')}"
    assert (await world.ask(query, p=f"{where}@9"))["lock"]["asOf"]["positions"] == [
        str(stand.position) for stand in WHEN.stands
    ]
    world.progress.next_offset = 9
    assert (await world.ask(query, p=f"{where}@8"))["lock"]["asOf"]["positions"] == [f"{where}@8"]
    assert world.reads.asked == ["locks_by_name"]


@pytest.mark.parametrize("broken", [{TIME: ""}, {TIME: None}, {"n0": "[1]"}, {"n0": "no json"}])
async def test_a_copy_that_cannot_be_read_is_none(broken: dict[str, str | None]) -> None:
    world = await HotWorld().copied()
    change = {key if key == TIME else hot_key((0, "dev", key)): text for key, text in broken.items()}
    assert await world.store.apply(copy_of(place("n0")), HotPlace(10), HotPlace(10), change)
    assert (await world.lock())["token"] == "7"
    assert world.reads.asked == ["locks_by_name"]


async def test_a_copy_of_nothing_is_none() -> None:
    world = HotWorld()
    await world.store.replace(copy_of(place("n0")), HotPlace(0), {TIME: "0"})
    world.progress.next_offset = 0
    await world.lock()
    assert world.reads.asked == ["locks_by_name"]


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_a_store_that_is_away_is_left_alone_for_a_moment_and_tried_by_one(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.hot.copies.WITHIN_S", 0.01)
    world = await HotWorld().copied()
    setattr(world.store, how, SinkUnavailable("away") if how == "fails" else True)
    with capture_logs() as logs:
        for _ in range(3):
            assert (await world.lock())["token"] == "7"
        assert len(world.store.asked) == 1
        world.now += AWAY_S
        await asyncio.gather(*[world.lock() for _ in range(5)])
        assert len(world.store.asked) == 2
        setattr(world.store, how, None)
        await world.lock()
        assert len(world.store.asked) == 2
        world.now += AWAY_S
        world.reads.asked.clear()
        await world.lock()
        await world.lock()
    assert world.reads.asked == []
    assert [log["event"][:23] for log in logs] == ["the hot copies are away", "the hot copies are back"]
