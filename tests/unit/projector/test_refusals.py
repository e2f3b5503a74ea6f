"""What is refused: tried again with growing pauses, then looked for; a sink that is away is never the cause."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import Any

import pytest

from streams.log.accepted import AcceptedCommit
from streams.projections.ports import SinkUnavailable
from tests.unit.projector.conftest import Make
from tests.unit.projector.toy import BUG, NUL, QUICK, ToyFold, keys, logbook, poisoned, projection, truth


@pytest.mark.parametrize("refusals", [1, 3])
async def test_what_is_refused_for_a_reason_that_passes_is_not_poison(world: Make, refusals: int) -> None:
    given, left = world(logbook(*keys(9, 3))), [RuntimeError("out of memory")] * refusals

    class Passing(ToyFold):
        def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
            if left:
                raise left.pop()
            super().commit(accepted, without)

    lane = given.lane(projection(fold=Passing))
    await given.feed()
    await given.settled(lane)
    assert not given.letters.letters
    assert lane._model.attempts == 0
    assert given.rows == truth(given.book.records)
    assert len(given.paused) == refusals
    longest = [QUICK.first_pause_s * 2**turn for turn in range(refusals)]
    assert all(most / 2 <= pause <= most for pause, most in zip(given.paused, longest, strict=True))


async def test_what_stays_refused_is_looked_for_once_the_retries_are_used_up(world: Make) -> None:
    given = world(logbook(*poisoned(BUG)))
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert len(given.paused) == QUICK.retries
    assert [one.code for one in given.letters.letters] == ["RuntimeError"]


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("bad", [NUL, BUG])
async def test_a_store_that_goes_away_amid_a_search_is_not_poison(world: Make, bad: str, turn: int) -> None:
    given = world(logbook(*poisoned(bad)))
    rehearse, calls = given.store.rehearse, count()

    async def rehearsing(*what: Any) -> None:
        if next(calls) == turn:
            given.store.before = [SinkUnavailable("killed")] * 5
            raise SinkUnavailable("killed")
        await rehearse(*what)

    given.store.rehearse = rehearsing  # type: ignore[method-assign, assignment]
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert {(one.offset, one.decision) for one in given.letters.letters} == {(3, 2)}
    assert given.rows == truth(given.book.records, {(3, 2)})
