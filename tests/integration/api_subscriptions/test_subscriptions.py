"""Live subscriptions on a real stack: connections, kills, slow readers; the log is the judge."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

import tidelock
from tests.integration.api_subscriptions.users import (
    EVENTS,
    LOCK,
    Over,
    Truth,
    User,
    complete,
    gaps,
    got,
    over_events,
    over_socket,
)  # fmt: skip
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests
from tidelock.local.tokens import DEV

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("subscriptions"),
]

NAMES = 50
SUBSCRIBERS = 500
PATIENCE_S = 60
HELD_S = 0.03
"""Paces the work: some 500 changes a second, and ten times as many items."""
UNREAD = 6400
"""Events: more than socket buffers and a queue take."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    home = tmp_path_factory.mktemp("subscriptions")
    async with stack_for_tests(home, ("kafka", "postgres"), workers=1, projectors=1, apis=2) as stack:
        yield stack


@pytest.fixture(scope="module")
def token(stack: LocalStack) -> str:
    return DEV.chosen(stack.settings.home)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stack: LocalStack, token: str) -> AsyncIterator[Client]:
    async with await tidelock.connect(*stack.addresses.workers, token=token) as client:
        yield client


@asynccontextmanager
async def busy(client: Client, prefix: str, tasks: int = 8) -> AsyncIterator[None]:
    """Take and release locks, two who want the same at a time, as long as this is open."""

    async def work(number: int) -> None:
        turn = 0
        while True:
            turn += 1
            async with client.lock(f"{prefix}/{(number // 2 + turn) % NAMES}"):
                await asyncio.sleep(HELD_S)

    running = [asyncio.create_task(work(number)) for number in range(tasks)]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def rounds(client: Client, name: str, times: int) -> None:
    """Take and release one lock."""
    for _ in range(times):
        async with client.lock(name):
            pass


@asynccontextmanager
async def watching(
    users: list[User], addresses: Sequence[str], token: str
) -> AsyncIterator[list[asyncio.Task[None]]]:
    running = [asyncio.create_task(user.watch(addresses, token)) for user in users]
    try:
        yield running
    finally:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []


async def have_all(users: list[User], truth: Truth) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not all(complete(user, truth) for user in users):
            await asyncio.sleep(0.1)


async def test_a_node_killed_under_500_subscribers_and_all_go_on_elsewhere_without_gap_or_repeat(
    stack: LocalStack, client: Client, token: str
) -> None:
    users = [User(EVENTS, {"name": f"k/{number % NAMES}"}) for number in range(SUBSCRIBERS - 60)]
    users += [User(LOCK, {"name": f"k/{number}"}) for number in range(NAMES)]
    users += [User(EVENTS, {"prefix": "k/"}), User(EVENTS, {"prefix": "k/1"})]
    users += [User(EVENTS, {"name": f"k/{number}"}, over_events) for number in range(8)]
    assert len(users) == SUBSCRIBERS
    async with watching(users, stack.addresses.apis, token), busy(client, "k"):
        async with asyncio.timeout(PATIENCE_S):
            for user in users:
                await user.first.wait()
        before = [len(user.items) for user in users]
        stack.part("api-0").kill(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while not all(len(user.items) > count + 1 for user, count in zip(users, before, strict=True)):
                await asyncio.sleep(0.05)
    async with watching(users, stack.addresses.apis, token):
        truth = await Truth.read(stack.addresses.kafka)
        await have_all(users, truth)
    assert [gap for user in users for gap in gaps(user, truth)] == []
    assert all(user.resumed for user in users)
    assert sum(len(user.items) for user in users) > SUBSCRIBERS * 3
    await stack.part("api-0").wait_ready()


async def test_who_does_not_read_is_ended_with_its_cursor_and_goes_on(
    stack: LocalStack, client: Client, token: str
) -> None:
    user = User(EVENTS, {"prefix": "s/"})
    address = stack.addresses.apis[1]
    with pytest.raises(Over) as over:
        stream: Any = over_socket(address, token, EVENTS, {"prefix": "s/"}, receive_bytes=4096)
        async with aclosing(stream) as items:
            first = asyncio.create_task(anext(items))
            async with busy(client, "s"):
                user.items.append(await first)
            await asyncio.gather(*(rounds(client, f"s/{number}", UNREAD // 64) for number in range(32)))
            async for item in items:
                user.items.append(item)
    assert over.value.extensions["code"] == "SUBSCRIBER_TOO_SLOW"
    assert over.value.extensions["cursor"] == user.items[-1]["cursor"]
    truth = await Truth.read(stack.addresses.kafka)
    missed = len(truth.due(user)) - len(user.items)
    assert missed > 1000
    async with watching([user], [stack.addresses.apis[0]], token):
        await have_all([user], truth)
    assert gaps(user, truth) == []


async def test_a_stopped_node_says_where_to_go_on(stack: LocalStack, client: Client, token: str) -> None:
    user = User(EVENTS, {"name": "e/1"})
    with pytest.raises(Over) as over:
        async with aclosing(over_socket(stack.addresses.apis[0], token, LOCK, {"name": "e/1"})) as items:  # type: ignore[type-var]
            user.items.append(await anext(items))
            async with client.lock("e/1"):
                user.items.append(await anext(items))
            stack.part("api-0").kill(signal.SIGTERM)
            async for item in items:
                user.items.append(item)
    assert over.value.extensions["code"] == "SERVER_STOPPING"
    assert over.value.extensions["cursor"] == user.items[-1]["cursor"]
    assert len(user.items) >= 2
    await stack.part("api-0").wait_ready()


async def test_an_event_stream_gets_what_a_socket_gets(stack: LocalStack, client: Client, token: str) -> None:
    users = [User(LOCK, {"name": "v/1"}, transport) for transport in (over_socket, over_events)]
    async with watching(users, stack.addresses.apis, token):
        for user in users:
            await user.first.wait()
        for _ in range(3):
            async with client.lock("v/1"):
                pass
        truth = await Truth.read(stack.addresses.kafka)
        await have_all(users, truth)
    assert [gap for user in users for gap in gaps(user, truth)] == []
    assert got(users[0])[-6:] == got(users[1])[-6:]
