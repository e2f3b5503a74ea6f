"""`graphql-transport-ws`: many operations over one WebSocket. Plain ASGI.

The server pings (uvicorn does) and answers pings; who says nothing at first is cut off. A subscription that ends before
its time gets an `error` message whose extensions hold code and cursor.
"""

import asyncio
import json
from contextlib import ExitStack, aclosing
from typing import Any, Final

import structlog
from graphql import GraphQLError

from api.errors import NotAuthenticated
from api.http import Asked, Receive, Scope, Send
from api.identity import Authenticator, Identity, bearer
from api.subscriptions.errors import TooManyConnections, TooManySubscriptions
from api.subscriptions.operations import Operations
from api.subscriptions.shares import Share
from streams.domain.value import value

PROTOCOL: Final = "graphql-transport-ws"
TRY_AGAIN_LATER: Final = 1013
MAX_ID: Final = 128
MAX_REASON_BYTES: Final = 120


@value
class SocketLimits:
    """What one connection may have."""

    operations: int = 100
    init_s: float = 10.0


class _Close(Exception):
    """The connection must end, by this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Sockets:
    """Serves WebSockets (ASGI)."""

    def __init__(
        self, operations: Operations, authenticator: Authenticator, limits: SocketLimits, connections: Share
    ) -> None:
        self._operations = operations
        self._authenticator = authenticator
        self._limits = limits
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()
        if PROTOCOL not in scope.get("subprotocols", ()):
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4406, "reason": f"Speak {PROTOCOL}."})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        with ExitStack() as held:
            await self._serve(_Connection(self._operations, self._limits, send), held, scope, receive, send)

    async def _serve(
        self, connection: "_Connection", held: ExitStack, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            async with asyncio.timeout(self._limits.init_s):
                connection.who = await self._begin(held, scope, receive, send)
            while (message := await _message(receive)) is not None:
                await connection.take(message)
        except TimeoutError:
            await _close(send, 4408, "Connection initialisation timeout")
        except _Close as closing:
            await _close(send, closing.code, closing.reason)
        finally:
            await connection.end()

    async def _begin(self, held: ExitStack, scope: Scope, receive: Receive, send: Send) -> Identity:
        """Return who connects, once that is known; it counts among theirs as long as it is `held`."""
        while (message := await _message(receive)) is not None:
            match message:
                case {"type": "connection_init"}:
                    try:
                        who = self._authenticator.identify(_token(message.get("payload"), scope))
                        held.enter_context(self._connections.one(who))
                    except NotAuthenticated as error:
                        raise _Close(4403, f"{error.code}: {error.message}") from None
                    except TooManyConnections as error:
                        raise _Close(TRY_AGAIN_LATER, f"{error.code}: {error.message}") from None
                    await _send(send, {"type": "connection_ack"})
                    return who
                case {"type": "ping"}:
                    await _send(send, {"type": "pong"})
                case {"type": "pong"}:
                    pass
                case _:
                    raise _Close(4401, "Unauthorized")
        raise _Close(1000, "")


class _Connection:
    """One connection and its operations."""

    who: Identity

    def __init__(self, operations: Operations, limits: SocketLimits, send: Send) -> None:
        self._operations = operations
        self._limits = limits
        self._send = send
        self._running: dict[str, asyncio.Task[None]] = {}

    async def take(self, message: dict[str, Any]) -> None:
        """Do what one message asks. Raises `_Close`."""
        match message:
            case {"type": "subscribe", "id": str(number), "payload": dict(payload)} if number:
                await self._subscribe(number, payload)
            case {"type": "complete", "id": str(number)}:
                running = self._running.pop(number, None)
                if running is not None:
                    running.cancel()
            case {"type": "ping"}:
                await _send(self._send, {"type": "pong"})
            case {"type": "pong"}:
                pass
            case {"type": "connection_init"}:
                raise _Close(4429, "Too many initialisation requests")
            case _:
                raise _Close(4400, "Not a message of this protocol")

    async def end(self) -> None:
        """End all operations."""
        running = list(self._running.values())
        self._running.clear()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _subscribe(self, number: str, payload: dict[str, Any]) -> None:
        if number in self._running:
            raise _Close(4409, f"Subscriber for {number[:MAX_ID]} already exists")
        if len(number) > MAX_ID:
            raise _Close(4400, f"An id has at most {MAX_ID} characters")
        query, variables, operation = (payload.get(key) for key in ("query", "variables", "operationName"))
        if not (
            isinstance(query, str)
            and isinstance(variables, dict | None)
            and isinstance(operation, str | None)
        ):
            raise _Close(4400, "`payload` is no request")
        if len(self._running) >= self._limits.operations:
            refused = TooManySubscriptions(
                f"This connection has {self._limits.operations} operations and gets no more. Open another one."
            )
            await self._failed(number, refused)
            return
        task = asyncio.create_task(self._run(number, Asked(query, variables, operation)))
        self._running[number] = task

    async def _run(self, number: str, asked: Asked) -> None:
        head = f'{{"id":{json.dumps(number)},"type":"next","payload":'
        send = self._send
        try:
            async with aclosing(self._operations.answers(asked, self.who)) as answers:
                async for answer in answers:
                    await send({"type": "websocket.send", "text": f"{head}{answer.text}}}"})
            self._running.pop(number, None)
            await _send(send, {"id": number, "type": "complete"})
        except GraphQLError as error:
            self._running.pop(number, None)
            await self._failed(number, error)
        except OSError:
            self._running.pop(number, None)  # uvicorn's way to say that nobody is there any more

    async def _failed(self, number: str, error: GraphQLError) -> None:
        await _send(self._send, {"id": number, "type": "error", "payload": [error.formatted]})


def _token(payload: object, scope: Scope) -> str:
    """Return the token of `connection_init`, else of the handshake. Raises `NotAuthenticated`."""
    if isinstance(payload, dict):
        for name in ("Authorization", "authorization"):
            if isinstance(payload.get(name), str):
                return bearer(payload[name])
    header = next((text for name, text in scope["headers"] if name == b"authorization"), None)
    if header is None:
        raise NotAuthenticated(
            'No token came. Send {"Authorization": "Bearer TOKEN"} as the payload of connection_init.'
        )
    return bearer(header.decode("latin-1"))


async def _message(receive: Receive) -> dict[str, Any] | None:
    """Return the next message; None at the end. Raises `_Close`."""
    received = await receive()
    if received["type"] == "websocket.disconnect":
        return None
    try:
        message = json.loads(received.get("text") or "")
    except (ValueError, RecursionError):
        raise _Close(4400, "A message is a JSON object, as text") from None
    if not isinstance(message, dict):
        raise _Close(4400, "A message is a JSON object, as text")
    return message


async def _send(send: Send, message: dict[str, Any]) -> None:
    try:
        await send({"type": "websocket.send", "text": json.dumps(message, separators=(",", ":"))})
    except OSError:
        structlog.get_logger("tidelock.api.live").debug("a peer left before it was answered")


async def _close(send: Send, code: int, reason: str) -> None:
    try:
        short = reason.encode("utf-8", "replace")[:MAX_REASON_BYTES].decode("utf-8", "ignore")
        await send({"type": "websocket.close", "code": code, "reason": short})
    except OSError:
        structlog.get_logger("tidelock.api.live").debug("a peer left before it was told why", code=code)
