"""The hash chain: SHA-256 over the previous head and a record's stored value bytes."""

from hashlib import sha256

EMPTY_HEAD = bytes(32)


def link(head: bytes, value: bytes) -> bytes:
    """Return the head after the record `value` (32 bytes)."""
    return sha256(head + value).digest()
