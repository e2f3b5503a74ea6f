"""Queues through GraphQL on a real stack: written, read back, watched; nodes are killed under those who watch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.api.stage import Stage, until
from tests.integration.api_subscriptions.queue_users import DELIVERIES, DEPTH, QUEUE_EVENTS, QueueTruth
from tests.integration.api_subscriptions.test_subscriptions import have_all, watching
from tests.integration.api_subscriptions.users import User, gaps, got, over_events
from tidelock.client.client import Client
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("queue-subscriptions"),
]

PATIENCE_S = 60
CREATE = """mutation ($name: String!, $shards: Int! = 1, $settings: QueueSettingsInput) {
    answer: createQueue(name: $name, shards: $shards, settings: $settings) { __typename
        ... on ChangedQueue { positions } ... on Refusal { code } } }"""
PUT = """mutation ($queue: String!, $messages: [MessageInput!]!) {
    answer: enqueue(queue: $queue, messages: $messages) { __typename
        ... on EnqueuedMessages { positions results { id } } ... on Refusal { code } } }"""
TAKE = """mutation ($queue: String!, $max: Int! = 10, $waitMs: Int! = 0) {
    answer: receive(queue: $queue, max: $max, waitMs: $waitMs) { __typename
        ... on ReceivedMessages { messages { id receipt attempt payload { text } } } ... on Refusal { code } } }"""
ACK = """mutation ($queue: String!, $receipts: [String!]!) {
    answer: ack(queue: $queue, receipts: $receipts) { __typename
    ... on SettledMessages { taken positions } ... on Refusal { code } } }"""
NACK = """mutation ($queue: String!, $receipts: [String!]!) {
    answer: nack(queue: $queue, receipts: $receipts, reason: "out of stock") {
        ... on SettledMessages { taken positions } ... on Refusal { code } } }"""
REDRIVE = """mutation ($queue: String!, $dry: Boolean!) { answer: redrive(queue: $queue, dryRun: $dry) {
    ... on RedrivenMessages { messages positions } ... on Refusal { code } } }"""
QUEUE = """query ($name: String!, $at: At, $notBefore: [Position!]) {
    queue(name: $name, at: $at, notBefore: $notBefore) { depth { ready leased dead total } oldest
        shards { shard depth { total } } rates { enqueued } asOf { positions } } }"""
MESSAGES = """query ($queue: String!, $notBefore: [Position!]) {
    messages(queue: $queue, first: 10, notBefore: $notBefore) { nodes { id state payload { text } body { group } } }
    deadLetters(queue: $queue, first: 10, notBefore: $notBefore) { nodes { id reason attempts queue { name } } } }"""
LIFE = """query ($queue: String!, $id: ID!, $notBefore: [Position!]) {
    message(queue: $queue, id: $id, notBefore: $notBefore) { standing { state }
        biography(first: 20) { nodes { what reason client position } } } }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    home = tmp_path_factory.mktemp("queues")
    async with (
        stack_for_tests(home, ("kafka", "postgres"), workers=1, projectors=1, apis=2) as stack,
        Stage(stack) as stage,
    ):
        yield stage


async def test_what_is_enqueued_is_read_received_and_acknowledged_on_any_node(stage: Stage) -> None:
    made = await stage.do(CREATE, name="flow", shards=2)
    assert (await stage.ask(QUEUE, 1, name="flow", notBefore=made["positions"]))["queue"]["depth"][
        "total"
    ] == 0
    sent = [{"text": f"m{number}", "group": f"g{number}"} for number in range(6)]
    put = await stage.do(PUT, queue="flow", messages=sent)
    ids = [one["id"] for one in put["results"]]
    found = (await stage.ask(QUEUE, 1, name="flow", notBefore=put["positions"]))["queue"]
    assert found["depth"] == {"ready": 6, "leased": 0, "dead": 0, "total": 6}
    assert found["oldest"] is not None
    assert sum(one["depth"]["total"] for one in found["shards"]) == 6
    page = await stage.ask(MESSAGES, queue="flow", notBefore=put["positions"])
    assert {(one["id"], one["payload"]["text"]) for one in page["messages"]["nodes"]} == {
        (identity, f"m{number}") for number, identity in enumerate(ids)
    }
    received = list[dict[str, Any]]()
    while len(received) < 6:
        received += (await stage.do(TAKE, len(received) % 2, queue="flow", waitMs=5_000))["messages"]
    assert sorted(one["payload"]["text"] for one in received) == [f"m{number}" for number in range(6)]
    receipts = [one["receipt"] for one in received]
    done = await stage.do(ACK, 1, queue="flow", receipts=receipts)
    assert done["taken"] == 6
    assert (await stage.do(ACK, queue="flow", receipts=receipts))["code"] == "RECEIPT_INVALID"
    life = (await stage.ask(LIFE, queue="flow", id=ids[0], notBefore=done["positions"]))["message"]
    assert life["standing"] == []
    steps = life["biography"]["nodes"]
    assert [one["what"] for one in steps] == ["ENQUEUED", "DELIVERED", "ACKED"]
    assert steps[1]["client"].startswith("gql-")
    now = await stage.ask(QUEUE, name="flow", notBefore=done["positions"])
    assert now["queue"]["depth"]["total"] == 0
    then = await stage.ask(QUEUE, name="flow", at=steps[0]["position"])
    assert then["queue"]["depth"]["ready"] > 0


