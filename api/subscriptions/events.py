"""Server-sent events, as graphql-sse has them in its distinct connections mode: one operation, one response.

Each item is `event: next` with its cursor as `id`; a browser that reconnects sends it back as Last-Event-ID, and the
stream goes on behind it. Errors come as a `next` with `errors`, then `event: complete`. A comment now and then keeps
the connection open.
"""

import asyncio
import json
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import parse_qs

from graphql import GraphQLError

from api.errors import ApiError, BadRequest
from api.http import (
    NOT_ALLOWED,
    Asked,
    CallerGone,
    Receive,
    Scope,
    Send,
    asked_of,
    body_of,
    check_type,
    refuse,
)
from api.identity import Authenticator, Identity, bearer
from api.subscriptions.operations import Operations
from api.subscriptions.shares import Share

KEEP_ALIVE_S: Final = 15.0
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class EventStreams:
    """Serves requests that accept an event stream (ASGI)."""

    def __init__(
        self,
        operations: Operations,
        authenticator: Authenticator,
        connections: Share,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._operations = operations
        self._authenticator = authenticator
        self._connections = connections
        self._keep_alive_s = keep_alive_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            who = self._authenticator.identify(bearer(_header(scope, b"authorization")))
            with self._connections.one(who):
                await self._serve(who, scope, receive, send)
        except ApiError as error:
            await refuse(send, error)
        except CallerGone:
            return

    async def _serve(self, who: Identity, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream. Raises `ApiError` and `CallerGone` before it begins."""
        asked = await _asked(scope, receive)
        streaming = asyncio.create_task(self._stream(asked, who, scope, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((streaming, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            streaming.cancel()
            await asyncio.wait((streaming, leaving))

    async def _stream(self, asked: Asked, who: Identity, scope: Scope, send: Send) -> None:
        after, writes = _header(scope, b"last-event-id"), scope["method"] == "POST"
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        breathing = asyncio.create_task(self._breathe(send))
        try:
            async with aclosing(self._operations.answers(asked, who, after, writes=writes)) as answers:
                async for one in answers:
                    await _event(send, one.text, one.cursor)
        except GraphQLError as error:
            await _event(send, json.dumps({"errors": [error.formatted]}), None)
        finally:
            breathing.cancel()
        await send({"type": "http.response.body", "body": b"event: complete\ndata: \n\n", "more_body": False})

    async def _breathe(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_s)
            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})


async def _event(send: Send, text: str, cursor: str | None) -> None:
    mark = "" if cursor is None else f"id: {cursor}\n"
    body = f"event: next\n{mark}data: {text}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _asked(scope: Scope, receive: Receive) -> Asked:
    """Return the request. Raises `BadRequest`."""
    if scope["method"] == "POST":
        check_type(scope)
        return asked_of(await body_of(scope, receive))
    if scope["method"] != "GET":
        raise BadRequest("Ask for event streams by POST or GET.", code=NOT_ALLOWED)
    given: dict[str, Any] = {
        name: texts[0] for name, texts in parse_qs(scope["query_string"].decode("latin-1")).items()
    }
    try:
        given["variables"] = json.loads(given.get("variables", "null"))
    except (ValueError, RecursionError):
        raise BadRequest("`variables` is no JSON.", code="BAD_JSON") from None
    return asked_of(json.dumps(given).encode())


def _header(scope: Scope, name: bytes) -> str | None:
    found = next((text for header, text in scope["headers"] if header == name), None)
    return None if found is None else found.decode("latin-1")


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
