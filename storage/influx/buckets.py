"""Buckets with retention, and the tasks that downsample: made where they are missing, corrected where they are ours.

A bucket that somebody else made keeps its retention, for a shorter one deletes points: it is told how to set it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.post_bucket_request import PostBucketRequest
from influxdb_client.domain.task_create_request import TaskCreateRequest
from influxdb_client.domain.task_update_request import TaskUpdateRequest
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from storage.influx.api import InfluxForbidden, InfluxSettings
from storage.influx.downsampling import LEVELS, once, task, task_name
from streams.projections.ports import SinkUnavailable
from streams.projections.projection import Series

OURS: Final = "Points of Tidelock"
"""How the description of a bucket begins that was made here."""
SLOW_S: Final = 300.0
"""How long downsampling a time of the past may take."""
_CHUNK: Final = 65_536
_WHY: Final = 2_000
_BROKE_OFF: Final = b"\n,error,reference"
"""The header of the table that tells why (docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv, errors)."""


class InfluxNotFit(SinkUnavailable):
    """The organisation or a bucket is not as it should be, and not ours to change."""

    code = "INFLUX_NOT_FIT"


class InfluxBuckets:
    """The buckets of one organisation, by the official client; its calls block, so each is made on a thread."""

    def __init__(self, settings: InfluxSettings, series: Sequence[Series]) -> None:
        self._settings, self._series = settings, series
        self._client, self._slow = _client(settings, settings.timeout_s), _client(settings, SLOW_S)
        self._under_way: set[asyncio.Task[None]] = set()
        """Threads cannot be cancelled: who asked may be gone."""

    async def close(self) -> None:
        """End the connections, when nobody uses them any more: a process whose threads go on does not end."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for client in (self._client, self._slow):
            await asyncio.to_thread(client.close)

    async def ensure(self, bucket: str) -> None:
        """Make what is missing: the bucket, those of minutes and hours, their tasks. Raises `SinkUnavailable`.

        It may be done as often as one likes, by several at a time.
        """
        await self._asked(f"preparing {bucket}", partial(self._ensure, bucket))

    async def downsample(self, bucket: str, start_ms: int, end_ms: int) -> None:
        """Downsample a time of the past again, for points of then came later than the tasks look back."""
        for level in LEVELS:
            query = once(level, bucket, self._series, start_ms, end_ms)
            await self._asked(f"downsampling {bucket}", partial(self._run, query))

    def _run(self, query: str) -> None:
        """Run a query that writes. What goes wrong when it has begun to answer stands at the answer's end."""
        answer = self._slow.query_api().query_raw(query)
        try:
            why = broken_off(answer.stream(_CHUNK))
        finally:
            answer.release_conn()
        if why is not None:
            raise SinkUnavailable(f"InfluxDB broke a query off: {why}")

    async def _asked(self, what: str, asked: Callable[[], None]) -> None:
        asking = asyncio.create_task(asyncio.to_thread(asked), name=what)
        self._under_way.add(asking)
        asking.add_done_callback(self._under_way.discard)
        try:
            await asyncio.shield(asking)
        except ApiException as error:
            raise _refusal(error, what) from error
        except HTTPError as error:
            raise SinkUnavailable(
                f"{what}: InfluxDB at {self._settings.shown} cannot be reached: {error!r}"
            ) from error

    def _ensure(self, bucket: str) -> None:
        org, keeps = self._org(), self._settings.retention
        for name, retention_s in (
            (bucket, keeps.raw_s),
            *zip((bucket + level.name for level in LEVELS), (keeps.minutes_s, keeps.hours_s), strict=True),
        ):
            self._bucket(org, name, retention_s)
        for level in LEVELS:
            self._task(org, task_name(level, bucket), task(level, bucket, self._series))

    def _org(self) -> str:
        name = self._settings.org
        found = _found(lambda: self._client.organizations_api().find_organizations(org=name))
        if not found:
            raise InfluxNotFit(
                f"InfluxDB at {self._settings.shown} has no organisation {name!r} that the token may see. "
                "Correct `org` or `token` in TIDELOCK_INFLUX."
            )
        identity: str = found[0].id
        return identity

    def _bucket(self, org: str, name: str, retention_s: int) -> None:
        buckets = self._client.buckets_api()
        rules = [BucketRetentionRules(type="expire", every_seconds=retention_s)]
        found: list[Bucket] = _found(lambda: buckets.find_buckets(org_id=org, name=name).buckets)
        if not found:
            made = PostBucketRequest(org_id=org, name=name, description=OURS, retention_rules=rules)
            try:
                buckets.create_bucket(made)
            except ApiException as error:
                if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:  # else another projector was faster
                    raise
            return
        (bucket,) = found
        kept_s = sum(rule.every_seconds for rule in bucket.retention_rules)
        if kept_s == retention_s:
            return
        if not (bucket.description or "").startswith(OURS):
            raise InfluxNotFit(
                f"The bucket {name!r} keeps points for {_span(kept_s)}, not for {_span(retention_s)}, and Tidelock "
                f"did not make it. Set it (`influx bucket update --id {bucket.id} --retention "
                f"{_span(retention_s)}`), which deletes what is older; or name another bucket in TIDELOCK_INFLUX."
            )
        bucket.retention_rules = rules
        buckets.update_bucket(bucket)

    def _task(self, org: str, name: str, flux: str) -> None:
        tasks = self._client.tasks_api()
        found = _found(lambda: tasks.find_tasks(org_id=org, name=name))
        if not found:
            tasks.create_task(task_create_request=TaskCreateRequest(org_id=org, flux=flux))
        elif found[0].flux != flux:
            tasks.update_task_request(found[0].id, TaskUpdateRequest(flux=flux))
        for twin in found[1:]:  # of projectors that began at the same moment: names of tasks are not unique
            tasks.delete_task(twin.id)


def broken_off(chunks: Iterable[bytes]) -> str | None:
    """Return why an answer was broken off; None: it was not. Its rows, which may be many, are not kept."""
    kept, broke = b"", b""
    for chunk in chunks:
        kept += chunk
        if not broke:
            before, broke, after = kept.partition(_BROKE_OFF)
            kept = after if broke else before[1 - len(_BROKE_OFF) :]
        kept = kept[:_WHY] if broke else kept
    return kept.decode(errors="replace").strip()[:500] if broke else None


def _client(settings: InfluxSettings, timeout_s: float) -> InfluxDBClient:
    return InfluxDBClient(settings.url, settings.token, org=settings.org, timeout=round(timeout_s * 1000))


def _found(look: Callable[[], list[Any]]) -> list[Any]:
    """Return what was looked for by name: InfluxDB says of some things that are not there that they are not found."""
    try:
        return look()
    except ApiException as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return []


def _refusal(error: ApiException, what: str) -> SinkUnavailable:
    said = f"{what}: InfluxDB answers {error.status}: {str(error.body or error.reason)[:500]}"
    if error.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return SinkUnavailable(said)
    return InfluxForbidden(
        f"{said} Give the token in TIDELOCK_INFLUX the right to read and write buckets and tasks of the "
        "organisation (`influx auth create --read-orgs --read-buckets --write-buckets --read-tasks --write-tasks`)."
    )


def _span(seconds: int) -> str:
    return f"{seconds}s" if seconds else "0 (for ever)"
