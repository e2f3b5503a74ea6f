"""Histories page by page, backwards over the marks in a log; what is refused, and what a kind need not have."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest

from api.errors import BadArgument
from api.resources import Found, Resources, place_of
from storage.memory.log import MemoryTopic
from streams.domain.kind import KindSpec
from streams.domain.locks.kind import LOCKS
from streams.log.accepted import CommitReader
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import SinkUnavailable
from streams.replay.moment import AtEnd
from streams.replay.resource import ResourceName
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, decision, grant, release

ORDER = ResourceName("locks", "dev", "orders/42")


class Clock:
    def monotonic_ms(self) -> int:
        return 0

    def wall_ms(self) -> int:
        return 1000


class Marks:
    """`LogMarks` of one partition; `away`: cannot be asked."""

    def __init__(self, marks: Sequence[Checkpoint], *, away: bool = False) -> None:
        self.all, self.away = list(marks), away

    async def marks(self, where: PartitionId) -> list[Checkpoint]:
        if self.away:
            raise SinkUnavailable("away")
        return self.all

    async def mark_before(self, where: PartitionId, offset: int) -> Checkpoint:
        raise NotImplementedError

    async def mark_before_time(self, where: PartitionId, time_ms: int) -> Checkpoint:
        raise NotImplementedError


class World:
    """A log of one lock: held and released, again and again, two decisions a commit, others' between."""

    def __init__(self, rounds: int = 6, *, away: bool = False) -> None:
        book, number = Logbook().begun(), 0
        for _ in range(rounds):
            token = number + 1
            both = (grant(number + 1, token), release(number + 2, token))
            book.commit(*both).commit(decision(number + 100, client="z", key="dev/other"))
            number += 2
        self.topic = MemoryTopic(Clock())
        reader, marks = CommitReader(WHERE, WORDS), []
        for stored in book.records:
            if stored.offset % 3 == 0:
                marks.append(reader.checkpoint)
            self.topic.append(stored.value)
            reader.read(stored)
        kinds: tuple[KindSpec, ...] = (LOCKS,)
        self.resources = Resources(kinds, lambda *_: 0, self.log_of, Marks(marks, away=away))

    def log_of(self, where: PartitionId) -> MemoryTopic:
        assert where == WHERE
        return self.topic

    async def page(self, size: int, before: tuple[int, int] | None = None) -> Found:
        return await self.resources.decisions(ORDER, size, before)

    async def all_places(self, size: int) -> list[tuple[int, int]]:
        """Page through all of it."""
        places: list[tuple[int, int]] = []
        before: tuple[int, int] | None = None
        while True:
            found = await self.page(size, before)
            places += [place_of(one) for one in found.decisions]
            if not found.decisions and found.resume is None:
                return places
            before = found.resume or places[-1]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("away", [False, True], ids=["marks", "no marks"])
async def test_all_decisions_come_once_newest_first(size: int, away: bool) -> None:
    world = World(away=away)
    places = await world.all_places(size)
    assert len(places) == 12
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == 12


async def test_a_search_that_takes_long_is_handed_out_as_far_as_it_is() -> None:
    world = World()
    with patch("api.resources.PAGE_S", -1.0):
        found = await world.page(100)
        assert found.resume is not None
        assert len(found.decisions) < 12
        assert len(await world.all_places(100)) == 12


async def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadArgument, match="locks"):
        await World().resources.rewound(ResourceName("lock", "dev", "a"), AtEnd())


async def test_a_state_is_folded_to_the_end() -> None:
    rewound = await World().resources.rewound(ORDER, AtEnd())
    assert (rewound.chronicle.state, rewound.chronicle.used) == (None, True)
