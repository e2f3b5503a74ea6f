"""What is in a message: bytes, JSON or Avro. Any object with `encode` and `decode` will do."""

import io
import json
from typing import Any, Protocol, TypeVar

import fastavro

_T = TypeVar("_T")


class Codec(Protocol[_T]):
    """Turns payloads into bytes and back. Errors are raised as they come, and told as `PayloadUnreadable`."""

    def encode(self, payload: _T) -> bytes:
        """Return the bytes of `payload`."""

    def decode(self, data: bytes) -> _T:
        """Return what `encode` was given."""


class Bytes:
    """Bytes as they are: the default."""

    def encode(self, payload: bytes) -> bytes:
        """Return `payload`."""
        if isinstance(payload, bytes):
            return payload
        if isinstance(payload, bytearray | memoryview):
            return bytes(payload)
        raise TypeError(f"a payload of bytes is wanted, not {type(payload).__name__}: give a codec")

    def decode(self, data: bytes) -> bytes:
        """Return `data`."""
        return data


class Json:
    """What JSON can say, in UTF-8 and without blanks. `default`: for other objects, as in `json.dumps`."""

    def __init__(self, *, default: Any = None) -> None:
        self._default = default

    def encode(self, payload: Any) -> bytes:
        """Return the JSON of `payload`. NaN and infinities are refused: JSON has none."""
        text = json.dumps(
            payload, default=self._default, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()

    def decode(self, data: bytes) -> Any:
        """Return what the JSON says."""
        return json.loads(data)


class Avro:
    """Records of one Avro schema, in single-object encoding, so that they name the schema they were written by.

    `older`: schemas by which messages may have been written too; they are resolved to `schema`.
    """

    def __init__(self, schema: Any, *, older: tuple[Any, ...] = ()) -> None:
        self._schema = fastavro.parse_schema(schema)
        parsed = [self._schema, *(fastavro.parse_schema(each) for each in older)]
        self._writers = {_header(each): each for each in parsed}
        self._header = _header(self._schema)

    def encode(self, payload: Any) -> bytes:
        """Return the Avro bytes of `payload`, such as a dictionary."""
        out = io.BytesIO()
        out.write(self._header)
        fastavro.schemaless_writer(out, self._schema, payload)
        return out.getvalue()

    def decode(self, data: bytes) -> Any:
        """Return the payload. Raises `ValueError` for another schema."""
        writer = self._writers.get(data[:10])
        if writer is None:
            raise ValueError(f"it is of none of the {len(self._writers)} known schemas: give it as `older`")
        with io.BytesIO(data) as source:
            source.seek(10)
            payload = fastavro.schemaless_reader(source, writer, self._schema)
            if source.read(1):
                raise ValueError("bytes follow the record")
        return payload


def _header(schema: Any) -> bytes:
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(fingerprint)
