"""Queues, caches and nodes from hot copies: the same as from the read models, and what is asked of which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest

from api.hot.copies import HotCopies
from api.hot.kinds import Hot
from api.hot.rows import HotRows
from storage.memory.caches import MemoryCacheReads
from storage.memory.copies import MemoryHotStore
from storage.memory.nodes import MemoryNodeReads
from storage.memory.projections import MemoryProjectionStore
from storage.memory.queues import MemoryQueueReads
from streams.domain.nodes.commands import Label
from streams.domain.queues.settings import QueueRoute
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.caches.projections import CACHES
from streams.projections.caches.tables import CACHE_SHARDS
from streams.projections.causes import key_of_place
from streams.projections.hot import TIME, HotPlace, hot_copy, hot_key, hot_row
from streams.projections.nodes.projections import NODES
from streams.projections.projection import Projection
from streams.projections.queues.projections import QUEUES
from streams.projections.queues.tables import QUEUE_SHARDS
from streams.projections.reads import AsOf
from streams.projections.table import Changes, Row, Table
from streams.wire.murmur2 import partition_of
from tests.contract.sinks.filling import fill
from tests.contract.sinks.toys import at as checkpoint
from tests.unit.api.cache_world import cache_world
from tests.unit.api.node_world import node_world
from tests.unit.api.queue_world import queue_world
from tests.unit.api.world import MemoryProgress, World
from tests.unit.projections.caches import spec as of_caches
from tests.unit.projections.caches.spec import Told
from tests.unit.projections.nodes import spec as of_nodes
from tests.unit.projections.queues.spec import (
    SETTINGS,
    WHERE,
    WORDS,
    at,
    created,
    delivered,
    did,
    enqueued,
    message,
)
from tests.unit.projections.spec import Moment, commits

PARTITIONS = 4
NEVER = AsOf(())


async def copied(store: MemoryProjectionStore, projection: Projection) -> MemoryHotStore:
    """Return copies as a projector would leave them."""
    hot = MemoryHotStore()
    assert projection.hot is not None
    for where, reached in (await store.positions(projection)).items():
        rows = [row for row in store.rows.get(projection.hot, {}).values() if row[0] == where.partition]
        texts = {hot_key(projection.hot.key_of(row)): hot_row(row) for row in rows}
        await hot.replace(
            hot_copy(projection, where), HotPlace(reached.next_offset), {TIME: str(reached.time_ms), **texts}
        )
    return hot


def over(hot: MemoryHotStore, progress: MemoryProgress | None = None) -> Hot:
    heard = progress or behind()
    return Hot.of(
        HotRows(HotCopies(hot), heard), dict.fromkeys(("locks", "queues", "caches", "nodes"), PARTITIONS)
    )


def behind() -> MemoryProgress:
    """A read model of which nothing was heard yet."""
    progress = MemoryProgress()
    progress.next_offset = 0
    return progress


async def spread(route: QueueRoute, shards: Sequence[int]) -> MemoryProjectionStore:
    """Return the read model of a queue with these shards, each in its partition, and a message in each."""
    one = MemoryProjectionStore()
    told = commits(
        at(1_000, did(created())), at(2_000, did(enqueued(1, message()))), where=WHERE, words=WORDS
    )
    await fill(one, QUEUES, WHERE, WORDS, told)
    (model,) = one.rows[QUEUE_SHARDS].values()
    named = dict(zip(QUEUE_SHARDS.columns, model, strict=True)) | asdict(route)
    rows = []
    for shard in shards:
        partition = partition_of(key_of_place("dev", "orders", shard), PARTITIONS)
        rows.append(tuple({**named, "partition": partition, "shard": shard, "bytes": shard}.values()))
    return await filled(QUEUES, QUEUE_SHARDS, rows)


@pytest.mark.parametrize("shards", [1, 3, 64])
async def test_a_queue_is_told_with_all_shards_of_its_route(shards: int) -> None:
    store = await spread(QueueRoute(1, shards, shards), range(shards))
    hot = over(await copied(store, QUEUES)).queues
    assert hot is not None
    told = await hot.queues_by_name("dev", ["orders", "none"])
    (stored,) = await MemoryQueueReads(store).queues_by_name("dev", ["orders"], whole=False)
    assert stored is not None
    queue = told["orders"]
    assert queue is not None
    assert replace(queue, as_of=NEVER) == replace(stored, as_of=NEVER)
    assert (len(queue.shards), queue.depth.total) == (shards, shards)
    assert set(queue.as_of.stands) <= set(stored.as_of.stands)
    assert {stand.partition for stand in queue.as_of.stands} == {shard.partition for shard in queue.shards}
    assert told["none"] is None
    assert await hot.queues_by_name("acme", ["orders"]) == {"orders": None}


async def test_a_queue_that_is_resized_has_the_shards_of_both_routes() -> None:
    store = await spread(QueueRoute(2, 2, 5), range(5))
    hot = over(await copied(store, QUEUES)).queues
    assert hot is not None
    queue = (await hot.queues_by_name("dev", ["orders"]))["orders"]
    assert queue is not None
    assert [shard.shard for shard in queue.shards] == [0, 1, 2, 3, 4]


async def test_a_queue_one_of_whose_partitions_is_behind_is_not_told() -> None:
    store = await spread(QueueRoute(1, 8, 8), range(8))
    copies = await copied(store, QUEUES)
    home = partition_of("dev/orders", PARTITIONS)
    (other, *_) = {partition_of(key_of_place("dev", "orders", n), PARTITIONS) for n in range(8)} - {home}
    del copies.copies[hot_copy(QUEUES, PartitionId("queues", other))]
    hot = over(copies).queues
    assert hot is not None
    assert await hot.queues_by_name("dev", ["orders", "none"]) == (
        {"none": None} if partition_of("dev/none", PARTITIONS) != other else {}
    )


async def test_a_queue_whose_home_changes_between_two_looks_is_not_told() -> None:
    store = await spread(QueueRoute(1, 3, 3), range(3))
    before, after = (
        await copied(store, QUEUES),
        await copied(await spread(QueueRoute(2, 5, 3), range(5)), QUEUES),
    )

    class Resized(MemoryHotStore):
        async def get(self, asked: Any) -> Any:
            found = await super().get(asked)
            self.copies = after.copies
            return found

    resized = Resized()
    resized.copies = before.copies
    hot = over(resized).queues
    assert hot is not None
    assert await hot.queues_by_name("dev", ["orders"]) == {}


async def test_a_queue_without_its_home_is_none() -> None:
    store = await spread(QueueRoute(1, 3, 3), [1, 2])
    hot = over(await copied(store, QUEUES)).queues
    assert hot is not None
    assert await hot.queues_by_name("dev", ["orders"]) == {"orders": None}
    assert await MemoryQueueReads(store).queues_by_name("dev", ["orders"]) == [None]


@pytest.mark.parametrize("shards", [1, 3, 64])
async def test_a_cache_is_told_with_all_its_shards(shards: int) -> None:
    store = await spread_caches(range(shards))
    hot = over(await copied(store, CACHES)).caches
    assert hot is not None
    told = await hot.caches_by_name("dev", ["prices", "none"])
    (stored,) = await MemoryCacheReads(store).caches_by_name("dev", ["prices"])
    assert stored is not None
    cache = told["prices"]
    assert cache is not None
    assert replace(cache, as_of=NEVER) == replace(stored, as_of=NEVER)
    assert (len(cache.shards), cache.counts.entries) == (shards, shards)
    assert cache.as_of.stands == stored.as_of.stands
    assert told["none"] is None
    assert await hot.caches_by_name("acme", ["prices"]) == {"prices": None}


async def test_a_cache_is_told_only_if_no_partition_that_may_have_a_shard_is_behind() -> None:
    copies = await copied(await spread_caches([0]), CACHES)
    home = partition_of("dev/prices", PARTITIONS)
    copies.copies.pop(hot_copy(CACHES, PartitionId("caches", (home + 1) % PARTITIONS)))
    hot = over(copies).caches
    assert hot is not None
    assert await hot.caches_by_name("dev", ["prices"]) == {}


async def spread_caches(shards: Sequence[int]) -> MemoryProjectionStore:
    """Return the read model of a cache with an entry in each of these shards."""
    told = Told().joins("a").writes("x", b"1").at(2_000)
    store = MemoryProjectionStore()
    await fill(store, CACHES, PartitionId("caches", 0), of_caches.WORDS, told.commits)
    (model,) = store.rows[CACHE_SHARDS].values()
    rows = [
        (partition_of(key_of_place("dev", "prices", n), PARTITIONS), "dev", "prices", n, *model[4:])
        for n in shards
    ]
    return await filled(CACHES, CACHE_SHARDS, rows)


async def filled(projection: Projection, table: Table, rows: Sequence[Row]) -> MemoryProjectionStore:
    """Return a read model that has these rows, in partitions that stand here and there."""
    store = MemoryProjectionStore()
    for number in range(PARTITIONS):
        changes = Changes()
        for row in rows:
            if row[0] == number:
                changes.upsert(table, row)
        where, reached = PartitionId(projection.kind, number), checkpoint(10 + number, time_ms=5_000 + number)
        await store.write(projection, where, START, reached, changes)
    return store


async def nodes_of(*names: str) -> MemoryProjectionStore:
    """Return the read model of these nodes, each in its partition."""
    moments: dict[int, list[Moment]] = {number: [] for number in range(PARTITIONS)}
    for name in names:
        labels = (Label("rack", f"of {name}"),)
        registered = of_nodes.did(of_nodes.registered(name, labels=labels), key=f"dev/{name}")
        moments[partition_of(f"dev/{name}", PARTITIONS)].append(at(1_000, registered))
    store = MemoryProjectionStore()
    for number, some in moments.items():
        where = PartitionId("nodes", number)
        filler = at(2_000, of_nodes.did(of_nodes.registered(f"filler-{number}"), key=f"dev/filler-{number}"))
        told = commits(*some, filler, where=where, words=of_nodes.WORDS)
        await fill(store, NODES, where, of_nodes.WORDS, told)
    return store


async def test_nodes_are_told_as_the_read_model_tells_them() -> None:
    names = [f"n{number}" for number in range(9)]
    store = await nodes_of(*names)
    hot = over(await copied(store, NODES)).nodes
    assert hot is not None
    told = await hot.nodes_by_name("dev", [*names, "none"])
    stored = await MemoryNodeReads(store).nodes_by_name("dev", [*names, "none"])
    for one, other in zip(told.values(), stored, strict=True):
        if one is None or other is None:
            assert one is other is None
            continue
        assert replace(one, as_of=NEVER) == replace(other, as_of=NEVER)
        assert {stand.partition for stand in one.as_of.stands} == {one.partition}
    assert [name for name, node in told.items() if node is None] == ["none"]
    assert set((await hot.nodes_by_name("acme", names)).values()) == {None}


async def test_a_node_whose_partition_is_behind_is_not_told() -> None:
    store = await nodes_of("n1")
    copies, progress = await copied(store, NODES), behind()
    hot = over(copies, progress).nodes
    assert hot is not None
    where = PartitionId("nodes", partition_of("dev/n1", PARTITIONS))
    progress.next_offset, _ = copies.copies[hot_copy(NODES, where)]
    assert (await hot.nodes_by_name("dev", ["n1"]))["n1"] is not None
    progress.next_offset += 1
    assert await hot.nodes_by_name("dev", ["n1"]) == {}


async def hot_world(world: World, projection: Projection, store: MemoryProjectionStore) -> World:
    """Have the world's API look at copies first, of one partition a kind."""
    copies = HotRows(HotCopies(await copied(store, projection)), behind())
    object.__setattr__(world.services, "hot", Hot.of(copies, world.services.partitions))
    return world


