"""Bytes that are not exactly what their schema says never become an object."""

from typing import Any

import pytest

from schemas.decoder import MAX_VALUES
from schemas.errors import InvalidValue, MalformedData, TooManyValues, UnknownSchema
from schemas.parsing import MAX_DEPTH
from schemas.varints import write_varint
from tests.unit.schemas.toys import record, schema

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
LONGS = {"type": "array", "items": "long"}


def read(kind: Any, body: bytes) -> Any:
    toy = schema(a=kind)
    return toy.decode(toy.header + body).a


VALID = {
    "string": ("string", b"\x06abc", "abc"),
    "empty string": ("string", b"\x00", ""),
    "text beyond ASCII": ("string", b"\x06\xe2\x82\xac", "€"),
    "long text": ("string", b"\xa0\x01" + b"x" * 80, "x" * 80),
    "bytes": ("bytes", b"\x04\xff\x00", b"\xff\x00"),
    "fixed": ({"type": "fixed", "name": "F", "size": 2}, b"ab", b"ab"),
    "true": ("boolean", b"\x01", True),
    "false": ("boolean", b"\x00", False),
    "enum": (ENUM, b"\x02", "B"),
    "null": (["null", "int"], b"\x00", None),
    "not null": (["null", "int"], b"\x02\x05", -3),
    "null last": (["int", "null"], b"\x02", None),
    "not null, null last": (["int", "null"], b"\x00\x05", -3),
    "double": ("double", b"\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5),
    "float": ("float", b"\x00\x00\xc0\x3f", 1.5),
    "no items": (LONGS, b"\x00", ()),
    "items": (LONGS, b"\x04\x02\x04\x00", (1, 2)),
    "items in two blocks": (LONGS, b"\x02\x02\x02\x04\x00", (1, 2)),
    "items in a block that tells its size": (LONGS, b"\x03\x04\x02\x04\x00", (1, 2)),
    "one item in a block that tells its size": (LONGS, b"\x01\x02\x02\x00", (1,)),
    "a count in more bytes than needed": (LONGS, b"\x82\x00\x02\x00", (1,)),
    "a long in more bytes than needed": ("long", b"\x82\x80\x00", 1),
}


@pytest.mark.parametrize(("kind", "body", "value"), VALID.values(), ids=VALID.keys())
def test_valid_bytes_are_read(kind: Any, body: bytes, value: object) -> None:
    found = read(kind, body)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("kind", "body", "value"), VALID.values(), ids=VALID.keys())
def test_bytes_after_the_end_are_refused(kind: Any, body: bytes, value: object) -> None:
    with pytest.raises(MalformedData, match="1 bytes follow its end"):
        read(kind, body + b"\x00")


@pytest.mark.parametrize(("kind", "body", "value"), VALID.values(), ids=VALID.keys())
def test_truncated_bytes_are_refused_wherever_they_end(kind: Any, body: bytes, value: object) -> None:
    for length in range(len(body)):
        with pytest.raises(MalformedData, match=r"end in the middle|not UTF-8"):  # a cut through a character
            read(kind, body[:length])


INVALID = {
    "text that is not UTF-8": ("string", b"\x02\xff", "UTF-8"),
    "a surrogate in UTF-8": ("string", b"\x06\xed\xa0\x80", "UTF-8"),
    "a negative length": ("string", b"\x01", "negative"),
    "a length of 64 bits": ("bytes", b"\xfe" + b"\xff" * 8 + b"\x01", "end in the middle"),
    "a length beyond 64 bits": ("bytes", b"\xff" * 10 + b"\x01", "64 bits"),
    "a boolean of 2": ("boolean", b"\x02", "no value 2"),
    "an enum without that symbol": (ENUM, b"\x04", "no value 4"),
    "a negative enum": (ENUM, b"\x01", "no value 1"),
    "a union without that branch": (["null", "int"], b"\x04\x00", "no value 4"),
    "a negative union": (["null", "int"], b"\x01\x00", "no value 1"),
    "an int beyond 32 bits": ("int", write_varint(1 << 32), "32 bits"),
    "a long beyond 64 bits": ("long", b"\xff" * 9 + b"\x02", "64 bits"),
    "a long of eleven bytes": ("long", b"\x80" * 10 + b"\x00", "64 bits"),
    "a block with a negative size": (LONGS, b"\x01\x03\x02\x00", "negative"),
}


