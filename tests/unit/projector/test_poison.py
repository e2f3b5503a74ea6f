"""Bisection: exactly those decisions are put aside that cannot be taken, whatever they are and however many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.projector.poison import Attempt, NoDecision, culprits


def refusing(bad: frozenset[int], count: int, tried: list[frozenset[int]]) -> Attempt:
    async def attempt(aside: frozenset[int]) -> Exception | None:
        tried.append(aside)
        left = bad & (frozenset(range(count)) - aside)
        return RuntimeError(f"decision {min(left)}") if left else None

    return attempt


@given(
    st.integers(1, 200).flatmap(
        lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1), max_size=5))
    )
)
async def test_finds_exactly_the_culprits_each_in_a_few_attempts(case: tuple[int, set[int]]) -> None:
    count, bad = case
    tried: list[frozenset[int]] = []
    found = await culprits("toy", count, refusing(frozenset(bad), count, tried))
    assert {index: str(error) for index, error in found.items()} == {
        index: f"decision {index}" for index in bad
    }
    assert len(tried) <= (len(bad) + 1) * (count.bit_length() + 3)


async def test_what_is_known_to_be_bad_is_not_looked_for() -> None:
    tried: list[frozenset[int]] = []
    bad, known = frozenset(range(0, 200, 2)), {index: ValueError("seen") for index in range(0, 200, 2)}
    assert await culprits("toy", 200, refusing(bad, 200, tried), known) == known
    assert len(tried) == 1
    found = await culprits("toy", 200, refusing(bad | {7}, 200, tried), known)
    assert found.keys() == bad | {7}


async def test_what_is_refused_even_without_decisions_is_nobodys() -> None:
    async def attempt(_: frozenset[int]) -> Exception | None:
        return RuntimeError("whatever it is given")

    with pytest.raises(NoDecision, match="whatever"):
        await culprits("toy", 3, attempt)


async def test_what_is_refused_now_and_then_ends_too() -> None:
    answers = [RuntimeError("now"), None, RuntimeError("then"), None]

    async def attempt(_: frozenset[int]) -> Exception | None:
        return answers.pop(0)

    with pytest.raises(NoDecision):
        await culprits("toy", 1, attempt)
