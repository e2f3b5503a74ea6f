"""What can be done to caches: through the real client, to a worker in memory that decides by the real decider."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tidelock
from streams.domain.caches.commands import Listen, WriteEntry
from tests.unit.api.world import World
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Connecting

REFUSED = "... on Refusal { code message }"
CREATE = f"""mutation ($settings: CacheSettingsInput, $shards: Int! = 1, $name: String! = "prices") {{
    it: createCache(name: $name, shards: $shards, settings: $settings) {{ {REFUSED}
    ... on ChangedCache {{ name version shards positions
        settings {{ mode writePolicy ttlMs readLeaseMs maxEntries }} }} }} }}"""
CONFIGURE = f"""mutation ($settings: CacheSettingsInput!, $version: Long) {{
    it: configureCache(name: "prices", settings: $settings, version: $version) {{ {REFUSED}
    ... on ChangedCache {{ version settings {{ maxEntries mode }} }} }} }}"""
DELETE_CACHE = (
    f'mutation {{ it: deleteCache(name: "prices") {{ {REFUSED} ... on DeletedCache {{ entries }} }} }}'
)
PUT = f"""mutation ($entry: CacheEntryInput!, $ifVersion: Long, $waitMs: Int! = 1000) {{
    it: putEntry(cache: "prices", entry: $entry, ifVersion: $ifVersion, waitMs: $waitMs) {{ {REFUSED}
    ... on StoredEntry {{ cache name version positions }} }} }}"""
READ = f"""mutation ($name: String!) {{ it: readEntry(cache: "prices", name: $name) {{ {REFUSED}
    ... on FoundEntry {{ version tags value {{ text base64 size }} lines {{ client state }}
        sharers waiting positions }} }} }}"""
DELETE = f"""mutation ($name: String!, $ifVersion: Long) {{
    it: deleteEntry(cache: "prices", name: $name, ifVersion: $ifVersion) {{ {REFUSED}
    ... on DeletedEntry {{ version }} }} }}"""
TAG = f"""mutation ($tag: String!) {{ it: invalidateTag(cache: "prices", tag: $tag) {{ {REFUSED}
    ... on InvalidatedTag {{ entries positions }} }} }}"""
WARM = f"""mutation ($entries: [CacheEntryInput!]!) {{ it: warmEntries(cache: "prices", entries: $entries) {{ {REFUSED}
    ... on WarmedEntries {{ warmed skipped }} }} }}"""


class Desk:
    """An API node, the worker that it speaks to, and the clock that both go by."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.worker = CacheWorker(self.clock)
        self.world = World(opener=self._open)

    def _open(self, token: str, client_id: str, first_sequence: int) -> Connecting:
        return tidelock.connect(
            self.worker.address, token=token, client_id=client_id, first_sequence=first_sequence, clock=self.clock
        )  # fmt: skip

    async def do(self, mutation: str, **variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.world.ask(mutation, **variables))["it"]
        return found

    async def put(self, name: str, text: str, **variables: Any) -> dict[str, Any]:
        return await self.do(PUT, entry={"name": name, "text": text}, **variables)

    async def code(self, mutation: str, **variables: Any) -> str:
        return str((await self.do(mutation, **variables))["code"])


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.worker.start()
    yield desk
    await desk.world.services.sessions.close()
    await desk.worker.stop()


async def test_a_cache_is_made_once_and_another_one_of_its_name_is_refused(desk: Desk) -> None:
    settings = {"mode": "RELAXED", "writePolicy": "THROUGH", "ttlMs": "60000", "readLeaseMs": 5_000}
    made = await desk.do(CREATE, settings=settings, shards=3)
    assert made["settings"] == settings | {"maxEntries": 100_000}
    assert (made["name"], made["shards"]) == ("prices", 3)
    assert {one.partition("/")[0] for one in made["positions"]} == {"caches"}
    assert (await desk.do(CREATE, settings=settings, shards=3))["version"] == made["version"]
    assert await desk.code(CREATE, shards=3) == "CACHE_EXISTS"
    assert await desk.code(CREATE, settings=settings, shards=2) == "CACHE_EXISTS"
    assert await desk.code(CREATE, name="a#b") == "BAD_NAME"
    assert await desk.code(CREATE, name="b", settings={"readLeaseMs": 1}) == "BAD_ARGUMENT"


async def test_settings_change_if_they_are_of_the_version_that_is_named(desk: Desk) -> None:
    made = await desk.do(CREATE)
    changed = await desk.do(CONFIGURE, settings={"maxEntries": 7}, version=made["version"])
    assert changed["settings"] == {"maxEntries": 7, "mode": "STRICT"}
    assert (
        await desk.code(CONFIGURE, settings={"maxEntries": 8}, version=made["version"]) == "VERSION_CONFLICT"
    )
    assert (await desk.do(CONFIGURE, settings={"maxEntries": 8}))["settings"]["maxEntries"] == 8
    assert await desk.code(CONFIGURE, settings={"mode": "RELAXED"}) == "BAD_ARGUMENT"


