"""`PointStore` on InfluxDB 2: a table is a measurement, its key gives tags and time, so a point written twice is one.

Line protocol by the official client, sent by httpx: the client's own asynchronous writer needs a second HTTP library.
"""

import gzip
from collections.abc import Sequence
from http import HTTPStatus

import httpx
from influxdb_client.client.write.point import Point
from influxdb_client.domain.write_precision import WritePrecision

from streams.domain.value import value
from streams.projections.ports import RowRefused, SinkUnavailable
from streams.projections.table import Row, Table

TIME = "start_ms"
"""The key column that is a point's time, in ms since 1970."""
BATCH = 5_000
_MALFORMED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


@value
class InfluxSettings:
    """Which bucket, and by what right."""

    url: str
    org: str
    bucket: str
    token: str
    timeout_s: float = 10.0


class InfluxPointStore:
    """Points of one bucket."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._url = settings.url
        self._client = httpx.AsyncClient(
            base_url=settings.url,
            params={"org": settings.org, "bucket": settings.bucket, "precision": "ms"},
            headers={"Authorization": f"Token {settings.token}", "Content-Encoding": "gzip"},
            timeout=settings.timeout_s,
            trust_env=False,
        )

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Write one point a row, some thousands at a time."""
        for first in range(0, len(rows), BATCH):
            lines = [line for row in rows[first : first + BATCH] if (line := line_of(table, row))]
            if lines:
                await self._send(table, "\n".join(lines))

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    async def _send(self, table: Table, lines: str) -> None:
        try:
            body = gzip.compress(lines.encode(), compresslevel=1)
            answer = await self._client.post("/api/v2/write", content=body)
        except UnicodeEncodeError as error:
            raise RowRefused(f"{table.name}: text with half a surrogate pair: {error}") from error
        except httpx.HTTPError as error:
            raise SinkUnavailable(
                f"{table.name}: InfluxDB at {self._url} cannot be reached: {error!r}"
            ) from error
        if not answer.is_success:
            raise _refusal(table, answer)


def line_of(table: Table, row: Row) -> str:
    """Return a row in line protocol; empty if all its fields are null."""
    point = Point(table.name)
    for column, each in zip(table.columns[: table.key], row, strict=False):
        if column == TIME:
            point.time(each, WritePrecision.MS)
        else:
            point.tag(column, each)
    for column, each in zip(table.columns[table.key :], row[table.key :], strict=True):
        point.field(column, each)
    line: str = point.to_line_protocol()
    return line


def _refusal(table: Table, answer: httpx.Response) -> RowRefused | SinkUnavailable:
    said = f"{table.name}: InfluxDB answers {answer.status_code}: {answer.text[:500]}"
    if answer.status_code in _MALFORMED:
        return RowRefused(said)
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return SinkUnavailable(
            f"{said} Correct the organisation, the bucket or the token in TIDELOCK_INFLUX."
        )
    return SinkUnavailable(said)
