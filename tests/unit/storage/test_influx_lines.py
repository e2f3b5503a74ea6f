"""Rows in line protocol."""

from storage.influx.points import line_of
from streams.projections.table import Table

TABLE = Table("toys", ("start_ms", "tenant", "total", "share", "note"), key=2)


def test_the_key_gives_time_and_tags_the_rest_fields() -> None:
    assert line_of(TABLE, (1_790_000_000_000, "acme", 3, 0.5, "x")) == (
        'toys,tenant=acme note="x",share=0.5,total=3i 1790000000000'
    )


def test_what_means_something_to_the_protocol_is_escaped() -> None:
    line = line_of(TABLE, (5, "a b,c=d\n", 1, None, 'say "hi" \\'))
    assert line == 'toys,tenant=a\\ b\\,c\\=d\\n note="say \\"hi\\" \\\\",total=1i 5'


def test_a_row_without_values_is_no_point() -> None:
    assert line_of(TABLE, (5, "acme", None, None, None)) == ""
