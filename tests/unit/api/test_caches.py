"""What can be asked about caches, over read models in memory; values come from the log."""

import time
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

from streams.domain.caches import commands as c
from tests.unit.api.cache_world import cache_world
from tests.unit.api.world import World
from tests.unit.projections.caches.spec import NAME, Told

BINARY = b"\xff\x00"


def filled() -> Told:
    """x: one, then second, which waited for `b`; y is warmed; z is loaded."""
    told = Told().joins("a", "b").writes("x", b"one", "a", "EXCLUSIVE", ("t", "u"), 60_000).at(2_000)
    told = told.reads("x", "b").at(3_000)
    told = told.writes("x", "zwölf".encode(), "a", "MODIFIED").at(4_000).listens("b").at(5_000)
    new = (c.NewEntry("y", BINARY, ("t",), -1), c.NewEntry("y2", b"2", (), -1))
    told.asks(c.WarmEntries(NAME, 0, new), "a")
    return told.reads("z", "b", fill=True).at(6_000)


ENTRY = """{ cache name sharers owner { client state } lines { client state token version from fromPosition }
    pending { what purpose client until } stored { version cause bytes digest tags ttlMs expires client from ended }
    value { size text base64 cut } asOf { positions } }"""


async def test_a_cache_tells_its_counts_settings_and_shards() -> None:
    world = (await cache_world(filled())).api
    found = (
        await world.ask("""{ cache(name: "prices") { name version closing
        counts { entries bytes modified exclusive shared listeners waiting filling changing }
        settings { mode writePolicy maxEntries maxBytes ttlMs readLeaseMs }
        shards { shard name partition incarnation counts { entries } position changedAt } asOf { positions } } }""")
    )["cache"]
    assert found == {
        "name": "prices", "version": "1", "closing": False,
        "counts": {"entries": 3, "bytes": "9", "modified": 1, "exclusive": 0, "shared": 0, "listeners": 2, "waiting": 0,
                   "filling": 1, "changing": 0},
        "settings": {"mode": "STRICT", "writePolicy": "BACK", "maxEntries": 100, "maxBytes": "10000", "ttlMs": "0",
                     "readLeaseMs": 10_000},
        "shards": [{"shard": 0, "name": "prices", "partition": 0, "incarnation": "1", "counts": {"entries": 3},
                    "position": "caches/0@7", "changedAt": "1970-01-01T00:00:06.000Z"}],
        "asOf": {"positions": ["caches/0@7"]},
    }  # fmt: skip


async def test_a_cache_is_told_as_it_was_and_one_that_nobody_made_is_null() -> None:
    world = (await cache_world(filled())).api
    found = await world.ask("""{ then: cache(name: "prices", at: "caches/0@3") { counts { entries exclusive } }
        none: cache(name: "nothing") { name } before: cache(name: "prices", at: "caches/0@1") { name } }""")
    assert found == {"then": {"counts": {"entries": 1, "exclusive": 1}}, "none": None, "before": None}


async def test_an_entry_tells_its_value_and_who_has_lines_of_it() -> None:
    world = (await cache_world(filled())).api
    found = (await world.ask(f'{{ entry(cache: "prices", name: "x") {ENTRY} }}'))["entry"]
    assert found["lines"][0].pop("token") == found["stored"]["version"] == found["lines"][0].pop("version")
    assert found["stored"].pop("version").isdigit()
    text = "zwölf"
    assert found == {
        "cache": "prices", "name": "x", "sharers": 1, "owner": {"client": "a", "state": "MODIFIED"},
        "lines": [{"client": "a", "state": "MODIFIED", "from": "1970-01-01T00:00:05.000Z",
                   "fromPosition": "caches/0@6"}],
        "pending": [],
        "stored": {"cause": "WRITTEN", "bytes": 6, "digest": sha256(text.encode()).hexdigest(), "tags": [],
                   "ttlMs": "0", "expires": None, "client": "a", "from": "1970-01-01T00:00:05.000Z", "ended": None},
        "value": {"size": 6, "text": text, "base64": b64encode(text.encode()).decode(), "cut": False},
        "asOf": {"positions": ["caches/0@7"]},
    }  # fmt: skip


