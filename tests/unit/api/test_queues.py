"""What can be asked about queues, over read models in memory."""

import time
from base64 import b64encode
from typing import Any

from storage.memory.histories import MemoryOldHistory
from streams.domain.queues.commands import Header
from streams.projections.ports import Sweep
from streams.projections.queues.projections import QUEUES
from streams.projections.queues.tables import MESSAGE_HISTORY
from tests.unit.api.queue_world import queue_world
from tests.unit.api.world import World
from tests.unit.projections.queues.spec import (
    acked,
    at,
    created,
    delivered,
    did,
    died,
    enqueued,
    message,
    origin,
    returned,
)

BATCH = (
    message(b'{"n": 1}', group="g", headers=(Header("a", "b"),)),
    message(b"\xff\x00", ready_at=900),
    message("käse".encode(), origin=origin()),
)
FILLED = (
    at(1_000, did(created())),  # offset 2, event 1
    at(2_000, did(enqueued(1, *BATCH))),
    at(3_000, did(delivered(3, 1, 3), command="ReceiveMessages")),
    at(4_000, did(died(3, 1, reason="out of stock"), returned("NACKED", 1, attempts=1, reason="busy"))),
)
DEPTH = "{ ready delayed leased dead moving total }"


async def test_a_queue_tells_its_depth_settings_and_shards() -> None:
    world, _ = await queue_world(*FILLED)
    found = await world.ask(
        f"""{{ queue(name: "orders") {{ name messages bytes waiting oldest depth {DEPTH} route {{ epoch shards }}
            settings {{ maxAttempts leaseMs overflow maxBytes }} subscriptions {{ name depth {DEPTH} oldest }}
            shards {{ shard name partition incarnation depth {DEPTH} oldest position changedAt createdAt }}
            asOf {{ positions }} }} }}"""
    )
    depth = {"ready": 1, "delayed": 1, "leased": 0, "dead": 1, "moving": 0, "total": 3}
    oldest = "1970-01-01T00:00:02.000Z"
    assert found["queue"] == {
        "name": "orders", "messages": 3, "bytes": "15", "waiting": 0, "oldest": oldest, "depth": depth,
        "route": {"epoch": "1", "shards": 1},
        "settings": {"maxAttempts": 3, "leaseMs": 30_000, "overflow": "REFUSE", "maxBytes": "1000000"},
        "subscriptions": [{"name": "", "depth": depth, "oldest": oldest}],
        "shards": [{
            "shard": 0, "name": "orders", "partition": 0, "incarnation": "1", "depth": depth, "oldest": oldest,
            "position": "queues/0@5", "changedAt": "1970-01-01T00:00:04.000Z", "createdAt": "1970-01-01T00:00:01.000Z",
        }],
        "asOf": {"positions": ["queues/0@5"]},
    }  # fmt: skip


async def test_a_queue_that_nobody_made_is_null_and_a_shard_is_no_queue() -> None:
    world, _ = await queue_world(*FILLED)
    assert await world.ask('{ queue(name: "none") { name } }') == {"queue": None}
    assert (await world.refused('{ queue(name: "orders#1") { name } }'))["code"] == "BAD_ARGUMENT"
    assert (await world.refused('{ queue(name: "") { name } }'))["code"] == "BAD_NAME"


async def test_a_node_without_queues_says_so() -> None:
    for query in (
        '{ queue(name: "orders") { name } }',
        "{ queues(first: 1) { nodes { name } } }",
        '{ messages(queue: "orders", first: 1) { nodes { id } } }',
        '{ message(queue: "orders", id: "0.1.1") { id } }',
    ):
        assert (await World().refused(query))["code"] == "KIND_UNKNOWN"


async def test_a_queue_is_seen_as_it_was() -> None:
    world, _ = await queue_world(*FILLED)
    query = 'query ($at: At) { queue(name: "orders", at: $at) { depth { ready leased } asOf { positions time } } }'
    assert (await world.ask(query, at="queues/0@3"))["queue"] == {
        "depth": {"ready": 2, "leased": 0}, "asOf": {"positions": ["queues/0@3"], "time": None},
    }  # fmt: skip
    assert (await world.ask(query, at="1970-01-01T00:00:03Z"))["queue"]["depth"] == {"ready": 0, "leased": 2}
    assert (await world.ask(query, at="1970-01-01T00:00:00Z"))["queue"] is None
    assert (await world.refused(query, at="locks/0@3"))["code"] == "POSITION_INVALID"


