"""Every panel, variable and alert rule has rows, from an InfluxDB that the platform itself filled."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from deploy.grafana.asked import Asked, of_panels, of_variables, rules
from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets
from streams.read_models import PROJECTIONS
from streams.reports.series import SERIES as TOLD
from tests.contract.grafana.asking import Influx
from tests.integration.grafana.life import again_and_again, once, until_none
from tests.unit.grafana.written import read_by
from tidelock.local.parts.influx import find_binary
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(find_binary() is None, reason="no influxd: set INFLUXD or TIDELOCK_SHARED"),
]

SERIES = (*(each for one in PROJECTIONS if one.points is not None for each in one.points.series), *TOLD)
WRITTEN = {series.table.name for series in SERIES}
PANELS = [one for one in of_panels() if read_by(one.query)[0] <= WRITTEN]
OF_NOW = "recently"
"""What the queries have that look back a minute: the same on every time range."""
RAW = timedelta(minutes=30)
PATIENCE_S = 300.0


@dataclass
class Stage:
    influx: Influx
    buckets: InfluxBuckets

    async def without_rows(
        self, asked: Sequence[Asked], past: timedelta, later: timedelta = timedelta()
    ) -> list[Asked]:
        return [one for one in asked if not await self.influx.rows(one.query, past, later=later)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The platform, living, until all that is looked for has come as it is told."""
    async with stack_for_tests(
        tmp_path_factory.mktemp("grafana"), ("kafka", "postgres", "redis", "influx"),
        workers=1, projectors=1, processes=1, apis=1, environment={"TIDELOCK_REPORT_S": "1"},
    ) as stack:  # fmt: skip
        address = stack.addresses.influx
        assert address is not None
        influx = Influx(address)
        settings = InfluxSettings(address.url, address.org, address.bucket, address.token, PATIENCE_S)
        buckets = InfluxBuckets(settings, SERIES)
        await once(stack)
        living = asyncio.create_task(again_and_again(stack))
        try:
            yield Stage(influx, buckets)
        finally:
            living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await living
            await influx.close()
            await buckets.close()


async def test_every_panel_has_rows_of_ten_seconds(stage: Stage) -> None:
    left = list(PANELS)

    async def missing() -> list[str]:
        left[:] = await stage.without_rows(left, RAW)
        return [str(one) for one in left]

    await until_none(missing, PATIENCE_S)


async def test_every_alert_rule_has_rows(stage: Stage) -> None:
    async def missing() -> list[str]:
        return [
            rule["uid"]
            for rule in rules()
            if read_by(query := rule["data"][0]["model"]["query"])[0] <= WRITTEN
            and not await stage.influx.rows(
                query, timedelta(seconds=rule["data"][0]["relativeTimeRange"]["from"])
            )
        ]

    await until_none(missing, PATIENCE_S)


async def test_every_variable_offers_values(stage: Stage) -> None:
    assert await stage.without_rows(list(of_variables()), RAW) == []


@pytest.mark.parametrize(
    ("past", "later"),
    [
        pytest.param(timedelta(hours=12), timedelta(minutes=20), id="minutes"),
        pytest.param(timedelta(days=7), timedelta(hours=2), id="hours"),
    ],
)
async def test_every_panel_has_rows_of_what_is_downsampled(
    stage: Stage, past: timedelta, later: timedelta
) -> None:
    """Asked a little later, when a whole step of the panel is over."""
    now_ms = int(time.time() * 1000)
    await stage.buckets.downsample(stage.influx.address.bucket, now_ms - 7_200_000, now_ms)
    over_time = [one for one in PANELS if OF_NOW not in one.query]
    assert [str(one) for one in await stage.without_rows(over_time, past, later)] == []
