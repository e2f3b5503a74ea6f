"""A worker's settings, from the environment (`TIDELOCK_*`). One place, typed, checked at start."""

import socket
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.domain.roles import Role
from streams.ops.addresses import host_port


class WorkerSettings(BaseSettings):
    """What a worker process is told. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    kafka: str = Field(description="Bootstrap servers of Kafka, host:port[,host:port].")
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of each kind: 4 on one machine, 64 in production."
    )
    kind_partitions: dict[str, Annotated[int, Field(ge=1, le=1024)]] = Field(
        default_factory=dict,
        description='Partitions of kinds that have another number, as JSON: {"locks": 64}.',
    )
    replication: int = Field(1, ge=1, description="Replicas of each topic; 3 in production.")
    min_insync: int = Field(1, ge=1, description="min.insync.replicas of each topic; 2 in production.")
    durability: str = Field(
        "page-cache", pattern="^(page-cache|fsync)$", description="Durability class of an append."
    )
    generation: int = Field(
        1, ge=1, le=32767, description="Generation of the logs; raised when a log is rebuilt."
    )
    log_id: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="Refuse logs with another id (32 hex digits)."
    )
    worker_name: str = Field(
        default_factory=lambda: f"{socket.gethostname()}", description="Stable name of this worker."
    )
    worker_listen: str = Field("127.0.0.1:7400", description="Where the direct lane listens, host:port.")
    worker_advertise: str | None = Field(
        None, description="Address others reach the direct lane at; default: as it listens."
    )
    tls_cert: str | None = Field(
        None, description="PEM certificate (chain) of the direct lane; with it, the lane speaks TLS only."
    )
    tls_key: str | None = Field(None, description="PEM key of that certificate, unencrypted.")
    tls_client_ca: str | None = Field(
        None, description="PEM file of CAs: clients must show a certificate that one of them signed."
    )
    tls_ca: str | None = Field(
        None,
        description="PEM file of the CA of all workers' certificates, or `system`, for the worker's own registration.",
    )
    worker_metrics: str = Field(
        "127.0.0.1:7401", description="Where /metrics, /status and /ready are served, host:port."
    )
    session_timeout_ms: int = Field(
        10_000, ge=1000, description="How long a silent worker keeps its partitions."
    )
    dev_token: str = Field(
        "dev", description="Development token: fixes tenant and principal until identity exists."
    )
    operator_token: str | None = Field(
        None,
        pattern="^[!-~]{16,}$",
        description="Token of who may activate feature levels, evict nodes, pull the brake; 16 printable characters at "
        "least. Without one nobody activates a level.",
    )
    system_token: str | None = Field(
        None,
        pattern="^[!-~]{16,}$",
        description="Token of the platform's own processes, 16 printable characters at least: they end sessions and "
        "waits. Without one the development token may.",
    )
    dev_operator: bool = Field(
        True, description="Whether the development token, too, may evict nodes and pull the brake."
    )
    tenant: str = Field(
        "dev", min_length=1, max_length=64, description="Tenant of the development token and the topic lane."
    )
    principal: str = Field(
        "dev", min_length=1, max_length=64, description="Principal of the development token."
    )
    registry: str | None = Field(None, description="URL of a schema registry; allows Confluent framing.")
    max_in_flight: int = Field(4096, ge=1, description="Commands under way on one connection.")
    max_queued: int = Field(8192, ge=1, description="Commands waiting for their decision, one partition.")
    max_queued_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of these commands, one partition; again for what is read ahead of its topic lane.",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("tenant")
    @classmethod
    def _no_slash(cls, tenant: str) -> str:
        if "/" in tenant:
            raise ValueError("a tenant must not hold '/': keys are tenant/name")
        return tenant

    @field_validator("worker_listen", "worker_metrics")
    @classmethod
    def _is_address(cls, address: str) -> str:
        host_port(address)
        return address

    @field_validator(
        "tls_cert", "tls_key", "tls_client_ca", "tls_ca", "operator_token", "system_token", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        """Orchestrators set a variable that is not meant to an empty text."""
        return text or None

    @model_validator(mode="after")
    def _tokens_are_apart(self) -> Self:
        if self.operator_token == self.dev_token:
            raise ValueError("TIDELOCK_OPERATOR_TOKEN must not be TIDELOCK_DEV_TOKEN, which every client has")
        if self.system_token is not None and self.system_token in (self.dev_token, self.operator_token):
            raise ValueError(
                "TIDELOCK_SYSTEM_TOKEN must not be another's: only the platform's processes have it"
            )
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TIDELOCK_TLS_CERT and TIDELOCK_TLS_KEY go together: name both or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("TIDELOCK_TLS_CLIENT_CA needs TIDELOCK_TLS_CERT and TIDELOCK_TLS_KEY")
        return self

    def partitions_of(self, kind: str) -> int:
        """Return how many partitions `kind` has."""
        return self.kind_partitions.get(kind, self.partitions)

    @property
    def dev_roles(self) -> tuple[Role, ...]:
        """What the development token may do beyond what every client may."""
        operator: tuple[Role, ...] = ("OPERATOR",) if self.dev_operator else ()
        return operator if self.system_token is not None else (*operator, "SYSTEM")

    @property
    def advertised(self) -> str:
        """The address others reach the direct lane at."""
        return self.worker_advertise or self.worker_listen
