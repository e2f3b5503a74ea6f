"""An InfluxDB that Grafana could ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.contract.grafana.asking import Influx
from tests.contract.sinks.conftest import influx_for_tests


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def influx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Influx]:
    async with influx_for_tests(tmp_path_factory.mktemp("influx")) as address:
        made = Influx(address)
        yield made
        await made.close()
