"""The ASGI application: which request goes where. No routes but one, /graphql."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from api.errors import BadRequest
from api.graphiql import page
from api.http import GraphQLOverHttp, Receive, Scope, Send, answer

PATH = "/graphql"
EVENT_STREAM = b"text/event-stream"

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class ApiApp:
    """POST: one answer. WebSocket, or a request that accepts an event stream: `live`. GET: GraphiQL, in development."""

    def __init__(self, http: GraphQLOverHttp, live: App | None = None, dev_token: str | None = None) -> None:
        self._http = http
        self._live = live
        self._page = None if dev_token is None else page(dev_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
        elif kind == "websocket" and (self._live is None or scope["path"] != PATH):
            await receive()
            await send({"type": "websocket.close", "code": 4404, "reason": "only /graphql is served"})
        elif scope["path"] != PATH:
            refused = BadRequest(f"Only {PATH} is served here.", code="NOT_FOUND")
            await answer(send, 404, {"data": None, "errors": [refused.formatted]})
        elif self._live is not None and (kind == "websocket" or _wants_stream(scope)):
            await self._live(scope, receive, send)
        elif scope["method"] == "POST":
            await self._http(scope, receive, send)
        elif scope["method"] == "GET" and self._page is not None:
            await _html(send, self._page)
        else:
            refused = BadRequest("Send queries by POST.", code="METHOD_NOT_ALLOWED")
            await answer(send, 405, {"data": None, "errors": [refused.formatted]}, ((b"allow", b"POST"),))


def _wants_stream(scope: Scope) -> bool:
    return any(name == b"accept" and EVENT_STREAM in text for name, text in scope["headers"])


async def _html(send: Send, body: bytes) -> None:
    heads = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": heads})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
