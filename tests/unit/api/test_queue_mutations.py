"""What can be done to queues: through the real client, to a worker in memory that decides by the real decider."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tidelock
from streams.domain.queues.commands import (
    AckMessages,
    EnqueueMessages,
    InspectQueue,
    ReceiveMessages,
    WithdrawReceive,
)
from tests.unit.api.world import World
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Connecting

SETTLED = """{ __typename ... on Refusal { code message }
    ... on SettledMessages { taken refused { receipt problem } expiresInMs positions } }"""
CREATE = """mutation ($settings: QueueSettingsInput, $shards: Int! = 1, $name: String! = "orders") {
    it: createQueue(name: $name, shards: $shards, settings: $settings) { ... on Refusal { code message }
    ... on ChangedQueue { name version route { shards } settings { maxAttempts leaseMs backoffFactor jitter paused
        deadLetterQueue overflow maxBytes } positions } } }"""
PUT = """mutation ($messages: [MessageInput!]!, $queue: String! = "orders", $session: String) {
    it: enqueue(queue: $queue, messages: $messages, session: $session) { ... on Refusal { code message position }
    ... on EnqueuedMessages { failed positions results { id duplicate position code message } } } }"""
TAKE = """mutation ($max: Int! = 10, $waitMs: Int! = 0, $subscription: String! = "", $queue: String! = "orders") {
    it: receive(queue: $queue, max: $max, waitMs: $waitMs, subscription: $subscription) {
    ... on Refusal { code message } ... on ReceivedMessages { messages { id receipt attempt expiresInMs
        group key priority dedupId ageMs
        headers { name value } origin { queue } payload { size text base64 cut } } } } }"""
SETTLE = {
    name: f'mutation ($receipts: [String!]!) {{ it: {name}(queue: "orders", receipts: $receipts) {SETTLED} }}'
    for name in ("ack", "nack", "extend")
}


class Desk:
    """An API node, the worker that it speaks to, and the clock that both go by."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.worker = QueueWorker(self.clock)
        self.world = World(opener=self._open)

    def _open(self, token: str, client_id: str, first_sequence: int) -> Connecting:
        return tidelock.connect(
            self.worker.address,
            token=token,
            client_id=client_id,
            first_sequence=first_sequence,
            clock=self.clock,
        )

    async def do(self, mutation: str, **variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.world.ask(mutation, **variables))["it"]
        return found

    async def put(self, *texts: str) -> None:
        assert (await self.do(PUT, messages=[{"text": text} for text in texts]))["failed"] == 0

    async def take(self, **variables: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.do(TAKE, **variables))["messages"]
        return found

    async def pass_(self, seconds: float) -> None:
        await let_pass(self.clock, seconds)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.worker.start()
    yield desk
    await desk.world.services.sessions.close()
    await desk.worker.stop()


async def test_a_queue_is_made_once_and_another_one_of_its_name_is_refused(desk: Desk) -> None:
    settings = {
        "maxAttempts": 2,
        "leaseMs": 5_000,
        "backoffFactor": 115,
        "jitter": 7,
        "maxBytes": "9000000000",
    }
    made = await desk.do(
        CREATE, settings=settings | {"deadLetterQueue": "dead", "overflow": "DEAD_LETTER_OLDEST"}
    )
    assert made["settings"] == {
        "maxAttempts": 2, "leaseMs": 5_000, "backoffFactor": 115, "jitter": 7, "maxBytes": "9000000000",
        "paused": False, "deadLetterQueue": "dead", "overflow": "DEAD_LETTER_OLDEST",
    }  # fmt: skip
    assert (made["name"], made["route"]) == ("orders", {"shards": 1})
    (position,) = made["positions"]
    assert position.startswith("queues/")
    again = await desk.do(
        CREATE, settings=settings | {"deadLetterQueue": "dead", "overflow": "DEAD_LETTER_OLDEST"}
    )
    assert again["version"] == made["version"]
    assert (await desk.do(CREATE, settings=settings))["code"] == "QUEUE_EXISTS"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"maxAttempts": 0}, "BAD_ARGUMENT"),
        ({"deadLetterQueue": "orders"}, "DEAD_LETTER_LOOP"),
        ({"leaseMs": -1}, "BAD_ARGUMENT"),
        ({"overflow": "DEAD_LETTER_OLDEST"}, "BAD_ARGUMENT"),
        ({"defaultPriority": 10}, "BAD_ARGUMENT"),
    ],
)
async def test_what_no_queue_can_be_is_refused_as_data(desk: Desk, settings: Any, code: str) -> None:
    assert (await desk.do(CREATE, settings=settings))["code"] == code


