"""Buckets with retention, and the tasks that downsample: made where they are missing, corrected where they are ours.

A bucket that somebody else made keeps its retention, for a shorter one deletes points: it is told how to set it.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from storage.influx.api import InfluxSettings, called, connected, refused, told
from storage.influx.downsampling import LEVELS, once, task, task_name
from streams.projections.ports import SinkUnavailable
from streams.projections.projection import Series

OURS: Final = "Points of Tidelock"
"""How the description of a bucket begins that was made here."""
SLOW_S: Final = 300.0
"""How long downsampling a time of the past may take."""


class InfluxNotFit(SinkUnavailable):
    """The organisation or a bucket is not as it should be, and not ours to change."""

    code = "INFLUX_NOT_FIT"


class InfluxBuckets:
    """The buckets of one organisation."""

    def __init__(self, settings: InfluxSettings, series: Sequence[Series]) -> None:
        self._settings, self._series = settings, series
        self._client = connected(settings)

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    async def ensure(self, bucket: str) -> None:
        """Make what is missing: the bucket, those of minutes and hours, their tasks. Raises `SinkUnavailable`.

        It may be done as often as one likes, by several at a time.
        """
        org, keeps = await self._org(), self._settings.retention
        for name, retention_s in (
            (bucket, keeps.raw_s),
            *zip((bucket + level.name for level in LEVELS), (keeps.minutes_s, keeps.hours_s), strict=True),
        ):
            await self._bucket(org, name, retention_s)
        for level in LEVELS:
            await self._task(org, task_name(level, bucket), task(level, bucket, self._series))

    async def downsample(self, bucket: str, start_ms: int, end_ms: int) -> None:
        """Downsample a time of the past again, for points of then came later than the tasks look back."""
        for level in LEVELS:
            query, what = once(level, bucket, self._series, start_ms, end_ms), f"downsampling {bucket}"
            sent = {"params": {"org": self._settings.org}, "json": {"query": query}, "timeout": SLOW_S}
            refused(await called(self._client, "POST", "/api/v2/query", what, **sent), what)

    async def _org(self) -> str:
        name = self._settings.org
        found = await self._found("orgs", {"org": name})
        if not found:
            raise InfluxNotFit(
                f"InfluxDB at {self._settings.url} has no organisation {name!r} that the token may see. "
                "Correct `org` or `token` in TIDELOCK_INFLUX."
            )
        identity: str = found[0]["id"]
        return identity

    async def _bucket(self, org: str, name: str, retention_s: int) -> None:
        rules = [{"type": "expire", "everySeconds": retention_s}]
        found = await self._found("buckets", {"orgID": org, "name": name})
        if not found:
            made = {"orgID": org, "name": name, "description": OURS, "retentionRules": rules}
            answer = await called(self._client, "POST", "/api/v2/buckets", f"making {name}", json=made)
            if answer.status_code != HTTPStatus.UNPROCESSABLE_ENTITY:  # else another projector was faster
                told(answer, f"making {name}")
            return
        kept_s = sum(rule["everySeconds"] for rule in found[0]["retentionRules"])
        if kept_s == retention_s:
            return
        if not found[0].get("description", "").startswith(OURS):
            raise InfluxNotFit(
                f"The bucket {name!r} keeps points for {_span(kept_s)}, not for {_span(retention_s)}, and Tidelock "
                f"did not make it. Set it (`influx bucket update --id {found[0]['id']} --retention "
                f"{_span(retention_s)}`), which deletes what is older; or name another bucket in TIDELOCK_INFLUX."
            )
        await self._said("PATCH", f"buckets/{found[0]['id']}", json={"retentionRules": rules})

    async def _task(self, org: str, name: str, flux: str) -> None:
        found = await self._found("tasks", {"orgID": org, "name": name})
        if not found:
            await self._said("POST", "tasks", json={"orgID": org, "flux": flux})
        elif found[0]["flux"] != flux:
            await self._said("PATCH", f"tasks/{found[0]['id']}", json={"flux": flux})
        for twin in found[1:]:  # of projectors that began at the same moment: names of tasks are not unique
            await self._said("DELETE", f"tasks/{twin['id']}")

    async def _found(self, kind: str, which: dict[str, str]) -> list[dict[str, Any]]:
        what = f"looking for {kind} {which}"
        answer = await called(self._client, "GET", f"/api/v2/{kind}", what, params=which)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return []
        found: list[dict[str, Any]] = told(answer, what)[kind]
        return found

    async def _said(self, method: str, path: str, **sent: Any) -> None:
        what = f"{method} {path}"
        told(await called(self._client, method, f"/api/v2/{path}", what, **sent), what)


def _span(seconds: int) -> str:
    return f"{seconds}s" if seconds else "0 (for ever)"
