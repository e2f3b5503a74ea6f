"""Who has which connections of a projector: those who publish keep theirs, and take none from the lanes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from streams.projector import sinks
from streams.projector.configuration import ProjectorSettings
from streams.projector.status import Shown
from streams.read_models import PROJECTIONS
from tests.contract.sinks.conftest import postgres_for_tests

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("sinks"), pytest.mark.asyncio]


async def test_all_who_publish_at_once_leave_the_lanes_every_connection(tmp_path: Path) -> None:
    async with postgres_for_tests(tmp_path) as stack, AsyncExitStack() as opened:
        settings = ProjectorSettings(
            kafka="127.0.0.1:1",
            postgres=str(stack.addresses.postgres),
            influx="http://127.0.0.1:1?org=o&bucket=b&token=t",
            projector_connections=8,
        )
        connections = await sinks.database(settings, Shown("test"), opened)
        publishers = await sinks.publishers(settings, PROJECTIONS, opened)
        async with asyncio.timeout(30):
            while not all(one.has_turn for one in publishers):
                await asyncio.sleep(0.01)
        assert len(publishers) == 4
        async with AsyncExitStack() as lanes:
            for _ in range(settings.projector_connections):
                await lanes.enter_async_context(connections.connection())
            assert all(one.has_turn for one in publishers)