async def test_names_and_numbers_of_shards_are_checked(desk: Desk) -> None:
    for name, shards in (("a#1", 1), ("", 1), ("a", 0), ("a", 65)):
        assert (await desk.do(CREATE, name=name, shards=shards))["code"] in {"BAD_ARGUMENT", "BAD_NAME"}


async def test_settings_are_changed_one_by_one_and_only_of_the_version_that_was_seen(desk: Desk) -> None:
    made = await desk.do(CREATE, shards=2, settings={"deadLetterQueue": "dead"})
    configure = """mutation ($settings: QueueSettingsInput!, $version: Long) {
        it: configureQueue(name: "orders", settings: $settings, version: $version) { ... on Refusal { code }
        ... on ChangedQueue { version positions settings { leaseMs deadLetterQueue maxAttempts paused } } } }"""
    changed = await desk.do(configure, settings={"leaseMs": 9_000}, version=made["version"])
    assert changed["settings"] == {
        "leaseMs": 9_000,
        "deadLetterQueue": "dead",
        "maxAttempts": 5,
        "paused": False,
    }
    assert (await desk.do(configure, settings={"leaseMs": 1_000}, version=made["version"]))[
        "code"
    ] == "VERSION_CONFLICT"
    changed = await desk.do(configure, settings={"deadLetterQueue": None})
    assert (changed["settings"]["deadLetterQueue"], changed["settings"]["leaseMs"]) == (None, 9_000)
    assert [desk.worker.state(shard).settings.lease_ms for shard in ("orders", "orders#1")] == [9_000, 9_000]


async def test_a_paused_queue_delivers_nothing_until_it_is_resumed(desk: Desk) -> None:
    await desk.do(CREATE)
    await desk.put("one")
    field = '{ it: %sQueue(name: "orders") { ... on ChangedQueue { settings { paused } } } }'
    assert (await desk.do("mutation " + field.replace("%s", "pause")))["settings"] == {"paused": True}
    assert await desk.take() == []
    assert (await desk.do("mutation " + field.replace("%s", "resume")))["settings"] == {"paused": False}
    assert len(await desk.take()) == 1


async def test_messages_go_in_with_all_that_was_said_and_come_out_so(desk: Desk) -> None:
    await desk.do(CREATE)
    sent = [
        {
            "text": "käse",
            "group": "g",
            "priority": 9,
            "dedupId": "d",
            "headers": [{"name": "a", "value": "b"}],
        },
        {"base64": b64encode(b"\xff\x00").decode(), "key": "k"},
        {"text": "later", "delayMs": "60000"},
        {"text": "again", "group": "g", "dedupId": "d"},
    ]
    put = await desk.do(PUT, messages=sent)
    assert [one["duplicate"] for one in put["results"]] == [False, False, False, True]
    assert put["results"][3]["id"] == put["results"][0]["id"]
    assert put["failed"] == 0
    assert put["positions"][0] == max(one["position"] for one in put["results"])
    first, second = await desk.take()
    assert first["id"] == put["results"][0]["id"]
    assert (first["group"], first["priority"], first["dedupId"], first["attempt"]) == ("g", 9, "d", 1)
    assert first["headers"] == [{"name": "a", "value": "b"}]
    assert first["payload"] == {
        "size": 5, "text": "käse", "base64": b64encode("käse".encode()).decode(), "cut": False,
    }  # fmt: skip
    assert (second["key"], second["payload"]["text"], second["payload"]["size"]) == ("k", None, 2)
    assert 0 < first["expiresInMs"] <= 30_000
    await desk.pass_(61)
    assert "later" in [one["payload"]["text"] for one in await desk.take()]


