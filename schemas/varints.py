"""Avro's variable-length integers, bounded: ten bytes and 64 bits at most. Standard library only.

Readers raise IndexError when the bytes end and ValueError when they lie; generated code turns both into
`MalformedData`.
"""

from functools import lru_cache
from typing import Final

BYTE: Final = tuple(bytes((n,)) for n in range(256))
"""The one-byte string of every number below 256."""
ZIGZAG: Final = tuple((n >> 1) ^ -(n & 1) for n in range(128))
"""What each one-byte varint means."""
_MAX: Final = (1 << 64) - 1
_SECOND, _THIRD, _FOURTH = (tuple((n & 127) << shift for n in range(256)) for shift in (7, 14, 21))


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned varint at `at` and the position after it."""
    number, shift = data[at] & 127, 0
    while data[at] > 127:
        at += 1
        shift += 7
        number |= (data[at] & 127) << shift
        if shift == 63 and data[at] > 1:
            raise ValueError("an integer takes more than 64 bits")
    return number, at + 1


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Return the `long` at `at`, of two bytes or more, and the position after it.

    Unrolled: times take six bytes and fencing tokens eight, and most events hold both.
    """
    second = data[at + 1]
    if second < 128:
        number, after = data[at] & 127 | second << 7, at + 2
    elif (third := data[at + 2]) < 128:
        number, after = data[at] & 127 | _SECOND[second] | third << 14, at + 3
    elif (fourth := data[at + 3]) < 128:
        number, after = data[at] & 127 | _SECOND[second] | _THIRD[third] | fourth << 21, at + 4
    elif data[at + 4] > 127 and data[at + 5] < 128:
        return _TIMES[data[at : at + 6]], at + 6
    else:
        low = data[at] & 127 | _SECOND[second] | _THIRD[third] | _FOURTH[fourth]
        high, after = _read_high(data, at + 4)
        number = high << 28 | low
    return (number >> 1) ^ -(number & 1), after


class _Times(dict[bytes, int]):
    """What longs of six bytes mean. Those are times in ms since 1970, and under load many share one."""

    def __missing__(self, data: bytes) -> int:
        if len(self) >= 4096:
            self.clear()
        number = data[0] & 127 | _SECOND[data[1]] | _UPPER[data[2:]]
        self[data] = time = (number >> 1) ^ -(number & 1)
        return time


class _Upper(dict[bytes, int]):
    """What the last four of six bytes stand for. Those of a time change every eight seconds."""

    def __missing__(self, data: bytes) -> int:
        if len(self) >= 4096:
            self.clear()
        number, _ = read_varint(data, 0)
        self[data] = upper = number << 14
        return upper


_TIMES: Final = _Times()
_UPPER: Final = _Upper()


def _read_high(data: bytes, at: int) -> tuple[int, int]:
    """Return the part of a long that its fifth byte, at `at`, starts, and the position after it."""
    first = data[at]
    if first < 128:
        return first, at + 1
    if (second := data[at + 1]) < 128:
        return first & 127 | second << 7, at + 2
    if (third := data[at + 2]) < 128:
        return first & 127 | _SECOND[second] | third << 14, at + 3
    if (fourth := data[at + 3]) < 128:
        return first & 127 | _SECOND[second] | _THIRD[third] | fourth << 21, at + 4
    number, after = read_varint(data, at)
    if number >> 36 or after > at + 6:
        raise ValueError("an integer takes more than 64 bits")
    return number, after


def read_int(data: bytes, at: int) -> tuple[int, int]:
    """Return the `int` at `at` and the position after it."""
    number, at = read_varint(data, at)
    if number >> 32:
        raise ValueError("an int takes more than 32 bits")
    return (number >> 1) ^ -(number & 1), at


def read_span(data: bytes, at: int) -> tuple[int, int]:
    """Return start and end of the bytes whose length is at `at`; the end may lie past that of `data`."""
    if data[at] > 127 and data[at + 1] < 128:  # events are mostly longer than 63 bytes and shorter than 8192
        number, at = data[at] & 127 | data[at + 1] << 7, at + 2
    else:
        number, at = read_varint(data, at)
    if number & 1:
        raise ValueError("a length is negative")
    return at, at + (number >> 1)


def read_block(data: bytes, at: int) -> tuple[int, int]:
    """Return the item count of the array block at `at` and the position of its first item."""
    number, at = read_varint(data, at)
    if number & 1:  # a negative count: the block also tells its size in bytes, so that readers may skip it
        at, _ = read_span(data, at)
        return (number >> 1) + 1, at
    return number >> 1, at


@lru_cache(maxsize=8192)
def write_varint(number: int) -> bytes:
    """Return the varint of an unsigned `number`. Times and tokens come several times in a row: the last are kept."""
    if number < 128:
        return BYTE[number]
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    if number < 1 << 21:
        return bytes((number & 127 | 128, number >> 7 & 127 | 128, number >> 14))
    if number < 1 << 28:
        return bytes((number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128, number >> 21))
    if number > _MAX:
        raise ValueError("takes more than 64 bits")
    low = number & (1 << 28) - 1  # arithmetic below 30 bits is faster
    head = bytes((low & 127 | 128, low >> 7 & 127 | 128, low >> 14 & 127 | 128, low >> 21 | 128))
    return head + write_varint(number >> 28)


def write_int(number: int) -> bytes:
    """Return the varint of a zigzag `number` that must fit 32 bits."""
    if number >> 32:
        raise ValueError("takes more than 32 bits")
    return write_varint(number)
