"""The four envelope records in and out of their stored bytes."""

from typing import Any

from schemas.codec import SchemaError
from schemas.messages import bind
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, Record

_RECORDS = bind("log", (Genesis, Claim, Commit, FeatureActivated))


def encode(record: Record) -> bytes:
    """Return the stored value bytes of `record`."""
    return _RECORDS.encode(record)


def decode(stored: bytes | None) -> Record | None:
    """Return the record that `stored` holds, or None when it is none of the four (void for every reader)."""
    if stored is None:
        return None
    try:
        record: Any = _RECORDS.decode(stored)
    except SchemaError:
        return None
    return record  # type: ignore[no-any-return]
