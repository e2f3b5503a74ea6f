"""Avro integers: the table of the specification, and what is refused."""

import pytest

from schemas.varints import read_block, read_int, read_long, read_span, read_varint, write_int, write_varint

TIMES_AND_TOKENS = (1_700_000_000_000, (1 << 48) | 55, (255 << 48) | 1)
EDGES = [sign * (1 << bits) + near for bits in range(63) for sign in (1, -1) for near in (-1, 0, 1)]
LONGS = [*EDGES, *TIMES_AND_TOKENS, (1 << 63) - 1, -(1 << 63)]


@pytest.mark.parametrize(
    ("value", "written"), [(0, "00"), (-1, "01"), (1, "02"), (-2, "03"), (2, "04"), (-64, "7f"), (64, "8001")]
)
def test_a_long_is_written_as_the_specification_says(value: int, written: str) -> None:
    data = write_varint((value << 1) ^ (value >> 63))
    assert data.hex() == written
    assert read_long(data + b"\x00", 0) == (value, len(data)) or len(data) == 1


@pytest.mark.parametrize("value", LONGS)
def test_a_long_of_any_length_comes_back(value: int) -> None:
    data = b"?" + write_varint((value << 1) ^ (value >> 63))
    raw, after = read_varint(data, 1)
    assert ((raw >> 1) ^ -(raw & 1), after) == (value, len(data))
    if len(data) > 2:
        assert read_long(data, 1) == (value, len(data))


@pytest.mark.parametrize("length", range(2, 11))
@pytest.mark.parametrize("read", [read_varint, read_long])
def test_a_long_padded_to_at_most_ten_bytes_is_read(read: object, length: int) -> None:
    padded = b"\x82" + b"\x80" * (length - 2) + b"\x00"
    expected = 2 if read is read_varint else 1
    assert read(padded, 0) == (expected, length)  # type: ignore[operator]


@pytest.mark.parametrize("read", [read_varint, read_long, read_int])
@pytest.mark.parametrize(
    "data",
    [b"\x80" * 10 + b"\x00", b"\xff" * 9 + b"\x02", b"\xff" * 9 + b"\x7f", b"\xff" * 40],
    ids=["eleven bytes", "65 bits", "70 bits", "endless"],
)
def test_more_than_64_bits_or_ten_bytes_are_refused(read: object, data: bytes) -> None:
    with pytest.raises(ValueError, match="more than 64 bits"):
        read(data, 0)  # type: ignore[operator]


@pytest.mark.parametrize("length", range(1, 10))
def test_an_integer_that_does_not_end_is_refused(length: int) -> None:
    with pytest.raises(IndexError):
        read_long(b"\x80" * length, 0)


@pytest.mark.parametrize("value", [(1 << 31) - 1, -(1 << 31), 300, -300])
def test_an_int_takes_32_bits(value: int) -> None:
    data = write_int((value << 1) ^ (value >> 63))
    assert read_int(data, 0) == (value, len(data))


@pytest.mark.parametrize("value", [1 << 31, -(1 << 31) - 1, 1 << 62])
def test_an_int_takes_no_more_than_32_bits(value: int) -> None:
    raw = (value << 1) ^ (value >> 63)
    with pytest.raises(ValueError, match="more than 32 bits"):
        write_int(raw)
    with pytest.raises(ValueError, match="more than 32 bits"):
        read_int(write_varint(raw), 0)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, 1 << 200, -(1 << 200)])
def test_a_long_that_is_too_long_is_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="more than 64 bits"):
        write_varint((value << 1) ^ (value >> 63))


def test_a_length_is_never_negative() -> None:
    assert read_span(b"\x06abc", 0) == (1, 4)
    with pytest.raises(ValueError, match="negative"):
        read_span(b"\x05abc", 0)


def test_a_block_with_a_negative_count_also_tells_its_size() -> None:
    assert read_block(b"\x06...", 0) == (3, 1)
    assert read_block(b"\x05\x08....", 0) == (3, 2)