async def test_depths_come_from_the_copy_and_what_it_has_not_from_the_read_model() -> None:
    moments = (
        at(1_000, did(created(settings=SETTINGS))),
        at(2_000, did(enqueued(1, message(), message()))),
        at(3_000, did(delivered(3, 1))),
    )
    world, reads = await queue_world(*moments)
    await hot_world(world, QUEUES, reads.store)
    told = "name messages bytes waiting depth { ready leased total } settings { maxDepth } route { epoch }"
    for selected, asked in (
        (told, {}),
        (f"{told} shards {{ bytes }}", {"queues_by_name": 1}),
        (f"{told} oldest", {"whole queues_by_name": 1}),
        (f"{told} subscriptions {{ name }}", {"whole queues_by_name": 1}),
    ):
        reads.asked.clear()
        found = (await world.ask(f'{{ queue(name: "orders") {{ {selected} }} }}'))["queue"]
        assert reads.asked == asked
        assert found["depth"] == {"ready": 1, "leased": 1, "total": 2}


async def test_a_cache_and_a_node_come_from_their_copies() -> None:
    caches = await cache_world(Told().joins("a").writes("x", b"12").at(2_000))
    await hot_world(caches.api, CACHES, caches.store)
    caches.store.rows.clear()  # whoever asks the read model finds nothing any more
    found = (
        await caches.api.ask('{ cache(name: "prices") { counts { entries bytes } asOf { positions } } }')
    )["cache"]
    assert found["counts"] == {"entries": 1, "bytes": "2"}
    world, reads = await node_world(at(1_000, of_nodes.did(of_nodes.registered())))
    await hot_world(world, NODES, reads.store)
    assert (await world.ask('{ node(name: "n1") { status } }'))["node"] == {"status": "ALIVE"}
    assert await world.ask('{ node(name: "none") { status } }') == {"node": None}
    assert not reads.asked
