"""InfluxDB, as Grafana asks it: tables of Flux, and an alert rule's judgement of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import httpx

from deploy.grafana.alerting import MOST_SERIES
from deploy.grafana.asked import asked
from storage.influx.api import InfluxSettings
from storage.influx.points import InfluxPointStore
from streams.projections.table import Row, Table
from tidelock.local.addresses import InfluxAddress

NO_LABELS = {"", "result", "table", "_time", "_value"}


class Influx:
    """A server, and buckets in it."""

    def __init__(self, address: InfluxAddress) -> None:
        self.address = address
        self._http = httpx.AsyncClient(
            base_url=address.url,
            headers={"Authorization": f"Token {address.token}"},
            trust_env=False,
            timeout=120,
        )

    async def rows(
        self,
        query: str,
        past: timedelta,
        bucket: str | None = None,
        chosen: Mapping[str, Sequence[str]] | None = None,
        later: timedelta = timedelta(),
    ) -> list[dict[str, str]]:
        """Return the rows of a query of Grafana's that looks back for so long; asked now, or as if it were later."""
        now = datetime.now(UTC) + later
        flux = asked(query, bucket or self.address.bucket, past, now, chosen)
        answer = await self._http.post(
            "/api/v2/query",
            params={"org": self.address.org},
            json={"query": flux, "now": now.isoformat()},
            headers={"Accept": "application/csv"},
        )
        assert answer.is_success, f"{answer.text}\n{flux}"
        return [row for part in answer.text.split("\r\n\r\n") for row in csv.DictReader(part.splitlines())]

    async def bucket(self, name: str) -> InfluxPointStore:
        """Make a bucket, and return what writes to it."""
        orgs = (await self._http.get("/api/v2/orgs", params={"org": self.address.org})).json()["orgs"]
        made = await self._http.post(
            "/api/v2/buckets", json={"orgID": orgs[0]["id"], "name": name, "retentionRules": []}
        )
        made.raise_for_status()
        return InfluxPointStore(InfluxSettings(self.address.url, self.address.org, name, self.address.token))

    async def close(self) -> None:
        await self._http.aclose()


async def written(store: InfluxPointStore, measurement: str, points: Sequence[Mapping[str, Any]]) -> None:
    """Write points; of each `start_ms`, its tags (texts) and its fields (numbers)."""
    for _, alike in groupby(points, key=lambda point: [(name, type(each)) for name, each in point.items()]):
        some = list(alike)
        tags = [name for name, each in some[0].items() if isinstance(each, str)]
        fields = [name for name in some[0] if name != "start_ms" and name not in tags]
        table = Table(measurement, ("start_ms", *tags, *fields), key=1 + len(tags))
        rows: list[Row] = [tuple(point[name] for name in table.columns) for point in some]
        await store.write(table, rows)


async def firing(influx: Influx, rule: Mapping[str, Any], bucket: str) -> list[dict[str, str]]:
    """Return the labels of the series that a rule fires for: its query, reduced to the last value, above the limit."""
    query, reduced, judged = rule["data"]
    past = timedelta(seconds=query["relativeTimeRange"]["from"])
    last: dict[tuple[tuple[str, str], ...], float] = {}
    for row in await influx.rows(query["model"]["query"], past, bucket):
        last[tuple((name, each) for name, each in row.items() if name not in NO_LABELS)] = float(
            row["_value"]
        )
    assert len(last) <= MOST_SERIES, "the data source fails a query of more series"
    (condition,) = judged["model"]["conditions"]
    assert (reduced["model"]["reducer"], condition["evaluator"]["type"]) == ("last", "gt")
    (limit,) = condition["evaluator"]["params"]
    return [dict(labels) for labels, value in last.items() if value > limit]
