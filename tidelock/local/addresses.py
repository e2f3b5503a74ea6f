"""Where the parts of a stack are. Plain values: anybody may import them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from streams.ops.addresses import influx_parts


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """An InfluxDB 2 server and what a writer needs to use it."""

    url: str = field(repr=False)
    org: str
    bucket: str
    token: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, env: Mapping[str, str] = os.environ) -> InfluxAddress:
        """Read `http://host:8086?org=..&bucket=..&token=..`; TIDELOCK_INFLUX_ORG and the like fill gaps."""
        return cls(*influx_parts(text, env))

    def __str__(self) -> str:
        query = urlencode({"org": self.org, "bucket": self.bucket, "token": self.token})
        return f"{self.url}?{query}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running stack is reached; a part that is off is None."""

    kafka: str
    postgres: str | None
    redis: str | None
    influx: InfluxAddress | None
    workers: tuple[str, ...]
    apis: tuple[str, ...] = ()

    @property
    def graphql(self) -> str | None:
        """The address of the first API node's GraphQL, for clients and browsers."""
        return f"http://{self.apis[0]}/graphql" if self.apis else None

    def as_environment(self) -> dict[str, str]:
        """Return the TIDELOCK_* variables that point a program at this stack."""
        env = {"TIDELOCK_KAFKA": self.kafka}
        if self.postgres:
            env["TIDELOCK_POSTGRES"] = self.postgres
        if self.redis:
            env["TIDELOCK_REDIS"] = self.redis
        if self.influx:
            env["TIDELOCK_INFLUX"] = str(self.influx)
        return env
