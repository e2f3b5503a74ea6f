"""Rows as text: what is written is what is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.projections.hot import hot_key, hot_row, row_of
from streams.projections.table import Table

TABLE = Table("toys", ("partition", "tenant", "name", "numbers", "flag"), key=3)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1)).map(tuple)
ROWS = st.tuples(st.integers(0, 63), TEXT, TEXT, st.none() | NUMBERS, st.none() | st.booleans())


@given(ROWS)
def test_a_row_comes_back_as_it_was(row: tuple[object, ...]) -> None:
    assert row_of(TABLE, hot_row(row)) == row


@given(ROWS, ROWS)
def test_rows_have_the_same_key_as_text_only_if_they_have_the_same_key(
    one: tuple[object, ...], other: tuple[object, ...]
) -> None:
    same = one[1:3] == other[1:3]
    assert (hot_key(TABLE.key_of(one)) == hot_key(TABLE.key_of(other))) == same


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nonsense", "[1,2,3,4,5,6]"])
def test_text_that_is_no_row_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"toys|Expecting"):
        row_of(TABLE, text)
