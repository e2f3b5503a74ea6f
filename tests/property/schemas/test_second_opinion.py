"""Against fastavro, which others wrote: the same bytes and values, for any schema that we accept."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import SchemaFile
from schemas.codec import Schema
from schemas.errors import SchemaError
from schemas.shapes import min_width
from tests.property.schemas.avro import fastavro_body, fastavro_read, files, plain, values


@st.composite
def written(draw: st.DrawFn) -> tuple[SchemaFile, Any]:
    file = draw(files())
    return file, draw(values(file.shape))


@settings(max_examples=60, deadline=None)
@given(written())
def test_the_bytes_are_the_same(drawn: tuple[SchemaFile, Any]) -> None:
    file, value = drawn
    assert Schema(file).encode(value) == file.header + fastavro_body(file.definition, value)


@settings(max_examples=60, deadline=None)
@given(written())
def test_the_values_come_back(drawn: tuple[SchemaFile, Any]) -> None:
    file, value = drawn
    schema = Schema(file)
    assert plain(file.shape, schema.decode(schema.encode(value))) == value


@settings(max_examples=60, deadline=None)
@given(written())
def test_no_value_takes_fewer_bytes_than_its_shape_says(drawn: tuple[SchemaFile, Any]) -> None:
    file, value = drawn
    assert len(Schema(file).encode(value)) - 10 >= min_width(file.shape)


@settings(max_examples=60, deadline=None)
@given(written(), st.data())
def test_what_we_accept_of_changed_bytes_fastavro_reads_alike(
    drawn: tuple[SchemaFile, Any], data: st.DataObject
) -> None:
    file, value = drawn
    schema = Schema(file)
    body = bytearray(schema.encode(value)[10:])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        found = plain(file.shape, schema.decode(file.header + bytes(body)))
    except SchemaError:
        return
    opinion, used = fastavro_read(file.definition, bytes(body))
    assert used == len(body)
    assert same(found, opinion)
    assert same(plain(file.shape, schema.decode(schema.encode(found))), found)


@settings(max_examples=60, deadline=None)
@given(files(), st.binary(max_size=60))
def test_any_bytes_become_a_value_or_a_schema_error(file: SchemaFile, body: bytes) -> None:
    schema = Schema(file)
    try:
        found = plain(file.shape, schema.decode(file.header + body))
    except SchemaError:
        return
    assert same(fastavro_read(file.definition, body)[0], found)


def same(one: Any, other: Any) -> bool:
    """Return whether two plain values are equal, NaN to NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)
