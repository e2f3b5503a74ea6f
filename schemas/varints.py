"""Avro's variable-length integers, bounded: ten bytes and 64 bits at most. Standard library only.

Raise IndexError when the bytes end and ValueError when they lie; generated readers turn both into `MalformedData`.
"""

from typing import Final

BYTE: Final = tuple(bytes((n,)) for n in range(256))
"""The one-byte string of every number below 256."""
ZIGZAG: Final = tuple((n >> 1) ^ -(n & 1) for n in range(128))
"""What each one-byte varint means."""
_MAX = (1 << 64) - 1


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned varint at `at` and the position after it."""
    byte = data[at]
    number = byte & 127
    shift = 7
    while byte > 127:
        at += 1
        byte = data[at]
        number |= (byte & 127) << shift
        if shift == 63 and byte > 1:
            raise ValueError("an integer takes more than 64 bits")
        shift += 7
    return number, at + 1


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Return the `long` at `at` and the position after it."""
    number, at = read_varint(data, at)
    return (number >> 1) ^ -(number & 1), at


def read_int(data: bytes, at: int) -> tuple[int, int]:
    """Return the `int` at `at` and the position after it."""
    number, at = read_varint(data, at)
    if number >> 32:
        raise ValueError("an int takes more than 32 bits")
    return (number >> 1) ^ -(number & 1), at


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length prefix at `at` and the position after it."""
    number, at = read_varint(data, at)
    if number & 1:
        raise ValueError("a length is negative")
    return number >> 1, at


def read_block(data: bytes, at: int) -> tuple[int, int]:
    """Return the item count of the array block at `at` and the position of its first item."""
    count, at = read_long(data, at)
    if count < 0:  # a block that also tells its size in bytes, so that readers may skip it
        _, at = read_length(data, at)
    return abs(count), at


def write_varint(number: int) -> bytes:
    """Return the varint of an unsigned `number`."""
    if number < 128:
        return BYTE[number]
    if number < 16384:
        return bytes((number & 127 | 128, number >> 7))
    if number > _MAX:
        raise ValueError("takes more than 64 bits")
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_int(number: int) -> bytes:
    """Return the varint of a zigzag `number` that must fit 32 bits."""
    if number >> 32:
        raise ValueError("takes more than 32 bits")
    return write_varint(number)
