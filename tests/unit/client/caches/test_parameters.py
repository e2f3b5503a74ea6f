"""The digest of parameters: the same for the same, in every process; another for anything else."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelock.client.caches.parameters import MAX_DEPTH, digest
from tidelock.client.errors import BadArgument, ParameterUnhashable


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Colour(Enum):
    SMALL = 1


@dataclass
class Shop:
    number: int
    tags: tuple[str, ...] = ()


@dataclass
class Store:
    number: int
    tags: tuple[str, ...] = ()


ALL_DIFFERENT: list[Any] = [
    None, True, False, 1, 0, 1.0, "1", b"1", "", b"", Decimal(1), Decimal("1.0"), float("nan"), float("inf"),
    date(2020, 1, 1), datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC), time(1), timedelta(1), timedelta(0, 1),
    UUID(int=1), Size.SMALL, Size.LARGE, Colour.SMALL, Shop(1), Shop(2), Store(1), (), [], {}, frozenset(),
    (1,), [1], {1: 1}, {1}, (1, 1), ((1,), 1), (1, (1,)), ("ab", "c"), ("a", "bc"), ("abc",), {"a": 1}, {"a": "1"},
    {"a": 1, "b": 2}, {"a": {"b": 2}}, "\ud800", "2:1", ["1:a"],
]  # fmt: skip


def test_what_differs_has_another_digest() -> None:
    for one, other in combinations(ALL_DIFFERENT, 2):
        assert digest({"p": one}) != digest({"p": other}), (one, other)


def test_names_and_their_values_count() -> None:
    some: list[dict[str, Any]] = [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, {"a": "b"}, {"ab": ""}]
    assert len({digest(each) for each in some}) == len(some)


def test_order_counts_in_sequences_only() -> None:
    assert digest({"p": {"a": 1, "b": 2}}) == digest({"p": {"b": 2, "a": 1}})
    assert digest({"p": {"x", "y", "z"}}) == digest({"p": frozenset(("z", "y", "x"))})
    assert digest({"p": [1, 2]}) != digest({"p": [2, 1]})


def test_it_is_the_same_in_every_process() -> None:
    """Hashes of texts differ from process to process."""
    code = (
        "from tidelock.client.caches.parameters import digest;"
        "print(digest({'shop': {'a', 'b', 'c', 'd'}, 'by': {'x': 1.5, 'y': None}}))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert seen == {"97cdb03399af03384729a787f18a1ea213e27ccb\n"}


class Number(int):
    pass


@pytest.mark.parametrize(
    "strange",
    [object(), Number(1), lambda: 1, Shop, [1, {"a": object()}], bytearray(b"x"), (n for n in (1,))],
    ids=[
        "an object",
        "a subclass",
        "a function",
        "a class",
        "deep inside",
        "bytes that change",
        "a generator",
    ],
)
def test_what_has_no_digest_is_named(strange: Any) -> None:
    with pytest.raises(ParameterUnhashable, match="'filter'") as refused:
        digest({"shop": 1, "filter": strange})
    assert refused.value.detail("parameter") == "filter"
    assert isinstance(refused.value, BadArgument)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ParameterUnhashable, match=f"deeper than {MAX_DEPTH}"):
        digest({"p": endless})


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each) | st.tuples(each, each),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_digests_agree_just_when_values_and_types_do(one: Any, other: Any) -> None:
    assert (digest({"p": one}) == digest({"p": other})) == (_shown(one) == _shown(other))


def _shown(plain: Any) -> str:
    """Return a text that says all, types included; dictionaries in order."""
    if isinstance(plain, dict):
        return "{" + ",".join(sorted(f"{key!r}:{_shown(each)}" for key, each in plain.items())) + "}"
    if isinstance(plain, list | tuple):
        return type(plain).__name__ + "(" + ",".join(map(_shown, plain)) + ")"
    return repr(plain)
