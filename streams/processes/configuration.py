"""Settings of a process, from the environment (`TIDELOCK_*`). One place, typed, checked at start."""

import socket

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.ops.addresses import host_port


class ProcessesSettings(BaseSettings):
    """What a process is told. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    kafka: str = Field(description="Bootstrap servers of Kafka, host:port[,host:port].")
    workers: str = Field(
        "127.0.0.1:7400", description="Addresses of one or more workers' direct lanes, comma-separated."
    )
    token: str = Field("dev", description="Token that the workers accept; its tenant's locks are watched.")
    system_token: str | None = Field(
        None, description="Token of the platform's own processes, as the workers know it; default: the token."
    )
    postgres: str | None = Field(
        None,
        description="URL of the read models; without it, logs are read from their beginning at each start.",
    )
    redis: str | None = Field(None, description="URL of the Redis tier of caches; without it, there is none.")
    redis_cluster: bool = Field(False, description="Whether that is a node of a Redis Cluster.")
    redis_namespace: str = Field("tidelock", description="What tells clusters apart that share a Redis.")
    processes_name: str = Field(default_factory=socket.gethostname, description="Name of this process.")
    processes_metrics: str = Field(
        "127.0.0.1:7501", description="Where /metrics, /status and /ready are served, host:port."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("processes_metrics")
    @classmethod
    def _is_address(cls, address: str) -> str:
        host_port(address)
        return address

    @field_validator("workers")
    @classmethod
    def _are_addresses(cls, workers: str) -> str:
        for address in workers.split(","):
            host_port(address.strip())
        return workers

    @field_validator("postgres", "system_token", mode="before")
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        """Orchestrators set a variable that is not meant to an empty text."""
        return text or None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The workers' addresses."""
        return tuple(part.strip() for part in self.workers.split(","))
