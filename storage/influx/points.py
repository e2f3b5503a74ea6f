"""`PointStore` on InfluxDB 2: a table is a measurement, its key gives tags and time. Written twice, a point is one."""

import gzip
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus

import httpx

from storage.influx.api import InfluxSettings, called, connected
from storage.influx.lines import lines_of
from storage.influx.narrowing import narrowed
from streams.projections.ports import BucketsAway, PointsRefused, RowRefused, SinkUnavailable
from streams.projections.table import Row, Table

BATCH = 5_000
_CURE = "Correct the organisation, the bucket or the token in TIDELOCK_INFLUX."
_MALFORMED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


class _BucketAway(SinkUnavailable):
    """There is no such bucket, or the token may not write to it: another may be fit."""


class InfluxPointStore:
    """Points of one organisation."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._client = connected(settings)

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Write one point a row, some thousands at a time. A tenant whose bucket is away keeps up no other."""
        refused, left, why = list[Row](), dict[str, Sequence[Row]](), ""
        for bucket, of_one in self.by_bucket(table, rows).items():
            batches = [of_one[first : first + BATCH] for first in range(0, len(of_one), BATCH)]
            try:
                never, because = await narrowed(batches, partial(self._send, bucket, table))
            except _BucketAway as error:
                if bucket == self._settings.bucket:
                    raise
                left[bucket], why = of_one, str(error)
            else:
                refused, why = refused + never, why if left else because or why
        if left:
            raise BucketsAway(left, refused, why)
        if refused:
            raise PointsRefused(refused, why)

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    def by_bucket(self, table: Table, rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
        """Return the rows by where their points go."""
        if not self._settings.bucket_per_tenant or "tenant" not in table.columns[: table.key]:
            return {self._settings.bucket: rows}
        place = table.columns.index("tenant")
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(self._settings.bucket_of(row[place]), []).append(row)
        return found

    async def _send(self, bucket: str, table: Table, rows: Sequence[Row]) -> None:
        lines = lines_of(table, rows)
        if not lines:
            return
        try:
            body = gzip.compress("\n".join(lines).encode(), compresslevel=1)
        except UnicodeEncodeError as error:
            raise RowRefused(f"{table.name}: text with half a surrogate pair: {error}") from error
        params = {"org": self._settings.org, "bucket": bucket, "precision": "ms"}
        answer = await called(
            self._client, "POST", "/api/v2/write", table.name,
            params=params, content=body, headers={"Content-Encoding": "gzip"},
        )  # fmt: skip
        if not answer.is_success:
            raise _refusal(table, bucket, answer)


def _refusal(table: Table, bucket: str, answer: httpx.Response) -> RowRefused | SinkUnavailable:
    said = f"{table.name} in {bucket}: InfluxDB answers {answer.status_code}: {answer.text[:500]}"
    if answer.status_code in _MALFORMED:
        return RowRefused(said)
    if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return _BucketAway(f"{said} {_CURE}")
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return SinkUnavailable(f"{said} {_CURE}")
    return SinkUnavailable(said)