async def test_an_entry_of_the_past_has_the_lines_and_the_value_of_then() -> None:
    world = (await cache_world(filled())).api
    found = await world.ask("""query ($name: String! = "x") {
        first: entry(cache: "prices", name: $name, at: "caches/0@4") { ...it }
        called: entry(cache: "prices", name: $name, at: "1970-01-01T00:00:04.500Z") { ...it }
        before: entry(cache: "prices", name: $name, at: "caches/0@2") { ...it } }
        fragment it on CacheEntry { lines { client state } value { text } stored { tags ttlMs expires } }""")
    stored = {"tags": ["t", "u"], "ttlMs": "60000", "expires": "1970-01-01T00:01:01.980Z"}
    both = [{"client": "a", "state": "SHARED"}, {"client": "b", "state": "SHARED"}]
    assert found == {
        "first": {"lines": both, "value": {"text": "one"}, "stored": stored},
        "called": {"lines": both[:1], "value": {"text": "one"}, "stored": stored},
        "before": {"lines": [], "value": None, "stored": None},
    }


async def test_an_entry_that_is_loaded_says_by_whom() -> None:
    world = (await cache_world(filled())).api
    found = await world.ask("""{ entry(cache: "prices", name: "z") { stored { bytes } value { text }
        pending { what purpose client until } } }""")
    assert found["entry"] == {
        "stored": None, "value": None,
        "pending": [{"what": "FILL", "purpose": None, "client": "b", "until": "1970-01-01T00:00:10.940Z"}],
    }  # fmt: skip


async def test_the_histories_of_an_entry_are_paged() -> None:
    world = (await cache_world(filled())).api
    query = """query ($after: String) { entry(cache: "prices", name: "x") {
        history(first: 1, after: $after) {
            nodes { cause bytes from to ended value { text } } pageInfo { hasNextPage endCursor } }
        lineHistory(first: 9) { nodes { client state ended to } } } }"""
    found = (await world.ask(query))["entry"]
    assert found["history"]["nodes"] == [
        {"cause": "WRITTEN", "bytes": 6, "from": "1970-01-01T00:00:05.000Z", "to": None, "ended": None,
         "value": {"text": "zwölf"}}
    ]  # fmt: skip
    assert [(one["client"], one["state"], one["ended"]) for one in found["lineHistory"]["nodes"]] == [
        ("a", "MODIFIED", None), ("b", "SHARED", "INVALIDATED"), ("a", "SHARED", "OVERWRITTEN"),
        ("a", "EXCLUSIVE", "SHARED"),
    ]  # fmt: skip
    assert found["history"]["pageInfo"]["hasNextPage"]
    rest = (await world.ask(query, after=found["history"]["pageInfo"]["endCursor"]))["entry"]["history"]
    assert [(one["value"]["text"], one["ended"]) for one in rest["nodes"]] == [("one", "WRITTEN")]
    assert not rest["pageInfo"]["hasNextPage"]


async def test_entries_come_by_name_and_as_wanted_with_values_of_any_origin() -> None:
    world = (await cache_world(filled())).api
    query = """query ($filter: EntryFilterInput, $first: Int! = 9, $after: String) {
        entries(cache: "prices", first: $first, after: $after, filter: $filter) {
        edges { cursor node { entry cause value { base64 text } } } pageInfo { hasNextPage endCursor } } }"""
    page = (await world.ask(query))["entries"]
    assert [(one["node"]["entry"], one["node"]["cause"], one["node"]["value"]["text"]) for one in page["edges"]] == [
        ("x", "WRITTEN", "zwölf"), ("y", "WARMED", None), ("y2", "WARMED", "2"),
    ]  # fmt: skip
    assert page["edges"][1]["node"]["value"]["base64"] == b64encode(BINARY).decode()
    tagged = (await world.ask(query, filter={"tag": "t"}))["entries"]
    assert [one["node"]["entry"] for one in tagged["edges"]] == ["y"]
    named = (await world.ask(query, filter={"namePrefix": "y"}, first=1))["entries"]
    assert [one["node"]["entry"] for one in named["edges"]] == ["y"]
    rest = (await world.ask(query, after=named["pageInfo"]["endCursor"]))["entries"]
    assert [one["node"]["entry"] for one in rest["edges"]] == ["y2"]