async def test_one_message_needs_no_list(desk: Desk) -> None:
    await desk.do(CREATE)
    put = 'mutation { it: enqueue(queue: "orders", messages: { text: "x" }) { ... on EnqueuedMessages { failed } } }'
    assert (await desk.do(put)) == {"failed": 0}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "BAD_ARGUMENT"),
        ([{"text": "x"}] * 501, "BAD_ARGUMENT"),
        ([{}], "BAD_ARGUMENT"),
        ([{"text": "x", "base64": ""}], "BAD_ARGUMENT"),
        ([{"base64": "?"}], "BAD_ARGUMENT"),
        ([{"text": "\ud800"}], "BAD_ARGUMENT"),
        ([{"text": "x", "priority": 10}], "BAD_ARGUMENT"),
        ([{"text": "x", "delayMs": "-1"}], "BAD_ARGUMENT"),
        ([{"text": "x", "delayMs": "1", "deliverAt": "2030-01-01T00:00:00Z"}], "BAD_ARGUMENT"),
        ([{"text": "x", "headers": [{"name": "a", "value": v} for v in "bc"]}], "BAD_ARGUMENT"),
        ([{"text": "x" * 131_073}], "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_what_is_no_message_is_refused_as_data(desk: Desk, messages: Any, code: str) -> None:
    await desk.do(CREATE)
    refused = await desk.do(PUT, messages=messages)
    assert refused["code"] == code, refused
    assert await desk.take() == []


async def test_of_messages_some_may_be_in_and_others_not(desk: Desk) -> None:
    await desk.do(CREATE, settings={"maxDepth": 2})
    put = await desk.do(PUT, messages=[{"text": text} for text in "abc"])
    assert (put["failed"], [one["code"] for one in put["results"]]) == (1, [None, None, "QUEUE_FULL"])
    assert [one["id"] is None for one in put["results"]] == [False, False, True]
    assert (await desk.do(PUT, messages=[{"text": "d"}]))["code"] == "QUEUE_FULL"


async def test_numbers_that_commands_use_for_none_are_refused(desk: Desk) -> None:
    await desk.do(CREATE)
    await desk.put("x")
    (taken,) = await desk.take()
    for field in (
        f'nack(queue: "orders", receipts: "{taken["receipt"]}", delayMs: -1)',
        f'extend(queue: "orders", receipts: "{taken["receipt"]}", leaseMs: 0)',
        'configureQueue(name: "orders", settings: { maxAttempts: 7 }, version: 0)',
    ):
        refused = await desk.do(f"mutation {{ it: {field} {{ ... on Refusal {{ code }} }} }}")
        assert refused == {"code": "BAD_ARGUMENT"}, field
    assert (await desk.do(SETTLE["ack"], receipts=[taken["receipt"]]))["taken"] == 1


async def test_unknown_queues_are_refused_by_every_mutation(desk: Desk) -> None:
    for field in (
        'enqueue(queue: "none", messages: { text: "x" })',
        'receive(queue: "none")',
        'ack(queue: "none", receipts: "0.1.1")',
        'nack(queue: "none", receipts: "0.1.1")',
        'extend(queue: "none", receipts: "0.1.1")',
        'redrive(queue: "none")',
        'purge(queue: "none", state: READY)',
        'peek(queue: "none", first: 1)',
        'configureQueue(name: "none", settings: {})',
        'pauseQueue(name: "none")',
        'resizeQueue(name: "none", shards: 2)',
        'addSubscription(queue: "none", subscription: "s")',
    ):
        refused = await desk.do(f"mutation {{ it: {field} {{ ... on Refusal {{ code }} }} }}")
        assert refused == {"code": "QUEUE_UNKNOWN"}, field


async def test_a_consumer_that_waits_is_pushed_to_and_one_that_leaves_is_withdrawn(desk: Desk) -> None:
    await desk.do(CREATE)
    taking = asyncio.create_task(desk.take(waitMs=20_000))
    while not desk.worker.of(ReceiveMessages):
        await asyncio.sleep(0)
    await desk.put("one")
    assert [one["payload"]["text"] for one in await taking] == ["one"]
    leaving = asyncio.create_task(desk.take(waitMs=20_000))
    while len(desk.worker.of(ReceiveMessages)) < 2:
        await asyncio.sleep(0)
    leaving.cancel()
    async with asyncio.timeout(30):
        while not desk.worker.of(WithdrawReceive):
            await asyncio.sleep(0)
    for bad in ({"waitMs": 30_001}, {"waitMs": -1}, {"max": 0}, {"max": 101}):
        assert (await desk.do(TAKE, **bad))["code"] == "BAD_ARGUMENT"


async def test_receipts_settle_each_once_and_what_was_settled_says_so(desk: Desk) -> None:
    await desk.do(CREATE, shards=2)
    await desk.put(*(f"m{number}" for number in range(8)))
    receipts = [one["receipt"] for _ in range(2) for one in await desk.take(max=10)]
    assert {receipt.split(".")[0] for receipt in receipts} == {"0", "1"}
    kept = await desk.do(SETTLE["extend"], receipts=receipts)
    assert kept["taken"] == 8
    assert 29_000 <= kept["expiresInMs"] <= 30_000
    done = await desk.do(SETTLE["ack"], receipts=[*receipts[1:], *receipts[1:]])
    assert (done["taken"], done["refused"], len(done["positions"]) > 0) == (7, [], True)
    mixed = await desk.do(SETTLE["ack"], receipts=receipts)
    assert mixed["taken"] == 1
    assert sorted(one["receipt"] for one in mixed["refused"]) == sorted(receipts[1:])
    assert {one["problem"] for one in mixed["refused"]} == {"NOT_LEASED"}
    for name in SETTLE:
        assert (await desk.do(SETTLE[name], receipts=receipts))["code"] == "RECEIPT_INVALID"
        for bad in (["x"], ["0.1"], ["64.1.1"], [], ["0.1.1"] * 501):
            assert (await desk.do(SETTLE[name], receipts=bad))["code"] == "BAD_ARGUMENT"


async def _on_two_shards(desk: Desk) -> list[str]:
    """Return receipts of both shards, in their order."""
    await desk.do(CREATE, shards=2)
    await desk.put(*(f"m{number}" for number in range(8)))
    found = [one["receipt"] for _ in range(2) for one in await desk.take(max=10)]
    assert {receipt[0] for receipt in found} == {"0", "1"}
    return sorted(found)


@pytest.mark.parametrize("name", SETTLE)
async def test_what_one_shard_took_is_told_whatever_another_says(desk: Desk, name: str) -> None:
    receipts = await _on_two_shards(desk)
    async with tidelock.connect(desk.worker.address, token="t", clock=desk.clock) as client:
        await client.queues.delete("orders", force=True, shard=1)
    done = await desk.do(SETTLE[name], receipts=receipts)
    gone = [receipt for receipt in receipts if receipt[0] == "1"]
    assert done["taken"] == len(receipts) - len(gone)
    assert done["refused"] == [{"receipt": receipt, "problem": "QUEUE_UNKNOWN"} for receipt in gone]
    assert (await desk.do(SETTLE[name], receipts=gone))["code"] == "QUEUE_UNKNOWN"


async def test_what_one_shard_took_is_told_when_another_does_not_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = await _on_two_shards(desk)
    decide = desk.worker.commanded

    def commanded(connection: Any, meta: Any, command: Any) -> None:
        if not (isinstance(command, AckMessages) and command.shard == 1):
            decide(connection, meta, command)

    monkeypatch.setattr(desk.worker, "commanded", commanded)
    asking = asyncio.create_task(desk.do(SETTLE["ack"], receipts=receipts))
    while not desk.worker.of(AckMessages):
        await asyncio.sleep(0)
    await desk.pass_(35)
    done = await asking
    lost = [receipt for receipt in receipts if receipt[0] == "1"]
    assert done["taken"] == len(receipts) - len(lost)
    assert done["refused"] == [{"receipt": receipt, "problem": "OUTCOME_UNKNOWN"} for receipt in lost]


async def test_of_a_shard_that_takes_none_each_receipt_says_why(desk: Desk) -> None:
    receipts = await _on_two_shards(desk)
    await desk.do(SETTLE["ack"], receipts=[one for one in receipts if one[0] == "1"])
    desk.worker.principal = "another"
    await desk.put("theirs", "theirs", "theirs", "theirs")
    theirs = [one["receipt"] for _ in range(2) for one in await desk.take(max=10)]
    desk.worker.principal = "tester"
    sent = [*receipts, *(one for one in theirs if one[0] == "1")]
    done = await desk.do(SETTLE["ack"], receipts=sent)
    assert {one["receipt"]: one["problem"] for one in done["refused"]} == {
        receipt: "NOT_LEASED" if receipt in receipts else "NOT_YOURS" for receipt in sent if receipt[0] == "1"
    }
    assert set(theirs) & {one["receipt"] for one in done["refused"]}


async def test_what_fails_too_often_is_dead_and_is_redriven_purged_and_peeked_at(desk: Desk) -> None:
    await desk.do(CREATE, settings={"maxAttempts": 1})
    await desk.put("one", "two")
    fail = 'mutation ($r: [String!]!) { it: nack(queue: "orders", receipts: $r, reason: "no stock") %s }'
    await desk.do(fail.replace("%s", SETTLED), r=[one["receipt"] for one in await desk.take()])
    look = """mutation ($after: ID) { it: peek(queue: "orders", first: 1, state: DEAD, after: $after) {
        ... on PeekedMessages { messages { id state standing { reason attempts } payload { text } } } } }"""
    (first,) = (await desk.do(look))["messages"]
    (second,) = (await desk.do(look, after=first["id"]))["messages"]
    assert [one["payload"]["text"] for one in (first, second)] == ["one", "two"]
    assert (first["state"], first["standing"]) == ("DEAD", {"reason": "no stock", "attempts": 1})
    redrive = """mutation ($dry: Boolean! = false, $messages: [ID!], $reason: String) {
        it: redrive(queue: "orders", dryRun: $dry, messages: $messages, reason: $reason) {
        ... on Refusal { code } ... on RedrivenMessages { messages dryRun positions } } }"""
    found = await desk.do(redrive, dry=True)
    assert (found["messages"], found["dryRun"]) == ([first["id"], second["id"]], True)
    assert (await desk.do(redrive, reason="else"))["messages"] == []
    assert (await desk.do(redrive, messages=[second["id"]]))["messages"] == [second["id"]]
    assert [one["payload"]["text"] for one in await desk.take()] == ["two"]
    purge = """mutation ($state: MessageState!, $limit: Int! = 10) {
        it: purge(queue: "orders", state: $state, limit: $limit) {
        ... on Refusal { code } ... on PurgedMessages { messages positions } } }"""
    assert (await desk.do(purge, state="LEASED"))["code"] == "BAD_ARGUMENT"
    assert (await desk.do(purge, state="DEAD", limit=0))["code"] == "BAD_ARGUMENT"
    assert (await desk.do(purge, state="DEAD"))["messages"] == 1
    assert (await desk.do(redrive))["messages"] == []


async def test_a_queue_is_deleted_with_what_it_holds_only_by_force(desk: Desk) -> None:
    delete = """mutation ($force: Boolean! = false) { it: deleteQueue(name: "orders", force: $force) {
        ... on Refusal { code } ... on DeletedQueue { messages } } }"""
    assert (await desk.do(delete)) == {"messages": 0}
    await desk.do(CREATE)
    await desk.put("one")
    assert (await desk.do(delete)) == {"code": "QUEUE_NOT_EMPTY"}
    assert (await desk.do(delete, force=True)) == {"messages": 1}
    assert (await desk.do(PUT, messages=[{"text": "x"}]))["code"] == "QUEUE_UNKNOWN"


async def test_a_resize_begins_and_is_asked_for_again_until_it_is_done(desk: Desk) -> None:
    await desk.do(CREATE, settings={"dedupWindowMs": 5_000})
    resize = """mutation ($shards: Int! = 3) { it: resizeQueue(name: "orders", shards: $shards) {
        ... on Refusal { code } ... on ResizedQueue { shards drained involved left done } } }"""
    await desk.do(PUT, messages=[{"text": "x", "dedupId": "d"}])
    begun = await desk.do(resize)
    assert (begun["shards"], begun["involved"], begun["done"]) == (3, 3, False)
    await desk.pass_(6)
    assert (await desk.do(resize))["done"]
    await desk.put(*(f"m{number}" for number in range(30)))
    assert {command.shard for command in desk.worker.of(EnqueueMessages)} == {0, 1, 2}
    assert (await desk.do(resize, shards=65)) == {"code": "BAD_ARGUMENT"}


async def test_every_subscription_of_a_broadcast_gets_each_message(desk: Desk) -> None:
    await desk.do(CREATE, settings={"broadcast": True})
    change = """mutation ($s: String!) { it: %sSubscription(queue: "orders", subscription: $s) {
        ... on Refusal { code } ... on ChangedSubscription { subscription positions } } }"""
    for name in ("mail", "stock"):
        assert (await desk.do(change.replace("%s", "add"), s=name))["subscription"] == name
    await desk.put("one")
    for name in ("mail", "stock"):
        (found,) = await desk.take(subscription=name)
        assert found["payload"]["text"] == "one"
    assert (await desk.do(TAKE, subscription="none"))["code"] == "SUBSCRIPTION_UNKNOWN"
    assert (await desk.do(TAKE))["code"] == "SUBSCRIPTION_UNKNOWN"
    assert (await desk.do(change.replace("%s", "remove"), s="mail"))["subscription"] == "mail"
    assert (await desk.do(TAKE, subscription="mail"))["code"] == "SUBSCRIPTION_UNKNOWN"
    assert (await desk.do(change.replace("%s", "add"), s=""))["code"] == "BAD_ARGUMENT"


async def test_without_a_session_all_requests_of_a_principal_share_the_nodes_client(desk: Desk) -> None:
    await desk.do(CREATE)
    await desk.put("one")
    assert len(desk.world.services.sessions) == 1
    await desk.do(PUT, messages=[{"text": "x"}], session="a-session-of-my-own")
    assert len(desk.world.services.sessions) == 2
    refused = await desk.world.refused(PUT, messages=[{"text": "x"}], session="short")
    assert refused["code"] == "BAD_ARGUMENT"
    assert desk.worker.of(InspectQueue)
