"""Rows and positions as records of a changelog. JSON, so that any language reads it.

    key                              value
    ["windows","acme",120000]        [build, column behind the key, ...]; tombstone: the row is deleted
    "checkpoint"                     [version, build, the checkpoint in Base64]; tombstone: it is to be built anew
    "claim"                          who claimed it last

A row counts if its build is that of the checkpoint. So one record, the checkpoint, begins a build and makes an end of
the rows of the one before, however long these take to be cleared away. Rows of partition N stand in partition N: it is
in no key.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from streams.domain.value import value
from streams.log.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint
from streams.projections.changelog import Entry
from streams.projections.table import Key, Row, Table

CHECKPOINT: Final = b'"checkpoint"'
CLAIM: Final = b'"claim"'
_BYTES: Final = "b64"
_LISTS_A_ROW: Final = 3
"""Around it, its key and its columns: where there are more brackets there may be a tuple."""


@value
class Marker:
    """Where a table stands, and of which build its rows are."""

    version: int
    build: int
    """Grows with every build of a partition."""
    checkpoint: Checkpoint


def _bytes_as_text(each: Any) -> dict[str, str]:
    if isinstance(each, bytes):
        return {_BYTES: b64encode(each).decode()}
    raise TypeError(f"{type(each).__name__} is no value of a row.")


def _bytes_again(found: dict[str, str]) -> bytes:
    return b64decode(found[_BYTES])


_ENCODE: Final = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_bytes_as_text
).encode
_DECODE: Final = json.JSONDecoder(object_hook=_bytes_again).raw_decode


def encode_key(table: Table, key: Key) -> bytes:
    """Return the key of the row under `key`."""
    return _ENCODE((table.name, *key[1:])).encode()


def encode_row(table: Table, row: Row, build: int) -> bytes:
    """Return what stands under the row's key."""
    return _ENCODE((build, *row[table.key :])).encode()


def decode_rows(
    tables: Mapping[str, Table], partition: int, stored: Sequence[tuple[bytes, bytes]], build: int
) -> Iterator[tuple[Table, Row] | None]:
    """Yield the row of each (key, value); None if it is of another build, or of a table that there is no more."""
    text = b"[%b]" % b",".join([b"[%b,%b]" % each for each in stored])  # in one go: it is most of a recovery
    has_tuples = text.count(b"[") > 1 + _LISTS_A_ROW * len(stored)
    found, _ = _DECODE(text.decode())
    for key, columns in found:
        table = tables.get(key[0])
        if table is None or columns[0] != build:
            yield None
        elif has_tuples:
            yield table, (partition, *map(_plain, key[1:]), *map(_plain, columns[1:]))
        else:
            yield table, (partition, *key[1:], *columns[1:])


def encode_marker(marker: Marker) -> Entry:
    """Return the record of where a table stands."""
    stored = b64encode(encode_checkpoint(marker.checkpoint)).decode()
    return CHECKPOINT, _ENCODE((marker.version, marker.build, stored)).encode()


def decode_marker(data: bytes) -> Marker:
    """Return what `encode_marker` stored. Raises `SchemaError`."""
    (version, build, stored), _ = _DECODE(data.decode())
    return Marker(version, build, decode_checkpoint(b64decode(stored)))


def _plain(each: Any) -> Any:
    return tuple(each) if isinstance(each, list) else each
