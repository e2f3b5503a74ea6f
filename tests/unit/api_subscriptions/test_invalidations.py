"""Watching what ends or replaces values and lines of a cache: all shards, in order, once, from any place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from api.errors import BadArgument
from api.subscriptions.cache_types import InvalidationKind
from api.subscriptions.caches import LiveCaches
from api.subscriptions.streams import KindStreams
from streams.domain.arguments import shard_name
from streams.domain.caches import commands as c
from streams.domain.caches.kind import CACHES
from streams.domain.caches.state import Cache
from streams.log.vocabulary import Vocabulary
from streams.replay.caches.endings import WHY
from tests.unit.api_subscriptions.asgi import Socket, app_of
from tests.unit.api_subscriptions.world import TENANT, Logs, Node, Watcher, settle
from tidelock.client.caches.terms import DEFAULTS

KIND = InvalidationKind


class CacheLogs(Logs):
    """All partitions of the kind `caches`."""

    spec = CACHES
    words = Vocabulary(CACHES)

    def create(self, cache: str, shards: int = 1, tenant: str = TENANT, **settings: Any) -> None:
        for shard in range(shards):
            self.commit(("operator", c.CreateCache(cache, shard, DEFAULTS, shards)), tenant=tenant)

    def state(self, cache: str, shard: int = 0) -> Cache:
        found: Cache = self.locks[f"{TENANT}/{shard_name(cache, shard)}"]
        return found

    def of(self, cache: str, client: str, shard: int = 0) -> int:
        return self.state(cache, shard).attached.get(("app", client), 0)

    def join(self, cache: str, client: str) -> None:
        self.commit((client, c.Listen(cache, 0, 0, 0, (), 0)))

    def listen(self, cache: str, client: str) -> None:
        """The client has done all it was called for."""
        attachment = self.of(cache, client)
        after = self.state(cache).listeners[attachment].posted
        self.commit((client, c.Listen(cache, 0, attachment, after, (), 0)))

    def read(self, cache: str, entry: str, client: str) -> None:
        self.commit((client, c.ReadEntry(cache, 0, entry, self.of(cache, client), False, 1_000)))

    def write(
        self, cache: str, entry: str, client: str = "w", keep: c.LineState = "INVALID", shard: int = 0,
        tenant: str = TENANT,
    ) -> None:  # fmt: skip
        attachment = self.of(cache, client, shard) if tenant == TENANT else 0
        given = (entry, b"1", ("t",), -1, -1, attachment, keep, 0, 1_000)
        self.commit((client, c.WriteEntry(cache, shard, *given)), tenant=tenant)


class CacheNode(Node):
    """One API process that knows caches."""

    def __init__(self, logs: CacheLogs, **options: Any) -> None:
        super().__init__(logs, **options)
        self.watched = self.live_caches = LiveCaches(
            KindStreams(self.hub, self.replays, self.codec, self.settings)
        )


@pytest_asyncio.fixture
async def logs() -> CacheLogs:
    return CacheLogs(3)


@pytest_asyncio.fixture
async def node(logs: CacheLogs) -> AsyncIterator[CacheNode]:
    running = CacheNode(logs)
    await running.start()
    await running.catch_up()
    yield running
    await running.stop()


def watch(node: CacheNode, cache: str = "prices", **wanted: Any) -> Watcher:
    live = Watcher().watch(node.watched.invalidations(TENANT, cache, **wanted))
    live.allow(1000)
    return live


def kinds(items: list[Any]) -> list[str]:
    return [f"{item.kind.value} {' '.join(item.entries)}".strip() for item in items]


async def shared(logs: CacheLogs, node: CacheNode) -> None:
    """x is written by `a`, read by `b`, and deleted; `a` holds m Modified, and leaves."""
    logs.create("prices")
    for client in "ab":
        logs.join("prices", client)
    logs.write("prices", "x", "a", "EXCLUSIVE")
    logs.read("prices", "x", "b")
    logs.commit(("w", c.DeleteEntry("prices", 0, "x", -1, 0, 0, 1_000)))
    for client in "ab":
        logs.listen("prices", client)
    logs.write("prices", "m", "a", "MODIFIED")
    logs.read("prices", "m", "b")
    logs.commit(("a", c.StopListening("prices", 0, logs.of("prices", "a"))))
    logs.commit(("w", c.InvalidateTag("prices", 0, "t")))
    logs.commit(("operator", c.DeleteCache("prices", 0)))
    await node.catch_up()
    await settle()


TOLD = [
    "WRITTEN x", "CALLED x", "CALLED x", "DELETED x", "WRITTEN m", "RECALLED m", "LOST m", "CALLED m", "CLOSED",
]  # fmt: skip


async def test_each_value_and_line_that_ends_is_told_with_whose_it_was_and_why(
    logs: CacheLogs, node: CacheNode
) -> None:
    live = watch(node)
    await settle()
    await shared(logs, node)
    assert kinds(live.items) == TOLD
    written, called, _, deleted, modified, recalled, lost, *_ = live.items
    assert (written.holder, written.by.client, written.command) == (None, "a", "WriteEntry")
    assert written.version == called.holder.token
    assert (called.holder.client, called.version, called.by.client) == ("a", None, "w")
    assert (deleted.version, deleted.command, deleted.by.client) == (None, "Listen", "b")
    assert [one.holder.client for one in (recalled, lost)] == ["a", "a"]
    assert modified.version == recalled.holder.token == lost.holder.token
    assert all(item.why == WHY[item.kind.value] for item in live.items)
    assert {item.cache for item in live.items} == {"prices"}


async def test_every_kind_has_its_words() -> None:
    assert set(WHY) == {each.value for each in InvalidationKind}


async def test_one_entry_and_chosen_kinds_can_be_watched(logs: CacheLogs, node: CacheNode) -> None:
    of_x, calls = watch(node, entry="x"), watch(node, only=[KIND.CALLED, KIND.LOST])
    await settle()
    await shared(logs, node)
    assert kinds(of_x.items) == ["WRITTEN x", "CALLED x", "CALLED x", "DELETED x", "CLOSED"]
    assert kinds(calls.items) == ["CALLED x", "CALLED x", "LOST m", "CALLED m"]


async def test_any_cursor_goes_on_right_behind_its_item(logs: CacheLogs, node: CacheNode) -> None:
    live = watch(node)
    await settle()
    await shared(logs, node)
    other = CacheNode(logs)
    await other.start()
    await other.catch_up()
    for place, item in enumerate(live.items):
        again = watch(other, after=item.cursor)
        await settle()
        assert kinds(again.items) == TOLD[place + 1 :]
        await again.leave()
    await other.stop()


async def test_all_shards_are_watched_and_no_cache_that_begins_alike_and_no_other_tenants(
    logs: CacheLogs, node: CacheNode
) -> None:
    live = watch(node)
    await settle()
    logs.create("prices", 3)
    logs.create("prices2")
    logs.create("prices", tenant="other")
    for shard in range(3):
        logs.write("prices", f"x{shard}", shard=shard)
    logs.write("prices2", "y")
    logs.write("prices", "z", tenant="other")
    await node.catch_up()
    await settle()
    assert sorted((item.shard, *item.entries) for item in live.items) == [(0, "x0"), (1, "x1"), (2, "x2")]


async def test_entries_that_are_removed_together_are_one_item(logs: CacheLogs, node: CacheNode) -> None:
    live = watch(node)
    await settle()
    logs.create("prices")
    new = tuple(c.NewEntry(f"x{number}", b"1", ("t",), -1) for number in range(3))
    logs.commit(("w", c.WarmEntries("prices", 0, new)))
    logs.commit(("w", c.InvalidateTag("prices", 0, "t")))
    await node.catch_up()
    await settle()
    assert kinds(live.items) == ["WARMED x0 x1 x2", "TAG x0 x1 x2"]


async def test_a_shard_is_no_cache(node: CacheNode) -> None:
    live = watch(node, "prices#1")
    assert await live.ended() == BadArgument.code


async def test_over_a_websocket_by_the_schema(logs: CacheLogs, node: CacheNode) -> None:
    socket = await Socket(app_of(node)).begin()
    query = """subscription { invalidations(cache: "prices", only: [WRITTEN]) {
        cursor kind cache shard entries version holder { client } why time command by { client } } }"""
    socket.subscribe("1", query)
    await settle()
    logs.create("prices")
    logs.write("prices", "x")
    await node.catch_up()
    item = (await socket.heard())["payload"]["data"]["invalidations"]
    assert (item["kind"], item["entries"], item["holder"], item["by"]) == (
        "WRITTEN",
        ["x"],
        None,
        {"client": "w"},
    )
    await socket.leave("websocket")
