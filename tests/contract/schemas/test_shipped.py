"""What every schema that ships must do: agree with fastavro, and cost no more than its bytes are worth."""

import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import SchemaFile, shipped
from schemas.codec import Schema
from schemas.decoder import MAX_VALUES
from schemas.errors import MalformedData, SchemaError, TooManyValues
from schemas.shapes import Array, Enum, Fixed, Optional, Record, Scalar, Shape, arrays, weight
from schemas.varints import write_varint
from tests.property.schemas.avro import fastavro_body, fastavro_read, plain, values

RECORDS = [file for file in shipped() if isinstance(file.shape, Record)]
CODECS = {file.label: Schema(file) for file in RECORDS}
WITH_ARRAYS = [file for file in RECORDS if any(arrays(file.shape))]
MIB = 1 << 20

each_record = pytest.mark.parametrize("file", RECORDS, ids=lambda file: file.label)


@each_record
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_reads_and_writes_what_fastavro_does(file: SchemaFile, data: st.DataObject) -> None:
    schema, value = CODECS[file.label], data.draw(values(file.shape))
    encoded = schema.encode(value)
    assert encoded == file.header + fastavro_body(file.definition, value)
    assert (
        plain(file.shape, schema.decode(encoded)) == value == fastavro_read(file.definition, encoded[10:])[0]
    )


@each_record
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_reads_nothing_that_ends_early_or_late(file: SchemaFile, data: st.DataObject) -> None:
    schema = CODECS[file.label]
    encoded = schema.encode(data.draw(values(file.shape)))
    with pytest.raises(MalformedData):
        schema.decode(encoded + b"\x00")
    for length in range(10, len(encoded)):
        with pytest.raises(MalformedData):
            schema.decode(encoded[:length])
    for length in range(10):
        with pytest.raises(SchemaError):
            schema.decode(encoded[:length])


def greedy(shape: Shape, wanted: int, filler: bytes) -> Iterator[bytes]:
    """Yield the smallest valid bytes of `shape`, with `wanted` items in the outermost array."""
    match shape:
        case Scalar("string" | "bytes"):
            yield write_varint(len(filler) << 1) + filler
        case Scalar("double"):
            yield bytes(8)
        case Scalar("float"):
            yield bytes(4)
        case Fixed(size=size):
            yield bytes(size)
        case Scalar() | Enum():
            yield b"\x00"
        case Optional(item=item, null_index=null):
            yield bytes([2 - 2 * null])
            yield from greedy(item, wanted, filler)
        case Array(item=item, max_items=most):
            yield from _greedy_array(item, min(wanted, wanted if most is None else most), filler)
        case Record(fields=fields):
            for field in fields:
                yield from greedy(field.shape, wanted, filler)


def _greedy_array(item: Shape, wanted: int, filler: bytes) -> Iterator[bytes]:
    if wanted:
        yield write_varint(wanted << 1)
        yield b"".join(greedy(item, 0, filler)) * wanted
    yield b"\x00"


def most_items(file: SchemaFile) -> int:
    """Return how many items each outermost array may have so that all together are just allowed."""
    return MAX_VALUES // sum(weight(each.item) for each in arrays(file.shape))


@pytest.mark.parametrize("filler", [b"", b"a", b"ab"], ids=["empty", "one letter", "two letters"])
@pytest.mark.parametrize("file", WITH_ARRAYS, ids=lambda file: file.label)
def test_costs_no_more_memory_than_sixteen_times_its_bytes(file: SchemaFile, filler: bytes) -> None:
    schema = CODECS[file.label]
    worst = file.header + b"".join(greedy(file.shape, most_items(file), filler))
    schema.decode(worst)  # generated outside the measurement
    tracemalloc.start()
    try:
        held = schema.decode(worst)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held is not None
    assert peak <= 16 * len(worst) + MIB


@pytest.mark.parametrize("file", WITH_ARRAYS, ids=lambda file: file.label)
def test_refuses_a_megabyte_of_tiny_items_at_once(file: SchemaFile) -> None:
    """Refused because of the count alone: the work is what comes before the first array."""
    schema = CODECS[file.label]
    wanted = MAX_VALUES * 4
    bomb = file.header + b"".join(greedy(unlimited(file.shape), wanted, b""))
    with pytest.raises(TooManyValues) as refused:
        schema.decode(bomb[:MIB])
    assert refused.value.offset < 1000


def unlimited(shape: Any) -> Any:
    """Return `shape` without the limits of its arrays."""
    match shape:
        case Array(item=item):
            return Array(unlimited(item), None)
        case Optional(item=item, null_index=index):
            return Optional(unlimited(item), index)
        case Record(fullname=name, fields=fields):
            return Record(name, tuple(type(f)(f.name, unlimited(f.shape), f.default) for f in fields))
        case _:
            return shape


@pytest.mark.parametrize("file", WITH_ARRAYS, ids=lambda file: file.label)
def test_the_worst_message_takes_a_few_milliseconds(file: SchemaFile) -> None:
    """Meant to catch an unbounded reader (seconds); the bound of 50 ms is kept with room for a slow machine."""
    schema = CODECS[file.label]
    worst = file.header + b"".join(greedy(file.shape, most_items(file), b"ab"))
    schema.decode(worst)
    spent = []
    for _ in range(5):
        start = time.process_time()
        schema.decode(worst)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.05