async def test_listeners_tell_their_leases_and_calls() -> None:
    world = (await cache_world(filled())).api
    found = (
        await world.ask("""{ cacheListeners(cache: "prices", first: 5) {
        nodes { shard client session posted acked reset gone lines expires } } }""")
    )["cacheListeners"]["nodes"]
    assert [(one["client"], one["posted"], one["acked"], one["lines"], one["gone"]) for one in found] == [
        ("a", "1", "0", 1, None), ("b", "1", "1", 0, None),
    ]  # fmt: skip
    assert found[0]["expires"] == "1970-01-01T00:00:11.980Z"


async def test_caches_are_paged_and_their_windows_read_together() -> None:
    now_ms = int(time.time() * 1000)
    told = Told("dev/a", "dev/b").writes("x", b"1").at(now_ms)
    world = await cache_world(told)
    page = (
        await world.api.ask("""{ caches(first: 2) { nodes { name activity(lastS: 60) { writes }
        windows(lastS: 60) { start writes waitP50Ms } } pageInfo { hasNextPage endCursor } } }""")
    )["caches"]
    assert [one["name"] for one in page["nodes"]] == ["a", "b"]
    assert page["pageInfo"]["hasNextPage"]
    assert world.reads.asked["windows"] == 2, "one for all windows, one for all sums"
    query = """query ($after: String) { caches(first: 2, after: $after, filter: { namePrefix: "p" }) {
        nodes { name windows { writes } } } }"""
    rest = (await world.api.ask(query, after=page["pageInfo"]["endCursor"]))["caches"]["nodes"]
    assert rest == [{"name": "prices", "windows": [{"writes": 1}]}]


async def test_what_cannot_be_asked_is_refused_with_a_code() -> None:
    world = (await cache_world(filled())).api

    async def code(query: str) -> str:
        return str((await world.refused(query))["code"])

    assert await code('{ cache(name: "prices#1") { name } }') == "BAD_ARGUMENT"
    assert await code('{ cache(name: "") { name } }') == "BAD_NAME"
    assert await code('{ entry(cache: "prices", name: "") { name } }') == "BAD_ARGUMENT"
    assert await code('{ entries(cache: "prices", first: 101) { nodes { entry } } }') == "PAGE_SIZE"
    assert (
        await code('{ entries(cache: "prices", first: 1, after: "x") { nodes { entry } } }')
        == "CURSOR_INVALID"
    )
    assert await code('{ cache(name: "prices", at: "queues/0@3") { name } }') == "POSITION_INVALID"
    assert await code('{ cache(name: "prices", notBefore: ["caches/0@99"]) { name } }') == "POSITION_INVALID"
    assert (await World().refused('{ cache(name: "x") { name } }'))["code"] == "KIND_UNKNOWN"


async def test_an_answer_has_room_for_a_few_values() -> None:
    told = Told()
    for number in range(25):
        told = told.writes(f"x{number}", b"1")
    world = (await cache_world(told.at(2_000))).api
    query = 'query ($first: Int!) { entries(cache: "prices", first: $first) { nodes { value { text } } } }'
    assert len((await world.ask(query, first=20))["entries"]["nodes"]) == 20
    answer = (await world.post({"query": query, "variables": {"first": 21}})).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"PAGE_SIZE"}


async def test_a_value_that_the_log_has_no_more_is_said_to_be_gone() -> None:
    world = await cache_world(filled())
    world.topic.records[5] = replace(world.topic.records[5], value=b"another log's")
    refused = await world.api.refused('{ entry(cache: "prices", name: "x") { value { text } } }')
    assert refused["code"] == "VALUE_GONE"
    assert "caches/0@5" in refused["message"]
