"""An ASGI connection in one's hands: what a server would hand over, what the application sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any, cast
from urllib.parse import urlencode

from api.http import GraphQLOverHttp
from api.identity import DevelopmentToken
from api.schema import build
from api.services import Services
from api.subscriptions.app import DEFAULT_SHARES, LiveApp
from api.subscriptions.shares import ShareLimits
from api.subscriptions.sockets import SocketLimits
from tests.unit.api_subscriptions.world import TENANT, Node

TOKEN = "secret"
INIT = {"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}


def app_of(node: Node, limits: SocketLimits | None = None, shares: ShareLimits = DEFAULT_SHARES) -> LiveApp:
    nothing = cast("Any", None)
    services = Services(
        authenticator=DevelopmentToken(TOKEN, TENANT, "app"), reads=nothing, progress=nothing, log_ends=nothing,
        sessions=nothing, partitions={"locks": len(node.logs.wheres)}, page_key=b"", live=node.live,
        live_queues=node.live_queues, live_nodes=node.live_nodes, live_caches=node.live_caches,
    )  # fmt: skip
    schema = build(introspection=True)
    http = GraphQLOverHttp(schema, services)
    return LiveApp(schema, services, http, limits or SocketLimits(operations=3), shares)


class Connection:
    """One connection to the application."""

    def __init__(self, app: LiveApp, scope: dict[str, Any]) -> None:
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(app(scope, self._in.get, self._out.put))

    def push(self, message: dict[str, Any]) -> None:
        self._in.put_nowait(message)

    async def sent(self) -> MutableMapping[str, Any]:
        async with asyncio.timeout(30):
            sent = await self._out.get()
        sent.get("text", "").encode()  # as servers must
        return sent

    def silent(self) -> bool:
        return self._out.empty()

    async def leave(self, kind: str) -> None:
        self.push({"type": f"{kind}.disconnect"})
        async with asyncio.timeout(30):
            await self.task


class Socket(Connection):
    """A WebSocket, open."""

    def __init__(self, app: LiveApp, protocol: str = "graphql-transport-ws") -> None:
        super().__init__(
            app, {"type": "websocket", "path": "/graphql", "subprotocols": [protocol], "headers": []}
        )
        self.push({"type": "websocket.connect"})

    def say(self, message: Any) -> None:
        self.push(
            {
                "type": "websocket.receive",
                "text": message if isinstance(message, str) else json.dumps(message),
            }
        )

    async def heard(self) -> dict[str, Any]:
        sent = await self.sent()
        assert sent["type"] == "websocket.send", sent
        return cast("dict[str, Any]", json.loads(sent["text"]))

    async def begin(self) -> Socket:
        assert (await self.sent())["type"] == "websocket.accept"
        self.say(INIT)
        assert await self.heard() == {"type": "connection_ack"}
        return self

    def subscribe(self, number: str, query: str, **variables: Any) -> None:
        self.say({"id": number, "type": "subscribe", "payload": {"query": query, "variables": variables}})


class Stream(Connection):
    """A request for an event stream."""

    def __init__(
        self, app: LiveApp, query: str, *headers: tuple[str, str], token: str = TOKEN, method: str = "POST",
        kind: str = "application/json", body: bool = True, **variables: Any,
    ) -> None:  # fmt: skip
        heads = [
            ("authorization", f"Bearer {token}"),
            ("accept", "text/event-stream"),
            ("content-type", kind),
        ]
        heads += headers
        asked = urlencode({"query": query, "variables": json.dumps(variables)}) if method == "GET" else ""
        scope = {
            "type": "http", "method": method, "path": "/graphql", "query_string": asked.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in heads],
        }  # fmt: skip
        super().__init__(app, scope)
        if body:
            whole = json.dumps({"query": query, "variables": variables}).encode()
            self.push({"type": "http.request", "body": whole, "more_body": False})

    async def begin(self) -> int:
        return int((await self.sent())["status"])

    async def event(self) -> dict[str, str]:
        """Return the fields of the next event; comments are passed over."""
        while True:
            body = (await self.sent())["body"].decode()
            if not body.startswith(":"):
                return dict(line.split(": ", 1) for line in body.strip("\n").split("\n"))
