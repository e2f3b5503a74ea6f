"""Values of any kind as plain data: bounded, whatever a state holds, and JSON all through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.value import value
from streams.replay.plain import DEEPEST, MOST, MOST_BYTES, MOST_CHARS, plain, typed


class Colour(Enum):
    RED = 1


@value
class Inner:
    token: int


@value
class Outer:
    name: str
    inner: Inner | None
    several: tuple[Inner, ...]
    by_number: Mapping[int, Inner]
    payload: bytes


def test_a_value_is_its_fields() -> None:
    shown = plain(Outer("x", Inner(1), (Inner(2),), {7: Inner(3)}, b"\x01\xff"))
    assert shown == {
        "name": "x", "inner": {"token": 1}, "several": [{"token": 2}], "by_number": {"7": {"token": 3}},
        "payload": "01ff",
    }  # fmt: skip
    assert typed(Inner(1)) == {"type": "Inner", "token": 1}
    assert typed(5) == {"type": "int", "value": 5}


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        (2**53, 2**53),
        (2**53 + 1, str(2**53 + 1)),
        (-(2**60), str(-(2**60))),
        (True, True),
        (None, None),
        (Colour.RED, "RED"),
        (b"a" * (MOST_BYTES + 1), "61" * MOST_BYTES + "... 1,025 bytes"),
        ("a" * (MOST_CHARS + 1), "a" * MOST_CHARS + "... 4,097 characters"),
        (tuple(range(MOST + 5)), [*range(MOST), "... and 5 more"]),
    ],
)
def test_what_is_long_is_cut_and_says_so(whole: object, shown: object) -> None:
    assert plain(whole) == shown


def test_a_mapping_is_cut_and_says_so() -> None:
    shown = plain({number: number for number in range(1000)})
    assert isinstance(shown, dict)
    assert (len(shown), shown["..."]) == (MOST + 1, "and 900 more")


def test_what_is_deep_is_cut() -> None:
    deep: Any = ()
    for _ in range(10_000):
        deep = (deep,)
    shown = json.dumps(plain(deep))
    assert shown == "[" * DEEPEST + '"..."' + "]" * DEEPEST


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.builds(Inner, st.integers())
)


@given(st.recursive(_LEAVES, lambda part: st.lists(part) | st.dictionaries(st.integers() | st.text(), part)))
def test_anything_is_json(whole: object) -> None:
    json.dumps(plain(whole))
