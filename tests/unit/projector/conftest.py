"""Whatever a test started, ends with it."""

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from streams.projector.settings import LaneSettings
from tests.unit.projector.toy import World
from tests.unit.replay.logbook import Logbook

Make = Callable[..., World]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Make]:
    made: list[World] = []

    def make(book: Logbook, **settings: object) -> World:
        one = World(book)
        if settings:
            one = World(book, LaneSettings(**({"stretch_bytes": 400, "hand_over_s": 0.0} | settings)))  # type: ignore[arg-type]
        made.append(one)
        return one

    yield make
    for one in made:
        await one.end()
