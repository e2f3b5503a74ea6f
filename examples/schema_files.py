"""Avro without a registry: read the `.avsc` files that ship with a release, write and read single-object encoding.

Single-object encoding (Avro specification): C3 01, the schema's CRC-64-AVRO fingerprint (8 bytes, little endian),
the body. What this file does in Python with fastavro, any language's Avro library does likewise.
"""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

AVRO = Path(__file__).resolve().parent.parent / "schemas" / "avro"
MARKER = b"\xc3\x01"


class Schemas:
    """Every schema file, by full name (`tidelock.locks.AcquireLock`) and by fingerprint."""

    def __init__(self, folder: Path = AVRO) -> None:
        files = [json.loads(path.read_text()) for path in sorted(folder.rglob("*.avsc"))]
        self._files = {f"{schema['namespace']}.{schema['name']}": schema for schema in files}
        self._whole = {name: fastavro.parse_schema(self._inlined(name, set())) for name in self._files}
        self._headers = {name: MARKER + _crc64(self._inlined(name, set())) for name in self._files}
        self._names = {header: name for name, header in self._headers.items()}

    def write(self, name: str, record: dict[str, Any]) -> bytes:
        """Return the single-object encoding of `record`."""
        body = BytesIO()
        fastavro.schemaless_writer(body, self._whole[name], record)
        return self._headers[name] + body.getvalue()

    def read(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Return (full name, record) of a single-object encoding."""
        name = self._names[data[:10]]
        record: dict[str, Any] = fastavro.schemaless_reader(BytesIO(data[10:]), self._whole[name], None)  # type: ignore[assignment]
        return name, record

    def _inlined(self, shape: Any, seen: set[str]) -> Any:
        """Return `shape` with every other file's schema in the place of its first use."""
        if isinstance(shape, str):
            if shape not in self._files or shape in seen:
                return shape
            seen.add(shape)
            return self._inlined(self._files[shape], seen)
        if isinstance(shape, list):
            return [self._inlined(one, seen) for one in shape]
        changed = {
            key: self._inlined(shape[key], seen) for key in ("type", "items", "values") if key in shape
        }
        if "fields" in shape:
            changed["fields"] = [self._inlined(one, seen) for one in shape["fields"]]
        return {**shape, **changed}


def _crc64(schema: Any) -> bytes:
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
