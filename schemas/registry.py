"""Where producers registered their schemas: the port, and Confluent's HTTP interface behind it."""

import asyncio
import json
from typing import Final, Protocol

import httpx

from schemas.errors import RegistryUnavailable, UnknownWriterSchema

MAX_SCHEMA_BYTES: Final = 256 * 1024


class Registry(Protocol):
    """Where producers registered their schemas."""

    async def schema_text(self, schema_id: int) -> str:
        """Return the JSON text of schema `schema_id`. RegistryUnavailable, UnknownWriterSchema."""


class HttpRegistry:
    """A registry with Confluent's HTTP interface. Owns no cache: `ConfluentFraming` keeps what it learned."""

    def __init__(self, client: httpx.AsyncClient, *, timeout_s: float = 2.0) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def schema_text(self, schema_id: int) -> str:
        """Return the JSON text of schema `schema_id`. RegistryUnavailable, UnknownWriterSchema."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status, body = await self._get(f"/schemas/ids/{schema_id}")
        except (httpx.HTTPError, TimeoutError) as error:
            raise RegistryUnavailable(schema_id, f"{type(error).__name__} {error}".strip()) from error
        if status == httpx.codes.NOT_FOUND:
            raise UnknownWriterSchema(schema_id, "the registry has none of that id")
        if status != httpx.codes.OK:
            raise RegistryUnavailable(schema_id, f"HTTP status {status}")
        if len(body) > MAX_SCHEMA_BYTES:
            raise UnknownWriterSchema(schema_id, f"its text is longer than {MAX_SCHEMA_BYTES} bytes")
        return _text(schema_id, body)

    async def _get(self, path: str) -> tuple[int, bytes]:
        body = bytearray()
        async with self._client.stream("GET", path) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_SCHEMA_BYTES:
                    break
        return response.status_code, bytes(body)


def _text(schema_id: int, body: bytes) -> str:
    try:
        answer = json.loads(body)
        kind, text = answer.get("schemaType", "AVRO"), str(answer["schema"])
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise RegistryUnavailable(schema_id, f"its answer is no registry answer ({error})") from error
    if kind != "AVRO":
        raise UnknownWriterSchema(schema_id, f"it is {kind}, not Avro")
    return text
