"""CRC-64-AVRO, the Rabin fingerprint of Avro's specification. Standard library only.

fastavro's builds its table anew for every schema, which is most of what reading a catalogue would take.
"""

_EMPTY = 0xC15D213AA4D7A795


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_EMPTY & -(byte & 1))
    return byte


_TABLE = tuple(_entry(byte) for byte in range(256))


def rabin(data: bytes) -> bytes:
    """Return the fingerprint of `data`: 8 bytes, little-endian."""
    found = _EMPTY
    for byte in data:
        found = (found >> 8) ^ _TABLE[(found ^ byte) & 0xFF]
    return found.to_bytes(8, "little")
