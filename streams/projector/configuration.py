"""A projector's settings, from the environment (`TIDELOCK_*`). One place, typed, checked at start."""

import socket
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.ops.addresses import host_port, influx_parts


class ProjectorSettings(BaseSettings):
    """What a projector process is told. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    kafka: str = Field(description="Bootstrap servers of Kafka, host:port[,host:port].")
    postgres: str = Field(description="URL of PostgreSQL: postgresql://user:password@host:port/database.")
    redis: str | None = Field(None, description="URL of Redis, for hot copies; default: none are kept.")
    influx: str | None = Field(
        None,
        repr=False,
        description="URL of InfluxDB: http://host:port?org=..&bucket=..&token=..; default: no points.",
    )
    influx_bucket_per_tenant: bool = Field(
        False, description="Whether points of a tenant go to buckets of its own, BUCKET.TENANT."
    )
    influx_raw_days: int = Field(7, ge=0, description="How long points of ten seconds are kept; 0: for ever.")
    influx_minutes_days: int = Field(90, ge=0, description="How long points of a minute are kept.")
    influx_hours_days: int = Field(730, ge=0, description="How long points of an hour are kept.")
    windows_days: int = Field(
        7, ge=1, description="How long windows are rows, published or not: so long InfluxDB may be away."
    )
    audit_days: int = Field(
        0, ge=0, description="How long decisions are rows of the audit; 0: for ever. The log keeps them all."
    )
    history_days: int = Field(
        0, ge=0, description="How far back histories tell how it was; 0: to the first. The log keeps it all."
    )
    projector_name: str = Field(
        default_factory=socket.gethostname, description="Stable name of this projector."
    )
    projector_metrics: str = Field(
        "127.0.0.1:7411", description="Where /metrics, /status and /ready are served, host:port."
    )
    projector_connections: int = Field(
        8,
        ge=2,
        le=100,
        description="Connections to PostgreSQL, beside one for each that publishes to InfluxDB.",
    )
    projector_statement_ms: int = Field(
        60_000, ge=1_000, description="How long PostgreSQL may take over one statement of a write."
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
    projector_retries: int = Field(
        3,
        ge=0,
        le=20,
        description="How often what was refused is tried again before its cause is looked for.",
    )
    projector_build_decisions_per_s: int = Field(
        10_000,
        ge=100,
        description="How fast builds are made beside the live ones, all of this projector together.",
    )
    projector_beside: bool = Field(
        False,
        description="Whether it only makes builds of read models whose version this release raises, beside projectors "
        "of the release before, which keep the rest.",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("projector_metrics")
    @classmethod
    def _is_address(cls, address: str) -> str:
        host_port(address)
        return address

    @field_validator("postgres")
    @classmethod
    def _is_database(cls, url: str) -> str:
        try:
            found = conninfo_to_dict(url)
        except ProgrammingError as error:
            raise ValueError(f"{str(error).strip()}; expected {_POSTGRES}.") from error
        ports = str(found.get("port") or "5432").split(",")
        if "host" not in found or not all(port.isdecimal() for port in ports):
            raise ValueError(f"it names no host, or no port that is a number; expected {_POSTGRES}.")
        return url

    @field_validator("redis")
    @classmethod
    def _is_redis(cls, url: str | None) -> str | None:
        if url is not None:
            _checked(url, ("redis", "rediss", "unix"), "redis://host:port/0")
        return url

    @field_validator("influx")
    @classmethod
    def _is_influx(cls, url: str | None) -> str | None:
        if url is not None:
            _checked(url, ("http", "https"), "http://host:port?org=..&bucket=..&token=..")
            token = influx_parts(url)[3]
            if not (token.isascii() and token.isprintable()):
                raise ValueError("its token has characters that no token has.")
        return url

    @field_validator("redis", "influx", mode="before")
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        """Orchestrators set a variable that is not meant to an empty text."""
        return text or None


_POSTGRES = "postgresql://user:password@host:port/database"


def _checked(url: str, schemes: tuple[str, ...], expected: str) -> None:
    """Raise `ValueError` if nobody can connect to `url`, without repeating it: there may be a password in it."""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in schemes and bool(parts.hostname or parts.scheme == "unix")
        fit = fit and parts.port != 0
    except ValueError as error:
        raise ValueError(f"it is no URL; expected {expected}.") from error
    if not fit:
        raise ValueError(f"it is no URL of one; expected {expected}.")
