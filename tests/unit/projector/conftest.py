"""Whatever a test started, ends with it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest_asyncio

from tests.unit.projector.toy import QUICK, World
from tests.unit.replay.logbook import Logbook

Make = Callable[..., World]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Make]:
    made: list[World] = []

    def make(book: Logbook, **settings: Any) -> World:
        one = World(book, replace(QUICK, **settings))
        made.append(one)
        return one

    yield make
    for one in made:
        await one.end()
