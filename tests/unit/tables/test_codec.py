"""Rows as records of a changelog."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from storage.tables.codec import (
    CHECKPOINT,
    CLAIM,
    Marker,
    decode_marker,
    decode_rows,
    encode_key,
    encode_marker,
    encode_row,
)
from streams.projections.table import Row, Table
from tests.contract.sinks.toys import ITEMS, at, item

THING = Table("things", ("partition", "name", "number", "value", "others"), key=3)
BY_NAME = {table.name: table for table in (THING, ITEMS)}
TEXT = some.text(some.characters(codec="utf-8"))
NUMBERS = some.integers(-(2**63), 2**63 - 1)
VALUES = some.one_of(
    TEXT,
    NUMBERS,
    some.booleans(),
    some.none(),
    some.binary(),
    some.floats(allow_nan=False, allow_infinity=False),
    some.lists(NUMBERS).map(tuple),
)


@given(TEXT, NUMBERS, VALUES, VALUES)
def test_every_row_comes_back_with_its_types(name: str, number: int, value: object, other: object) -> None:
    row: Row = (7, name, number, value, other)
    key, data = encode_key(THING, THING.key_of(row)), encode_row(THING, row, 41)
    plain: Row = (7, "plain", 1, None, True)
    stored = [(key, data), (encode_key(THING, THING.key_of(plain)), encode_row(THING, plain, 41))]
    for records in (stored, stored[:1], stored[1:], []):
        found = list(decode_rows(BY_NAME, 7, records, 41))
        assert found == [(THING, row), (THING, plain)][: len(records)] or found == [(THING, plain)]
        for one in found:
            assert one is not None
            assert [type(each) for each in one[1]] in ([type(each) for each in all_] for all_ in (row, plain))


def test_any_language_reads_it() -> None:
    row = item("a", 5, "note")
    assert encode_key(ITEMS, ITEMS.key_of(row)) == b'["toy_items","a"]'
    assert encode_row(ITEMS, row, 9) == b'[9,5,"note",true,[1,2],{"b64":"AP8="}]'


def test_rows_of_another_build_or_table_count_for_nothing() -> None:
    row = item("a")
    key, data = encode_key(ITEMS, ITEMS.key_of(row)), encode_row(ITEMS, row, 9)
    assert list(decode_rows(BY_NAME, 3, [(key, data)], 8)) == [None]
    assert list(decode_rows({}, 3, [(key, data)], 9)) == [None]
    assert list(decode_rows(BY_NAME, 3, [(key, data)] * 2, 9)) == [(ITEMS, row)] * 2


def test_no_rows_key_is_like_a_marker_or_a_claim() -> None:
    for name in ("checkpoint", "claim"):
        assert encode_key(Table(name, ("partition",), key=1), (0,)) not in (CHECKPOINT, CLAIM)


def test_a_marker_comes_back() -> None:
    marker = Marker(3, 1234, at(77))
    key, data = encode_marker(marker)
    assert data is not None
    assert (key, decode_marker(data)) == (CHECKPOINT, marker)


def test_what_is_no_value_of_a_row_is_told() -> None:
    with pytest.raises(TypeError, match="set is no value of a row"):
        encode_row(ITEMS, (3, "a", {1}), 0)
