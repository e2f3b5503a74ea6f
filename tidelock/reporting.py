"""Our own processes tell of themselves: what their registries count goes to InfluxDB. For composition roots only.

As being a node, it is a convenience for who looks at the platform: nothing waits for it, and it ends no process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.influx.api import InfluxSettings
from storage.influx.points import InfluxPointStore
from streams.ops.addresses import influx_parts
from streams.ops.disks import Disks
from streams.reports.reporter import Reporter, nothing
from tidelock.registrar import OwnProcess


class ReportSettings(BaseSettings):
    """How a process tells of itself. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    influx: str | None = Field(
        None,
        repr=False,
        description="URL of InfluxDB: http://host:port?org=..&bucket=..&token=..; default: nothing is told.",
    )
    influx_bucket_per_tenant: bool = Field(
        False, description="Whether points of a tenant go to buckets of its own, BUCKET.TENANT."
    )
    report_s: int = Field(
        10, ge=0, le=300, description="How often the process tells of itself, in seconds; 0: never."
    )
    disks: str = Field(
        "", description="Paths, comma-separated, whose file systems are looked at; default: home."
    )
    home: str = Field(".", description="Directory of the local stack.")

    @field_validator("influx")
    @classmethod
    def _is_url(cls, influx: str | None) -> str | None:
        if influx:
            influx_parts(influx)
        return influx

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths whose file systems are looked at."""
        return tuple(dict.fromkeys(each.strip() for each in self.disks.split(",") if each.strip())) or (
            self.home,
        )


@asynccontextmanager
async def reporting(
    process: OwnProcess, settings: ReportSettings | None, observe: Callable[[], None] = nothing
) -> AsyncIterator[None]:
    """Tell inside. Without settings, without InfluxDB, or switched off: nothing.

    `observe`: sets gauges, on any thread, before each look.
    """
    if settings is None or not settings.influx or not settings.report_s:
        yield
        return
    parts, apart = influx_parts(settings.influx), settings.influx_bucket_per_tenant
    store = InfluxPointStore(InfluxSettings(*parts, bucket_per_tenant=apart))

    disks = Disks(settings.paths)

    def look() -> None:
        disks.observe()
        observe()

    who = {"process": process.node, "role": process.role}
    task = asyncio.create_task(Reporter(who, store, look, settings.report_s).run(), name="reporter")
    task.add_done_callback(_ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await store.close()


def _ended(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        structlog.get_logger("tidelock.reports").error("this process tells no more of itself", exc_info=error)
