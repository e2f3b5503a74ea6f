"""The envelope records in and out of their bytes; whatever is none of them is void, never an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.log.envelope import decode, encode
from streams.log.records import Record
from tests.unit.log.records import GENESIS, A, Chain, claim, decision, source

RECORDS: tuple[Record, ...] = (
    GENESIS,
    claim(),
    Chain().begun().feature(2),
    Chain().begun().commit(source=source(0, 3)),
    Chain().begun().commit(decisions=(decision(events=(b"one", b"two"), reply=b"r", session="s"),) * 3),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert decode(encode(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_truncated_or_with_something_behind_it_it_is_no_record(record: Record) -> None:
    stored = encode(record)
    assert decode(stored + b"\x00") is None
    assert all(decode(stored[:end]) is None for end in range(len(stored)))


@pytest.mark.parametrize("stored", [None, b"", b"\xc3\x01", b"\xc3\x01" + b"\xff" * 8 + b"x", b"{}"])
def test_anything_else_is_no_record(stored: bytes | None) -> None:
    assert decode(stored) is None


def test_a_count_of_20_million_costs_nothing() -> None:
    stored = encode(Chain().begun().commit(decisions=()))
    assert stored[-1:] == b"\x00"
    assert decode(stored[:-1] + b"\x80\xb4\x89\x13" + b"\x00" * 64) is None


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_good_header_decode_or_are_void(body: bytes) -> None:
    record = decode(encode(claim(A))[:10] + body)
    assert record is None or encode(record) is not None
