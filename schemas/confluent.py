"""Commands in Confluent framing: `00`, four bytes of registry id, body.

For producers that use a schema registry; off unless one is configured. Only the frame changes: the registry
is asked which schema an id names, and one that does not ship with this release (by fingerprint) is refused.
So what a log holds never depends on a registry.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import fastavro.schema

from schemas.catalogue import MAGIC, Catalogue, canonical_fingerprint, shipped
from schemas.errors import MalformedData, RegistryUnavailable, UnknownWriterSchema
from schemas.registry import Registry

FRAME: Final = 5
MAX_CACHED: Final = 4096
_Held = TypeVar("_Held")
_NO_SCHEMA = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    fastavro.schema.SchemaParseException,
)
"""What parsing the text of no schema may raise."""


@dataclass(frozen=True, slots=True)
class _Failure:
    until: float
    kind: type[RegistryUnavailable] | type[UnknownWriterSchema]
    reason: str


class ConfluentFraming:
    """Turns framed commands into single-object encoding, remembering what each registry id means."""

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue | None = None,
        *,
        retry_after_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._known = shipped() if catalogue is None else catalogue
        self._retry_after_s = retry_after_s
        self._clock = clock
        self._headers: OrderedDict[int, bytes] = OrderedDict()
        self._failures: OrderedDict[int, _Failure] = OrderedDict()
        self._asking = asyncio.Lock()

    async def to_single_object(self, data: bytes) -> bytes:
        """Return `data` in single-object encoding; what is in it already comes back as it is.

        Raises MalformedData (neither frame), UnknownWriterSchema, RegistryUnavailable (try again).
        """
        if data[:2] == MAGIC:
            return data
        if data[:1] != b"\x00" or len(data) < FRAME:
            raise MalformedData("Confluent frame", "it starts with neither 00 nor c301", 0)
        return await self._header(int.from_bytes(data[1:FRAME], "big")) + data[FRAME:]

    async def _header(self, schema_id: int) -> bytes:
        header = self._headers.get(schema_id)
        if header is not None:
            return header
        async with self._asking:  # one question at a time; the others find its answer here
            header = self._headers.get(schema_id) or await self._ask(schema_id)
            _remember(self._headers, schema_id, header)
            return header

    async def _ask(self, schema_id: int) -> bytes:
        failed = self._failures.get(schema_id)
        if failed is not None and self._clock() < failed.until:
            raise failed.kind(schema_id, failed.reason)
        try:
            return self._known_header(schema_id, await self._registry.schema_text(schema_id))
        except (RegistryUnavailable, UnknownWriterSchema) as error:
            failure = _Failure(self._clock() + self._retry_after_s, type(error), error.reason)
            _remember(self._failures, schema_id, failure)
            raise

    def _known_header(self, schema_id: int, text: str) -> bytes:
        try:
            header = MAGIC + canonical_fingerprint(json.loads(text))
        except _NO_SCHEMA as error:
            reason = f"it is not one self-contained Avro schema ({error})"
            raise UnknownWriterSchema(schema_id, reason) from error
        if header not in self._known:
            raise UnknownWriterSchema(schema_id, f"its fingerprint {header[2:].hex()} is none of ours")
        return header


def _remember(cache: "OrderedDict[int, _Held]", schema_id: int, held: _Held) -> None:
    cache[schema_id] = held
    if len(cache) > MAX_CACHED:
        cache.popitem(last=False)
