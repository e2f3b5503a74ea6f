"""InfluxDB 2: how it is named, and by what right; and over HTTP, by httpx, for the writing of points.

The official client's asynchronous half needs a second HTTP library, so points go without it. What is seldom done is
done by its other half, on threads (`buckets`).
"""

from dataclasses import field
from typing import Any

import httpx

from streams.domain.value import value
from streams.ops.addresses import shown
from streams.projections.ports import SinkUnavailable

DAY_S = 86_400


@value
class Retention:
    """How long points are kept, in seconds: as they come, one a minute, one an hour. 0: for ever."""

    raw_s: int = 7 * DAY_S
    minutes_s: int = 90 * DAY_S
    hours_s: int = 730 * DAY_S


@value
class InfluxSettings:
    """Which bucket, and by what right."""

    url: str = field(repr=False)
    """May have a name and a password; `shown` has none."""
    org: str
    bucket: str
    token: str = field(repr=False)
    timeout_s: float = 10.0
    bucket_per_tenant: bool = False
    """Points of a tenant go to buckets of its own: see `bucket_of`."""
    retention: Retention = Retention()

    @property
    def shown(self) -> str:
        """The server's address as logs and errors may show it."""
        return shown(self.url)

    def bucket_of(self, tenant: str | None) -> str:
        """Return the bucket of a tenant's points; None: of points that are of no tenant."""
        return self.bucket if tenant is None or not self.bucket_per_tenant else f"{self.bucket}.{tenant}"


class InfluxForbidden(SinkUnavailable):
    """The token may not do this."""

    code = "INFLUX_FORBIDDEN"


def connected(settings: InfluxSettings) -> httpx.AsyncClient:
    """Return connections to the server, with the token."""
    return httpx.AsyncClient(
        base_url=settings.url,
        headers={"Authorization": f"Token {settings.token}"},
        timeout=settings.timeout_s,
        trust_env=False,
    )


async def called(client: httpx.AsyncClient, method: str, path: str, what: str, **sent: Any) -> httpx.Response:
    """Call the server; return its answer, whatever it is. Raises `SinkUnavailable`: it cannot be reached."""
    try:
        return await client.request(method, path, **sent)
    except httpx.HTTPError as error:
        raise SinkUnavailable(
            f"{what}: InfluxDB at {shown(str(client.base_url))} cannot be reached: {error!r}"
        ) from error