async def test_not_before_takes_one_position_or_several() -> None:
    world, _ = await queue_world(*FILLED)
    query = "query ($at: [Position!]) { queues(first: 1, notBefore: $at) { nodes { name } } }"
    for given in (None, [], "queues/0@9", ["queues/0@9", "queues/0@3"]):
        assert (await world.ask(query, at=given))["queues"]["nodes"] == [{"name": "orders"}]
    assert (await world.refused(query, at="queues/0@10"))["code"] == "POSITION_INVALID"
    assert (await world.refused(query, at="queues/1@0"))["code"] == "POSITION_INVALID"
    assert (await world.refused(query, at=["queues/0@1"] * 65))["code"] == "POSITION_INVALID"
    world.ends.end = 100
    assert (await world.refused(query, at="queues/0@10"))["code"] == "PROJECTION_BEHIND"


async def test_messages_come_with_what_is_in_them() -> None:
    world, _ = await queue_world(*FILLED)
    found = await world.ask(
        """{ messages(queue: "orders", first: 10) { nodes { id shard subscription state attempts due dueLeaseMs reason
            since position headers { name value } payload { size base64 text cut }
            body { group priority principal client enqueued origin { queue message reason attempts queueNow { name } } }
            queue { name } } } }"""
    )
    first, second, third = found["messages"]["nodes"]
    assert (first["id"], first["state"], first["reason"]) == ("0.1.1", "READY", "busy")
    assert first["headers"] == [{"name": "a", "value": "b"}]
    assert first["payload"] == {
        "size": 8, "base64": b64encode(b'{"n": 1}').decode(), "text": '{"n": 1}', "cut": False,
    }  # fmt: skip
    assert first["queue"] == {"name": "orders"}
    assert (second["state"], second["dueLeaseMs"], second["payload"]["text"]) == ("DELAYED", "900", None)
    assert (third["state"], third["payload"]["text"]) == ("DEAD", "käse")
    assert third["body"]["origin"] == {
        "queue": "old", "message": "old.1.1", "reason": "broken", "attempts": 3, "queueNow": None,
    }  # fmt: skip


