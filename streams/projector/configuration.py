"""A projector's settings, from the environment (`TIDELOCK_*`). One place, typed, checked at start."""

import os
import socket
from urllib.parse import parse_qs, urlsplit, urlunsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.ops.addresses import host_port


class ProjectorSettings(BaseSettings):
    """What a projector process is told. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    kafka: str = Field(description="Bootstrap servers of Kafka, host:port[,host:port].")
    postgres: str = Field(description="URL of PostgreSQL: postgresql://user:password@host:port/database.")
    redis: str | None = Field(None, description="URL of Redis, for hot copies; default: none are kept.")
    influx: str | None = Field(
        None, description="URL of InfluxDB: http://host:port?org=..&bucket=..&token=..; default: no points."
    )
    projector_name: str = Field(
        default_factory=socket.gethostname, description="Stable name of this projector."
    )
    projector_metrics: str = Field(
        "127.0.0.1:7411", description="Where /metrics, /status and /ready are served, host:port."
    )
    session_timeout_ms: int = Field(
        10_000, ge=1000, description="How long a silent projector keeps its partitions."
    )
    projector_stall_s: float = Field(
        60.0, ge=5.0, description="A projector that should move and does not for so long ends itself."
    )
    projector_buffer_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024 * 1024,
        description="Stored bytes of records that wait for their read models.",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("projector_metrics")
    @classmethod
    def _is_address(cls, address: str) -> str:
        host_port(address)
        return address

    @field_validator("redis", "influx", mode="before")
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        """Orchestrators set a variable that is not meant to an empty text."""
        return text or None


def influx_parts(url: str) -> tuple[str, str, str, str]:
    """Return url, org, bucket and token; TIDELOCK_INFLUX_ORG and the like fill gaps."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}

    def of(name: str, default: str) -> str:
        return query.get(name) or os.environ.get(f"TIDELOCK_INFLUX_{name.upper()}") or default

    bare = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return bare, of("org", "tidelock"), of("bucket", "tidelock"), of("token", "")
