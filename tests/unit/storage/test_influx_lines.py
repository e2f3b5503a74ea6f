"""Rows in line protocol, as the official client writes them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point
from influxdb_client.domain.write_precision import WritePrecision

from storage.influx.lines import lines_of
from streams.projections.table import Table

TABLE = Table("toys", ("start_ms", "tenant", "amount", "note", "share"), key=2)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
FIELDS = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | TEXT,
    st.none() | st.floats(-1e15, 1e15).map(lambda each: each + 0.5),
)


def line_of(table: Table, row: Any) -> str:
    return "".join(lines_of(table, [row]))


@given(tenant=TEXT, time_ms=st.integers(0, 2**42), fields=FIELDS)
def test_it_is_what_the_official_client_writes(tenant: str, time_ms: int, fields: Any) -> None:
    point = Point("toys").tag("tenant", tenant).time(time_ms, WritePrecision.MS)
    for name, each in zip(TABLE.columns[2:], fields, strict=True):
        point.field(name, each)
    written = line_of(TABLE, (time_ms, tenant, *fields))
    share = fields[2]
    if share is not None:  # the client leaves out what says that a number is no whole one
        written = written.replace(f"share={share!r}", f"share={repr(share).removesuffix('.0')}")
    assert written == point.to_line_protocol()


def test_the_key_gives_time_and_tags_the_rest_fields() -> None:
    assert line_of(TABLE, (1_790_000_000_000, "acme", 3, "x", 0.5)) == (
        'toys,tenant=acme amount=3i,note="x",share=0.5 1790000000000'
    )


def test_what_means_something_to_the_protocol_is_escaped() -> None:
    line = line_of(TABLE, (5, "a b,c=d\n", 1, 'say "hi" \\', None))
    assert line == 'toys,tenant=a\\ b\\,c\\=d\\n amount=1i,note="say \\"hi\\" \\\\" 5'


def test_a_row_without_values_is_no_point() -> None:
    assert lines_of(TABLE, [(5, "acme", None, None, None), (5, "acme", None, None, float("nan"))]) == []


def test_a_number_that_is_a_tag_is_text() -> None:
    table = Table("gauges", ("start_ms", "tenant", "partition", "held"), key=3)
    assert line_of(table, (5, "acme", 3, 1)) == "gauges,tenant=acme,partition=3 held=1i 5"


def test_of_numbers_and_nulls_in_any_places_only_the_numbers_are_told() -> None:
    table = Table("sums", ("start_ms", "tenant", "a", "b", "c%d", "d"), key=2)
    assert line_of(table, (5, "acme", None, 2, None, 0.5)) == "sums,tenant=acme b=2i,d=0.5 5"
    assert line_of(table, (5, "acme", 1, None, 3, None)) == "sums,tenant=acme a=1i,c%d=3i 5"
    assert line_of(table, (5, "acme", 1, float("inf"), None, True)) == "sums,tenant=acme a=1i,d=true 5"


def test_what_is_no_number_is_left_out_and_what_is_too_large_to_add_up_is_written() -> None:
    table = Table("toys", ("start_ms", "some", "more"), key=1)
    assert line_of(table, (5, 1.5, float("nan"))) == "toys some=1.5 5"
    assert line_of(table, (5, float("-inf"), float("inf"))) == ""
    assert line_of(table, (5, 1e308, 1e308)) == "toys some=1e+308,more=1e+308 5"
