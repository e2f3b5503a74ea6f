"""A real stack with two API nodes, and what tests ask of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self, cast

import httpx

import tidelock
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

PATIENCE_S = 30.0

ACQUIRE = """mutation ($session: String!, $name: String!, $terms: Terms) {
    answer: acquireLock(session: $session, name: $name, terms: $terms) { __typename
        ... on AcquiredLock { token handle expiresInMs position } ... on Refusal { code position } } }"""
RENEW = """mutation ($session: String!, $name: String!, $token: Long!) {
    answer: renewLock(session: $session, name: $name, token: $token) { __typename
        ... on RenewedLock { expiresInMs position } ... on Refusal { code } } }"""
RELEASE = """mutation ($session: String!, $name: String!, $token: Long!) {
    answer: releaseLock(session: $session, name: $name, token: $token) { __typename
        ... on ReleasedLock { position } ... on Refusal { code } } }"""
LOCK = """query ($name: String!, $at: At, $notBefore: Position) {
    lock(name: $name, at: $at, notBefore: $notBefore) {
        mode holders { client token } waiters { client ticket } asOf { positions time } } }"""


def session() -> str:
    return str(uuid.uuid4())


class Stage:
    """What a test acts on."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.token = DEV.chosen(stack.settings.home)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.http = await self._open.enter_async_context(httpx.AsyncClient(headers=headers, timeout=60))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def postgres(self) -> str:
        return str(self.stack.addresses.postgres)

    async def post(self, query: str, node: int = 0, timeout: float = 60, **variables: Any) -> dict[str, Any]:
        address = self.stack.addresses.apis[node]
        answer = await self.http.post(
            f"http://{address}/graphql", json={"query": query, "variables": variables}, timeout=timeout
        )
        return cast("dict[str, Any]", answer.json())

    async def ask(self, query: str, node: int = 0, **variables: Any) -> dict[str, Any]:
        answer = await self.post(query, node, **variables)
        assert "errors" not in answer, answer
        return cast("dict[str, Any]", answer["data"])

    async def do(self, mutation: str, node: int = 0, **variables: Any) -> dict[str, Any]:
        return cast("dict[str, Any]", (await self.ask(mutation, node, **variables))["answer"])

    async def client(self, node: str | None = None) -> Client:
        """Return a client that is open as long as the stage, and a node if it has a name."""
        client = await tidelock.connect(
            *self.stack.addresses.workers,
            token=self.token,
            node=None if node is None else tidelock.Node(node),
        )
        self._open.push_async_callback(client.close)
        return client


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    """Return what `holds` says as soon as that is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await holds()):
            await asyncio.sleep(0.02)
        return found
