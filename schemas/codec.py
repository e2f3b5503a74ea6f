"""One schema's bytes, as Avro's single-object encoding: `C3 01`, eight bytes of fingerprint, body.

For those who have no class for a record: mappings go in, objects with one attribute a field come out.
`schemas.messages` does the same for value classes. The errors of this package are importable from here.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from schemas.catalogue import SchemaFile, shipped, unknown_header
from schemas.decoder import decoder
from schemas.encoder import encoder
from schemas.errors import (
    BadSchema,
    BindingMismatch,
    FingerprintDrift,
    IncompatibleSchemas,
    InvalidValue,
    MalformedData,
    RegistryUnavailable,
    SchemaError,
    TooManyValues,
    UnknownSchema,
    UnknownWriterSchema,
)
from schemas.shapes import Record
from schemas.targets import generated_target, mapping_target

__all__ = [
    "BadSchema",
    "BindingMismatch",
    "FingerprintDrift",
    "IncompatibleSchemas",
    "InvalidValue",
    "MalformedData",
    "RegistryUnavailable",
    "Schema",
    "SchemaError",
    "TooManyValues",
    "UnknownSchema",
    "UnknownWriterSchema",
    "schema",
]


class Schema:
    """Encodes mappings and decodes records of one schema version."""

    def __init__(self, file: SchemaFile) -> None:
        if not isinstance(file.shape, Record):
            raise BadSchema(file.label, "is no record, so no message; wrap it in one")
        self.fullname = file.fullname
        self.version = file.version
        self.fingerprint = file.fingerprint
        self.header = file.header
        self._record = file.shape
        self._names = frozenset(field.name for field in file.shape.fields)

    def encode(self, fields: Mapping[str, Any]) -> bytes:
        """Return the single-object encoding; a missing field takes the schema's default. InvalidValue."""
        if not fields.keys() <= self._names:
            strange = sorted(fields.keys() - self._names)
            raise InvalidValue(self.fullname, strange[0], "is no field of it")
        return self._encode(fields)

    def decode(self, data: bytes) -> Any:
        """Return the record, one attribute a field. UnknownSchema, MalformedData, TooManyValues."""
        if data[:10] != self.header:
            raise unknown_header(data)
        return self._decode(data)

    @cached_property
    def _encode(self) -> Callable[[Mapping[str, Any]], bytes]:
        return encoder(self._record, mapping_target(self._record), self.header)

    @cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        return decoder(self._record, generated_target(self._record), self.header)


def schema(fullname: str, version: int | None = None) -> Schema:
    """Return a shipped schema by name, in its newest version unless told; UnknownSchema."""
    return Schema(shipped().version(fullname, version))
