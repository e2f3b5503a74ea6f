"""Caches through GraphQL on a real stack: written on one node, read on the other, watched, and looked back at."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import aclosing
from typing import Any

import pytest

from tests.integration.api.stage import Stage
from tests.integration.api_subscriptions.users import over_events, over_socket

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

PATIENCE_S = 30
CREATE = """mutation ($name: String!, $shards: Int! = 1, $settings: CacheSettingsInput) {
    answer: createCache(name: $name, shards: $shards, settings: $settings) { __typename
        ... on ChangedCache { positions version } ... on Refusal { code } } }"""
PUT = """mutation ($cache: String!, $entry: CacheEntryInput!, $ifVersion: Long) {
    answer: putEntry(cache: $cache, entry: $entry, ifVersion: $ifVersion) { __typename
        ... on StoredEntry { version positions } ... on Refusal { code } } }"""
READ = """mutation ($cache: String!, $name: String!) { answer: readEntry(cache: $cache, name: $name) {
    ... on FoundEntry { version value { text } lines { client state } positions } ... on Refusal { code } } }"""
WARM = """mutation ($cache: String!, $entries: [CacheEntryInput!]!) {
    answer: warmEntries(cache: $cache, entries: $entries) {
        ... on WarmedEntries { warmed positions } ... on Refusal { code } } }"""
TAG = """mutation ($cache: String!, $tag: String!) { answer: invalidateTag(cache: $cache, tag: $tag) {
    ... on InvalidatedTag { entries positions } ... on Refusal { code } } }"""
DELETE = (
    """mutation ($name: String!) { answer: deleteCache(name: $name) { ... on DeletedCache { entries } } }"""
)
ENTRY = """query ($cache: String!, $name: String!, $at: At, $notBefore: [Position!]) {
    entry(cache: $cache, name: $name, at: $at, notBefore: $notBefore) { sharers lines { client state }
        stored { version bytes fromPosition } value(maxBytes: 70000) { text base64 size }
        history(first: 10) { nodes { version cause ended fromPosition value { size text } } }
        lineHistory(first: 10) { nodes { client state ended } } } }"""
CACHE = """query ($name: String!, $at: At, $notBefore: [Position!]) {
    cache(name: $name, at: $at, notBefore: $notBefore) { counts { entries bytes exclusive shared modified listeners }
        shards { shard counts { entries } } activity { writes } asOf { positions } } }"""
ENTRIES = """query ($cache: String!, $tag: String, $notBefore: [Position!]) {
    entries(cache: $cache, first: 20, filter: { tag: $tag }, notBefore: $notBefore) {
        nodes { entry value { text } } } }"""
WATCH = """subscription ($cache: String!, $after: String) {
    it: invalidations(cache: $cache, after: $after) {
        cursor kind shard entries version position index holder { client } } }"""


async def items(stage: Stage, node: int, count: int, over: Any = over_socket, **variables: Any) -> list[Any]:
    """Return the first items of a subscription to `node`."""
    found: list[Any] = []
    address = stage.stack.addresses.apis[node]
    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(over(address, stage.token, WATCH, dict(variables))) as stream,
    ):
        async for item in stream:
            found.append(item)
            if len(found) == count:
                break
    return found


async def test_what_is_put_on_one_node_is_read_on_the_other_with_its_value_from_the_log(stage: Stage) -> None:
    made = await stage.do(CREATE, name="goods", shards=3)
    assert len(made["positions"]) >= 1
    put: list[str] = []
    for number in range(6):
        entry = {"name": f"sku/{number}", "text": f"{number}", "tags": ["even" if number % 2 == 0 else "odd"]}
        put += (await stage.do(PUT, number % 2, cache="goods", entry=entry))["positions"]
    found = (await stage.ask(CACHE, 1, name="goods", notBefore=put))["cache"]
    assert (found["counts"]["entries"], found["counts"]["bytes"]) == (6, "6")
    assert sum(one["counts"]["entries"] for one in found["shards"]) == 6
    even = await stage.ask(ENTRIES, 1, cache="goods", tag="even", notBefore=put)
    assert [(one["entry"], one["value"]["text"]) for one in even["entries"]["nodes"]] == [
        ("sku/0", "0"), ("sku/2", "2"), ("sku/4", "4"),
    ]  # fmt: skip
    gone = await stage.do(TAG, cache="goods", tag="even")
    assert gone["entries"] == 3
    assert (await stage.ask(ENTRIES, cache="goods", tag="even", notBefore=gone["positions"]))["entries"][
        "nodes"
    ] == []


async def test_a_large_binary_value_comes_back_byte_for_byte_now_and_of_the_past(stage: Stage) -> None:
    await stage.do(CREATE, name="large")
    binary = b64encode(bytes(range(256)) * 256).decode()
    first = await stage.do(PUT, cache="large", entry={"name": "x", "base64": binary})
    second = await stage.do(
        PUT, 1, cache="large", entry={"name": "x", "text": "small"}, ifVersion=first["version"]
    )
    asked = {"cache": "large", "name": "x", "notBefore": second["positions"]}
    now = (await stage.ask(ENTRY, 1, **asked))["entry"]
    assert (now["value"]["text"], now["stored"]["version"]) == ("small", second["version"])
    assert [(one["cause"], one["ended"], one["value"]["size"]) for one in now["history"]["nodes"]] == [
        ("WRITTEN", None, 5), ("WRITTEN", "WRITTEN", 65_536),
    ]  # fmt: skip
    then = (await stage.ask(ENTRY, **asked, at=first["positions"][0]))["entry"]
    assert (then["value"]["base64"], then["stored"]["version"]) == (binary, first["version"])


async def test_a_strict_write_calls_the_lines_of_clients_and_history_tells_who_had_them(stage: Stage) -> None:
    await stage.do(CREATE, name="lines")
    one, two = await stage.client(), await stage.client()
    cache, other = one.cache("lines"), two.cache("lines")
    await cache.put("x", b"1")
    assert await other.get("x") == b"1"
    before = await stage.do(READ, cache="lines", name="x")
    assert sorted(line["state"] for line in before["lines"]) == ["SHARED", "SHARED"]
    put = await stage.do(PUT, 1, cache="lines", entry={"name": "x", "text": "2"})
    assert (cache.hit("x"), other.hit("x")) == (None, None), (
        "nobody can read the old value when the write answers"
    )
    assert await cache.get("x") == b"2"
    found = (await stage.ask(ENTRY, cache="lines", name="x", notBefore=put["positions"]))["entry"]
    assert [line["ended"] for line in found["lineHistory"]["nodes"]][-3:] == [
        "INVALIDATED",
        "INVALIDATED",
        "SHARED",
    ]
    then = await stage.ask(ENTRY, 1, cache="lines", name="x", at=before["positions"][0])
    assert sorted(line["state"] for line in then["entry"]["lines"]) == ["SHARED", "SHARED"]
    assert then["entry"]["value"]["text"] == "1"


async def test_invalidations_are_watched_and_any_cursor_goes_on_at_the_other_node(stage: Stage) -> None:
    await stage.do(CREATE, name="watched", shards=2)
    whole = asyncio.create_task(items(stage, 0, 12, cache="watched", after=None))
    begun = asyncio.create_task(items(stage, 1, 12, over_events, cache="watched", after=None))
    client = await stage.client()
    cache = client.cache("watched")
    number = 0
    while not (whole.done() and begun.done()):  # the first writes may come before both watch
        await cache.put(f"x{number % 4}", b"1")
        await stage.do(
            PUT, number % 2, cache="watched", entry={"name": f"x{number % 4}", "text": f"{number}"}
        )
        number += 1
    told, also = await whole, await begun
    places = [(one["position"], one["index"]) for one in told]
    assert len(set(places)) == len(places)
    assert {one["kind"] for one in told} == {"WRITTEN", "CALLED"}
    assert {one["holder"] is None for one in told if one["kind"] == "CALLED"} == {False}
    rest = await items(stage, 1, 11, cache="watched", after=told[0]["cursor"])
    by_shard = [
        [one for one in some if one["shard"] == shard] for some in (told[1:], rest) for shard in (0, 1)
    ]
    for first, again in ((by_shard[0], by_shard[2]), (by_shard[1], by_shard[3])):
        shorter = min(len(first), len(again))
        assert [_place(one) for one in first][:shorter] == [_place(one) for one in again][:shorter]
    assert len(also) == 12


def _place(item: Any) -> tuple[str, int, str]:
    return item["position"], item["index"], item["kind"]


async def test_a_cache_that_is_deleted_is_told_as_it_was(stage: Stage) -> None:
    await stage.do(CREATE, name="brief")
    entries = [{"name": f"x{number}", "text": f"{number}"} for number in range(10)]
    warmed = await stage.do(WARM, cache="brief", entries=entries)
    assert warmed["warmed"] == 10
    assert (await stage.do(DELETE, 1, name="brief"))["entries"] == 10
    assert (await stage.do(READ, cache="brief", name="x1"))["code"] == "CACHE_UNKNOWN"
    (position,) = warmed["positions"]
    then = (await stage.ask(CACHE, name="brief", at=position))["cache"]
    assert then["counts"]["entries"] == 10
    entry = (await stage.ask(ENTRY, 1, cache="brief", name="x7", at=position))["entry"]
    assert entry["value"]["text"] == "7"