async def test_an_entry_is_put_read_and_removed_whichever_shard_it_is_in(desk: Desk) -> None:
    await desk.do(CREATE, shards=3)
    for number in range(6):
        stored = await desk.put(f"sku/{number}", f"{number}")
        assert (stored["cache"], stored["name"]) == ("prices", f"sku/{number}")
        found = await desk.do(READ, name=f"sku/{number}")
        assert (found["version"], found["value"]["text"], found["lines"]) == (
            stored["version"],
            f"{number}",
            [],
        )
        assert stored["positions"][0].partition("@")[0] == found["positions"][0].partition("@")[0]
    assert (await desk.do(DELETE, name="sku/0"))["version"] is not None
    assert (await desk.do(DELETE, name="sku/0"))["version"] is None
    missing = await desk.do(READ, name="sku/0")
    assert (missing["version"], missing["value"], missing["sharers"]) == (None, None, 0)


async def test_a_node_remembers_no_cache_however_many_are_asked_for(desk: Desk) -> None:
    await desk.do(CREATE)
    await desk.put("x", "1")
    put = PUT.replace('cache: "prices"', "cache: $cache").replace("mutation (", "mutation ($cache: String!, ")
    for number in range(3):
        refused = await desk.do(put, cache=f"missing/{number}", entry={"name": "x", "text": "1"})
        assert refused["code"] == "CACHE_UNKNOWN"
    (speaker,) = desk.world.services.sessions._speakers.values()
    assert (await speaker.opening)._caches._used == {}


async def test_a_conditional_write_is_done_or_refused(desk: Desk) -> None:
    await desk.do(CREATE)
    first = await desk.put("x", "1", ifVersion="0")
    assert (await desk.put("x", "2", ifVersion="0"))["code"] == "VERSION_CONFLICT"
    second = await desk.put("x", "2", ifVersion=first["version"])
    assert await desk.code(DELETE, name="x", ifVersion=first["version"]) == "VERSION_CONFLICT"
    assert (await desk.do(DELETE, name="x", ifVersion=second["version"]))["version"] == second["version"]


async def test_values_are_text_or_base64_with_tags_and_times(desk: Desk) -> None:
    await desk.do(CREATE)
    binary = b64encode(b"\xff\x00").decode()
    entry = {"name": "x", "base64": binary, "tags": ["t", "u"], "ttlMs": "60000"}
    assert "version" in await desk.do(PUT, entry=entry)
    found = await desk.do(READ, name="x")
    assert (found["value"], found["tags"]) == ({"text": None, "base64": binary, "size": 2}, ["t", "u"])
    for bad in ({"name": "x"}, {"name": "x", "text": "a", "base64": "YQ=="}, {"name": "x", "base64": "?"}):
        assert await desk.code(PUT, entry=bad) == "BAD_ARGUMENT"
    assert await desk.code(PUT, entry={"name": "x", "text": "a" * 70_000}) == "VALUE_TOO_LARGE"
    assert await desk.code(PUT, entry={"name": "x", "text": "a"}, waitMs=60_000) == "BAD_ARGUMENT"
    assert await desk.code(PUT, entry={"name": "", "text": "a"}) == "BAD_ARGUMENT"


async def test_a_tag_is_invalidated_in_all_shards_and_what_is_missing_is_warmed(desk: Desk) -> None:
    await desk.do(CREATE, shards=3)
    entries = [{"name": f"sku/{number}", "text": "1", "tags": ["t"]} for number in range(6)]
    assert await desk.do(WARM, entries=entries) == {"warmed": 6, "skipped": 0}
    assert await desk.do(WARM, entries=[*entries[:2], {"name": "new", "text": "2"}]) == {
        "warmed": 1,
        "skipped": 2,
    }
    gone = await desk.do(TAG, tag="t")
    assert gone["entries"] == 6
    assert (await desk.do(READ, name="new"))["value"]["text"] == "2"
    assert await desk.code(WARM, entries=[]) == "BAD_ARGUMENT"


async def test_a_cache_that_is_gone_or_made_anew_with_other_shards_is_known_as_such(desk: Desk) -> None:
    await desk.do(CREATE, shards=3)
    for number in range(6):
        await desk.put(f"sku/{number}", "old")
    assert (await desk.do(DELETE_CACHE))["entries"] == 6
    assert (await desk.put("sku/0", "lost"))["code"] == "CACHE_UNKNOWN"
    await desk.do(CREATE, shards=1)
    for number in range(6):
        await desk.put(f"sku/{number}", "new")
        assert (await desk.do(READ, name=f"sku/{number}"))["value"]["text"] == "new"


async def test_the_node_keeps_no_lines_and_says_who_does(desk: Desk) -> None:
    await desk.do(CREATE)
    async with tidelock.connect(desk.worker.address, token="t", client_id="shop-1", clock=desk.clock) as shop:
        cache = shop.cache("prices")
        await cache.put("x", b"1")
        found = await desk.do(READ, name="x")
        assert (found["lines"], found["sharers"]) == ([{"client": "shop-1", "state": "EXCLUSIVE"}], 1)
        await desk.put("x", "2")
        assert await cache.get("x") == b"2", "its line was called before the write was answered"
    commands = [one for one in desk.worker.seen if isinstance(one, Listen | WriteEntry)]
    assert {one.attachment for one in commands if isinstance(one, WriteEntry) and one.value == b"2"} == {0}