async def test_what_fails_too_often_is_dead_until_it_is_redriven(stage: Stage) -> None:
    await stage.do(CREATE, name="frail", settings={"maxAttempts": 1})
    put = await stage.do(PUT, queue="frail", messages=[{"text": "one"}])
    (identity,) = [one["id"] for one in put["results"]]
    (message,) = (await stage.do(TAKE, queue="frail", waitMs=5_000))["messages"]
    failed = await stage.do(NACK, queue="frail", receipts=[message["receipt"]])
    page = await stage.ask(MESSAGES, queue="frail", notBefore=failed["positions"])
    assert page["deadLetters"]["nodes"] == [
        {"id": identity, "reason": "out of stock", "attempts": 1, "queue": {"name": "frail"}}
    ]
    assert (await stage.do(REDRIVE, queue="frail", dry=True))["messages"] == [identity]
    redriven = await stage.do(REDRIVE, queue="frail", dry=False)
    assert redriven["messages"] == [identity]
    (again,) = (await stage.do(TAKE, queue="frail", waitMs=5_000))["messages"]
    assert (again["id"], again["attempt"]) == (identity, 1)
    done = await stage.do(ACK, queue="frail", receipts=[again["receipt"]])
    life = (await stage.ask(LIFE, queue="frail", id=identity, notBefore=done["positions"]))["message"]
    assert [(one["what"], one["reason"]) for one in life["biography"]["nodes"]] == [
        ("ENQUEUED", None), ("DELIVERED", None), ("DIED", "out of stock"), ("REDRIVEN", None), ("DELIVERED", None),
        ("ACKED", None),
    ]  # fmt: skip


async def test_a_caller_that_hangs_up_leaves_nothing_leased(stage: Stage) -> None:
    await stage.do(CREATE, name="left")
    taking = asyncio.create_task(stage.do(TAKE, queue="left", waitMs=30_000))
    await until(lambda: waiting(stage, "left"))
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await until(lambda: nobody_waits(stage, "left"))
    await stage.do(PUT, queue="left", messages=[{"text": "one"}])
    (message,) = (await stage.do(TAKE, queue="left", waitMs=5_000))["messages"]
    assert message["attempt"] == 1


async def waiting(stage: Stage, name: str) -> bool:
    found = (await stage.ask("query ($name: String!) { queue(name: $name) { waiting } }", name=name))["queue"]
    return found is not None and found["waiting"] == 1


async def nobody_waits(stage: Stage, name: str) -> bool:
    return not await waiting(stage, name)


@asynccontextmanager
async def busy(client: Client, queue: str) -> AsyncIterator[None]:
    """Put and consume as long as this is open."""

    async def put() -> None:
        number = 0
        while True:
            number += 1
            await client.queue(queue).put(b"%d" % number, group=f"g{number % 17}")
            await asyncio.sleep(0.005)

    async def consume() -> None:
        async for message in client.queue(queue).consume():
            async with message:
                pass

    running = [asyncio.create_task(put()), asyncio.create_task(consume())]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_node_killed_under_those_who_watch_and_all_go_on_elsewhere_without_gap_or_repeat(
    stage: Stage,
) -> None:
    stack, client = stage.stack, await stage.client()
    await client.queue("watched").create(shards=4)
    users = [User(QUEUE_EVENTS, {"queue": "watched"}) for _ in range(20)]
    users += [User(DELIVERIES, {"queue": "watched"}) for _ in range(10)]
    users += [User(QUEUE_EVENTS, {"queue": "watched"}, over_events) for _ in range(4)]
    depths = [User(DEPTH, {"queue": "watched"}) for _ in range(10)]
    everybody = users + depths
    async with watching(everybody, stack.addresses.apis, stage.token), busy(client, "watched"):
        async with asyncio.timeout(PATIENCE_S):
            for user in everybody:
                await user.first.wait()
        before = [len(user.items) for user in everybody]
        stack.part("api-0").kill(signal.SIGKILL)

        async def all_went_on() -> bool:
            return all(len(user.items) > count + 3 for user, count in zip(everybody, before, strict=True))

        await until(all_went_on)
    async with watching(everybody, stack.addresses.apis, stage.token):
        truth = await QueueTruth.read(stack.addresses.kafka)
        await have_all(users, truth)
        last = await client.queue("watched").stats()

        async def all_know() -> bool:
            return all(user.items[-1]["depth"]["total"] == last.messages for user in depths)

        await until(all_know)
    assert [gap for user in users for gap in gaps(user, truth)] == []
    assert all(user.resumed for user in everybody)
    shards = {item["shard"] for item in users[0].items}
    assert shards == {0, 1, 2, 3}
    assert len(got(users[0])) > 100
    for user in depths:
        told = [tuple(item["depth"].values()) for item in user.items]
        assert len(told) > 3
        assert all(one["exists"] for one in user.items)
    await stack.part("api-0").wait_ready()