async def test_messages_are_narrowed_and_paged() -> None:
    world, _ = await queue_world(*FILLED)

    async def ids(arguments: str) -> list[str]:
        page = await world.ask(
            f'{{ it: messages(queue: "orders", first: 5, {arguments}) {{ nodes {{ id }} }} }}'
        )
        return [node["id"] for node in page["it"]["nodes"]]

    assert await ids("state: DELAYED") == ["0.1.2"]
    assert await ids('filter: { group: "g" }') == ["0.1.1"]
    assert await ids('filter: { reason: "stock" }') == ["0.1.3"]
    assert await ids("filter: { shard: 1 }") == []
    assert await ids('subscription: "none"') == []
    dead = await world.ask('{ deadLetters(queue: "orders", first: 1) { nodes { id } } }')
    assert dead["deadLetters"]["nodes"] == [{"id": "0.1.3"}]
    seen, after = [], None
    query = """query ($after: String) { messages(queue: "orders", first: 2, after: $after) {
        nodes { id } pageInfo { hasNextPage endCursor } } }"""
    while True:
        page = (await world.ask(query, after=after))["messages"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["0.1.1", "0.1.2", "0.1.3"]
    other = 'query ($after: String) { messages(queue: "others", first: 2, after: $after) { nodes { id } } }'
    assert (await world.refused(other, after=after))["code"] == "CURSOR_INVALID"
    assert (await world.refused('{ messages(queue: "orders", first: 101) { nodes { id } } }'))[
        "code"
    ] == "PAGE_SIZE"
    bad = '{ messages(queue: "orders", first: 1, filter: { shard: 64 }) { nodes { id } } }'
    assert (await world.refused(bad))["code"] == "BAD_ARGUMENT"


async def test_a_message_tells_its_life_also_when_it_is_gone() -> None:
    world, _ = await queue_world(
        *FILLED, at(5_000, did(delivered(7, 1, attempt=2))), at(6_000, did(acked(1)))
    )
    query = """query ($at: At) { message(queue: "orders", id: "0.1.1", at: $at) { id standing { state }
        last { what state attempts } queue { name }
        biography(first: 10) { nodes { what state attempts token principal reason cause position } } } }"""
    found = (await world.ask(query))["message"]
    assert found["standing"] == []
    assert found["queue"] == {"name": "orders"}
    steps = found["biography"]["nodes"]
    assert [(step["what"], step["state"], step["attempts"]) for step in steps] == [
        ("ENQUEUED", "READY", 0), ("DELIVERED", "LEASED", 1), ("RETURNED", "READY", 1), ("DELIVERED", "LEASED", 2),
        ("ACKED", None, 2),
    ]  # fmt: skip
    assert (steps[1]["token"], steps[1]["principal"]) == ("3", "eve")
    assert (steps[2]["reason"], steps[2]["cause"], steps[2]["position"]) == ("busy", "NACKED", "queues/0@5")
    past = (await world.ask(query, at="queues/0@4"))["message"]
    assert past["last"] == {"what": "DELIVERED", "state": "LEASED", "attempts": 1}
    assert past["standing"] == []


async def test_a_biography_is_paged() -> None:
    world, _ = await queue_world(*FILLED)
    query = """query ($after: String) { message(queue: "orders", id: "0.1.1") {
        biography(first: 2, after: $after) { nodes { what } pageInfo { hasNextPage endCursor } } } }"""
    page = (await world.ask(query))["message"]["biography"]
    rest = (await world.ask(query, after=page["pageInfo"]["endCursor"]))["message"]["biography"]
    assert [one["what"] for one in page["nodes"] + rest["nodes"]] == ["ENQUEUED", "DELIVERED", "RETURNED"]
    assert (page["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)


async def test_who_asks_for_a_biography_that_was_forgotten_is_told_so() -> None:
    """The first block of messages is over, the second is not."""
    first, over = [message()] * 127, range(1, 128)
    world, reads = await queue_world(
        at(1_000, did(created(), enqueued(1, *first, message(), message()))),
        at(2_000, did(delivered(130, *over), acked(*over))),
    )
    query = """query ($id: ID!) { message(queue: "orders", id: $id) { standing { state } %s } }"""
    steps = query % "biography(first: 9) { nodes { what } }"
    before = (await world.ask(steps, id="0.1.128"))["message"]
    await MemoryOldHistory(reads.store).forget(QUEUES, MESSAGE_HISTORY, Sweep(2_000, 99))
    refused = await world.refused(steps, id="0.1.1")
    assert refused["code"] == "ROWS_FORGOTTEN"
    assert (await world.ask(query % "id", id="0.1.1"))["message"] == {"standing": [], "id": "0.1.1"}
    (left,) = before["biography"]["nodes"]
    assert left == {"what": "ENQUEUED"}
    assert (await world.ask(steps, id="0.1.128"))["message"] == before


async def test_what_is_no_message_id_is_refused() -> None:
    world, _ = await queue_world(*FILLED)
    for given in ("", "1", "0.1", "a.1.1", "64.1.1", "0.1.99999999999999999999", "0.1.1.1"):
        refused = await world.refused(f'{{ message(queue: "orders", id: "{given}") {{ id }} }}')
        assert refused["code"] == "BAD_ARGUMENT", given


async def test_payloads_are_cut_and_one_answer_holds_a_bounded_amount() -> None:
    big = "ä".encode() * 32_768
    world, _ = await queue_world(
        at(1_000, did(created())), at(2_000, did(enqueued(1, *[message(big) for _ in range(40)])))
    )

    async def shown(arguments: str) -> list[Any]:
        nodes = f"nodes {{ payload{arguments} {{ size text cut }} }}"
        page = f'{{ it: messages(queue: "orders", first: 40) {{ {nodes} }} }}'
        return [node["payload"] for node in (await world.ask(page))["it"]["nodes"]]

    few = await shown("(maxBytes: 3)")
    assert few[0] == {"size": 65_536, "text": "ä", "cut": True}
    assert {len(one["text"].encode()) for one in await shown("")} == {4_096}
    many = await shown("(maxBytes: 131072)")
    assert sum(len(one["text"].encode()) for one in many) == 2 * 1024 * 1024
    assert [one["cut"] for one in many] == [False] * 32 + [True] * 8
    bad = '{ messages(queue: "orders", first: 1) { nodes { payload(maxBytes: 131073) { size } } } }'
    assert (await world.refused(bad))["code"] == "BAD_ARGUMENT"


async def test_rates_are_those_of_whole_windows() -> None:
    now = int(time.time() * 1000) // 10_000 * 10_000
    world, _ = await queue_world(
        at(now - 25_000, did(created())),
        at(now - 15_000, did(enqueued(1, *BATCH))),
        at(now - 14_000, did(delivered(3, 1, 3))),
        at(now - 12_000, did(acked(1))),
        at(now + 1, did(acked(3))),
    )
    found = (
        await world.ask(
            '{ queue(name: "orders") { rates { enqueued delivered acked dead } windows { start enqueued acked } } }'
        )
    )["queue"]
    rates = found["rates"]
    assert (rates["enqueued"], rates["delivered"], rates["acked"], rates["dead"]) == (
        3 / 60,
        2 / 60,
        1 / 60,
        0,
    )
    assert [one["acked"] for one in found["windows"]] == [1, 1, 0]
    for last_s in (9, 9_001):
        bad = f'{{ queue(name: "orders") {{ rates(lastS: {last_s}) {{ enqueued }} }} }}'
        assert (await world.refused(bad))["code"] == "BAD_ARGUMENT"


async def test_the_edges_of_a_page_cost_one_question_each_whatever_its_length() -> None:
    asked = []
    for count in (1, 50):
        batch = [message(origin=origin("orders")) for _ in range(count)]
        world, reads = await queue_world(at(1_000, did(created())), at(2_000, did(enqueued(1, *batch))))
        found = await world.ask(
            """{ messages(queue: "orders", first: 50) { nodes {
                queue { name rates { enqueued } windows { start } } body { origin { queueNow { name } } }
                biography(first: 5) { nodes { what } } } } }"""
        )
        assert len(found["messages"]["nodes"]) == count
        assert {len(node["biography"]["nodes"]) for node in found["messages"]["nodes"]} == {1}
        asked.append(dict(reads.asked))
    assert asked[0] == asked[1]
    assert asked[0] == {"queues_by_name": 1, "windows": 2, "biographies": 1}


async def test_biographies_of_one_answer_are_bounded_in_all() -> None:
    world, _ = await queue_world(
        at(1_000, did(created())), at(2_000, did(enqueued(1, *[message() for _ in range(101)])))
    )

    query = """query ($first: Int!, $more: Int!) {
        messages(queue: "orders", first: $first) { nodes { biography(first: 100) { nodes { what } } } }
        message(queue: "orders", id: "0.1.1") { biography(first: $more) { nodes { what } } } }"""
    assert len((await world.ask(query, first=99, more=100))["messages"]["nodes"]) == 99
    assert (await world.refused(query, first=100, more=1))["code"] == "PAGE_SIZE"


async def test_subscriptions_and_ages_are_looked_up_only_where_they_are_asked_for() -> None:
    world, reads = await queue_world(*FILLED)
    for selected, asked in (
        ("name depth { total } shards { bytes }", ""),
        ("subscriptions { name }", "whole "),
        ("oldest", "whole "),
        ("shards { ... { oldestAgeMs } }", "whole "),
    ):
        reads.asked.clear()
        both = '{ queues(first: 1) { nodes { ...it } } queue(name: "orders") { ...it } }'
        found = await world.ask(f"{both} fragment it on Queue {{ {selected} }}")
        assert list(found["queues"]["nodes"][0]) == list(found["queue"])
        assert reads.asked == {f"{asked}queues": 1, f"{asked}queues_by_name": 1}
