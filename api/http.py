"""GraphQL over HTTP: one POST, one JSON answer. Plain ASGI; what streams is `live`'s.

A body is refused before it is read, or as soon as it grows too long. One request a body: a list of them is none.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from graphql import GraphQLError
from pydantic_core import to_json

from api.context import Context, context_of
from api.errors import ApiError, BadRequest, NotAuthenticated, TooSlow
from api.identity import bearer
from api.present import present
from api.schema import Schema
from api.services import Services
from api.telemetry import REQUEST_SECONDS, count
from streams.domain.value import value
from streams.projections.floor import request

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
MAX_BODY_BYTES = 256 * 1024
BODY_S = 15.0
"""How long a body may take to come."""
QUERY_S = 10.0
MUTATION_S = 60.0
"""A wait for a lock takes up to half of it."""


@value
class Asked:
    """One request."""

    query: str
    variables: dict[str, Any] | None
    operation: str | None


class GraphQLOverHttp:
    """Answers POST requests."""

    def __init__(self, schema: Schema, services: Services) -> None:
        self._schema = schema
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        try:
            context = self._context(scope)
            asked = asked_of(await body_of(scope, receive))
        except ApiError as error:
            await refuse(send, error)
            return
        except CallerGone:
            return
        began_s = time.perf_counter()
        answered = await self._run(asked, context, receive)
        if answered is not None:
            await answer(send, 200, answered)
            count(answered)
            REQUEST_SECONDS.observe(time.perf_counter() - began_s)

    def _context(self, scope: Scope) -> Context:
        headers = scope["headers"]
        token = next((text for name, text in headers if name == b"authorization"), None)
        identity = self._services.authenticator.identify(bearer(token and token.decode("latin-1")))
        check_type(scope)
        return context_of(self._services, identity)

    async def _run(self, asked: Asked, context: Context, receive: Receive) -> dict[str, Any] | None:
        """Return the answer; None if nobody is there any more to take it."""
        if "mutation" not in asked.query:
            with request():
                return await self.answered(asked, context, QUERY_S)
        answering = asyncio.create_task(self.answered(asked, context, MUTATION_S))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            return answering.result() if answering.done() else None
        finally:
            leaving.cancel()
            answering.cancel()  # a wait whose asker is gone is taken back
            await asyncio.wait((answering, leaving))

    async def answered(self, asked: Asked, context: Context, within_s: float) -> dict[str, Any]:
        """Return the answer to one query or mutation, whatever becomes of it."""
        try:
            async with asyncio.timeout(within_s):
                result = await self._schema.answer(asked.query, asked.variables, asked.operation, context)
        except TimeoutError:
            late = TooSlow(f"The answer takes longer than {within_s:.0f} s. Ask for less at a time.")
            if "mutation" in asked.query:
                late = TooSlow(
                    f"All together takes longer than {within_s:.0f} s, and what came first may be done. "
                    "Look at what it is about; send one mutation at a time.",
                    code=OUTCOME_UNKNOWN,
                )
            return {"data": None, "errors": [late.formatted]}
        except GraphQLError as error:
            return {"data": None, "errors": [present(error).formatted]}
        except Exception as error:
            failed = present(GraphQLError(str(error), original_error=error))
            return {"data": None, "errors": [failed.formatted]}
        if result.errors:
            return {"data": result.data, "errors": [present(error).formatted for error in result.errors]}
        return {"data": result.data}


OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
TOO_LARGE = "REQUEST_TOO_LARGE"
TOO_SLOW = "REQUEST_TIMEOUT"
NOT_ALLOWED = "METHOD_NOT_ALLOWED"
TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
_CLOSE = ((b"connection", b"close"),)
"""The rest of the body is not waited for."""
_STATUS: dict[str, tuple[int, tuple[tuple[bytes, bytes], ...]]] = {
    NotAuthenticated.code: (401, ((b"www-authenticate", b"Bearer"),)),
    NOT_ALLOWED: (405, ((b"allow", b"POST"),)),
    TOO_SLOW: (408, _CLOSE),
    TOO_LARGE: (413, _CLOSE),
    TOO_MANY_CONNECTIONS: (429, _CLOSE),
}


class CallerGone(Exception):
    """The caller hung up."""


async def refuse(send: Send, error: ApiError) -> None:
    """Answer a request that is not run."""
    status, headers = _STATUS.get((error.extensions or {})["code"], (400, ()))
    body = {"data": None, "errors": [error.formatted]}
    await answer(send, status, body, headers)
    count(body)


def check_type(scope: Scope) -> None:
    """Raise `BadRequest` unless the body is said to be JSON: then no other site's form can have sent it."""
    kind = next((text for name, text in scope["headers"] if name == b"content-type"), b"")
    if kind.split(b";")[0].strip().lower() not in (b"application/json", b"application/graphql+json"):
        raise BadRequest("Send the request as JSON: Content-Type: application/json.", code="CONTENT_TYPE")


async def body_of(scope: Scope, receive: Receive) -> bytes:
    """Return the whole body. Raises `BadRequest` once it is too long or too slow, `CallerGone`."""
    try:
        async with asyncio.timeout(BODY_S):
            return await _body(scope, receive)
    except TimeoutError:
        raise BadRequest(
            f"The body did not come within {BODY_S:.0f} s. Send it at once.", code=TOO_SLOW
        ) from None


async def _body(scope: Scope, receive: Receive) -> bytes:
    length = next((text for name, text in scope["headers"] if name == b"content-length"), b"0")
    if not length.isdigit() or len(length) > 12 or int(length) > MAX_BODY_BYTES:
        raise _too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise CallerGone
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()


def _too_large() -> BadRequest:
    return BadRequest(
        f"The request is longer than {MAX_BODY_BYTES} bytes. Ask for less at a time.",
        code=TOO_LARGE,
        limit=MAX_BODY_BYTES,
    )


def asked_of(body: bytes) -> Asked:
    """Return the request in a body. Raises `BadRequest`."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            'The body is no JSON. Send {"query": ..., "variables": ...}.', code="BAD_JSON"
        ) from error
    if isinstance(given, list):
        raise BadRequest(
            "One request a body: send them one by one, or ask for several fields.", code="BATCH_REFUSED"
        )
    if not isinstance(given, dict) or not isinstance(given.get("query"), str) or not given["query"].strip():
        raise BadRequest('The body holds no query. Send {"query": ..., "variables": ...}.')
    variables, operation = given.get("variables"), given.get("operationName")
    if not isinstance(variables, dict | None) or not isinstance(operation, str | None):
        raise BadRequest("`variables` must be an object, and `operationName` a text, if they are there.")
    return Asked(given["query"], variables, operation)


def encoded(body: object) -> bytes:
    """Return JSON. Pages are long, and the standard library takes thrice the time."""
    try:
        return to_json(body)
    except ValueError:
        return _encode(body).encode()  # in ASCII: it quotes what no UTF-8 can express


async def answer(
    send: Send, status: int, body: object, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Send one JSON answer."""
    data = encoded(body)
    heads = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": heads})
    await send({"type": "http.response.body", "body": data})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