@pytest.mark.parametrize(("kind", "body", "reason"), INVALID.values(), ids=INVALID.keys())
def test_invalid_bytes_are_refused_with_their_reason_and_place(kind: Any, body: bytes, reason: str) -> None:
    with pytest.raises(MalformedData, match=reason) as refused:
        read(kind, body)
    assert refused.value.schema == "tidelock.toy.Toy"
    assert 10 <= refused.value.offset <= 10 + len(body)


def test_arrays_nest_as_deep_as_schemas_may() -> None:
    nested: Any = "long"
    value: Any = 7
    for _ in range(MAX_DEPTH - 1):
        nested, value = {"type": "array", "items": nested}, (value,)
    toy = schema(a=nested)
    assert toy.decode(toy.encode({"a": value})).a == value


def test_another_fingerprint_is_not_read() -> None:
    with pytest.raises(UnknownSchema):
        schema(a="long").decode(schema(b="long").encode({"b": 1}))


class TestBounds:
    """What the arrays of one message may hold."""

    def test_as_many_values_as_allowed_are_read_and_written(self) -> None:
        toy = schema(a=LONGS)
        data = toy.encode({"a": [0] * MAX_VALUES})
        assert len(toy.decode(data).a) == MAX_VALUES

    def test_one_more_is_refused_both_ways(self) -> None:
        with pytest.raises(TooManyValues, match=str(MAX_VALUES)):
            read(LONGS, write_varint((MAX_VALUES + 1) << 1) + bytes(MAX_VALUES + 2))
        with pytest.raises(InvalidValue, match=str(MAX_VALUES)):
            schema(a=LONGS).encode({"a": [0] * (MAX_VALUES + 1)})

    def test_a_count_is_judged_before_its_items_are_read(self) -> None:
        with pytest.raises(TooManyValues):
            read(LONGS, write_varint(1 << 62))

    def test_all_arrays_of_a_message_share_the_bound(self) -> None:
        half = write_varint(MAX_VALUES) + bytes(MAX_VALUES // 2 + 1)
        toy = schema(a=LONGS, b=LONGS, c=LONGS)
        assert toy.decode(toy.header + half + half + b"\x00").c == ()
        with pytest.raises(TooManyValues):
            toy.decode(toy.header + half + half + b"\x02\x00\x00")

    def test_arrays_in_arrays_share_the_bound(self) -> None:
        inner = write_varint(2000) + bytes(1001)
        toy = schema(a={"type": "array", "items": LONGS})
        fits = MAX_VALUES // 1001
        assert len(toy.decode(toy.header + write_varint(fits * 2) + inner * fits + b"\x00").a) == fits
        with pytest.raises(TooManyValues):
            toy.decode(toy.header + write_varint(fits * 2 + 2) + inner * (fits + 1) + b"\x00")

    def test_a_record_counts_as_its_fields(self) -> None:
        pair = record("Pair", x="long", y="long")
        too_many = MAX_VALUES // 3 + 1
        with pytest.raises(TooManyValues):
            read({"type": "array", "items": pair}, write_varint(too_many * 2) + bytes(too_many * 2 + 1))

    def test_an_array_may_have_a_limit_of_its_own(self) -> None:
        few = {"type": "array", "items": "long", "maxItems": 2}
        assert read(few, b"\x02\x00\x02\x00\x00") == (0, 0)
        with pytest.raises(TooManyValues, match="more than 2 items"):
            read(few, b"\x04\x00\x00\x02\x00\x00")
        with pytest.raises(InvalidValue, match="more than 2 items"):
            schema(a=few).encode({"a": [1, 2, 3]})
