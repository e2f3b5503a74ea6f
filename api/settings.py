"""An API node's settings, from the environment (`TIDELOCK_*`). One place, typed, checked at start."""

import socket
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.domain.roles import Role
from streams.ops.addresses import host_port

MIN_KEY_CHARS = 16


class ApiSettings(BaseSettings):
    """What an API node is told. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    kafka: str = Field(description="Bootstrap servers of Kafka, host:port[,host:port].")
    postgres: str = Field(description="URL of PostgreSQL, where the read models are.")
    postgres_replica: str | None = Field(
        None, description="URL of a standby of it, for reads that it knows enough for; default: none."
    )
    redis: str | None = Field(None, description="URL of Redis, where hot copies are; default: none.")
    workers: str = Field(
        "127.0.0.1:7400", description="Direct lanes of one or more workers, comma-separated."
    )
    api_name: str = Field(
        default_factory=lambda: f"{socket.gethostname()}", description="Stable name of this node."
    )
    api_listen: str = Field("127.0.0.1:7480", description="Where GraphQL is served, host:port.")
    api_metrics: str = Field("127.0.0.1:7481", description="Where /metrics and /ready are served, host:port.")
    api_dev: bool = Field(
        False, description="Development: GraphiQL, with the development token, and introspection."
    )
    dev_token: str | None = Field(None, description="Development token; default: TIDELOCK_TOKEN, else `dev`.")
    token: str | None = Field(None, description="What clients show, if TIDELOCK_DEV_TOKEN is not set.")
    operator_token: str | None = Field(
        None, description="Token of the operator, as the workers know it; default: nobody's."
    )
    dev_operator: bool = Field(
        True, description="Whether the development token, too, may redrive and purge dead letters."
    )
    tenant: str = Field("dev", min_length=1, max_length=64, description="Tenant of the development token.")
    principal: str = Field(
        "dev", min_length=1, max_length=64, description="Principal of the development token."
    )
    cursor_key: str = Field(
        "",
        description="Secret that seals cursors, the same on all nodes; 16 characters or more, or none in development.",
    )
    api_connections: int = Field(8, ge=1, le=100, description="Connections to PostgreSQL.")
    api_statement_ms: int = Field(
        5_000,
        ge=100,
        le=6_000,  # with the wait for a connection and the second's grace, less than a query may take
        description="How long PostgreSQL may take to answer one question.",
    )
    api_sessions: int = Field(500, ge=1, description="Clients of the workers that mutations may have open.")
    api_subscriptions: int = Field(
        10_000, ge=1, description="Live subscriptions that this node serves at most."
    )
    api_principal_subscriptions: int = Field(
        2_500, ge=1, description="Live subscriptions that one principal may have on this node."
    )
    api_principal_connections: int = Field(
        2_500, ge=1, description="WebSockets and event streams that one principal may have on this node."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("api_listen", "api_metrics")
    @classmethod
    def _is_address(cls, address: str) -> str:
        host_port(address)
        return address

    @field_validator("operator_token", "postgres_replica", mode="before")
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        """Orchestrators set a variable that is not meant to an empty text."""
        return text or None

    @model_validator(mode="after")
    def _cursors_are_sealed(self) -> Self:
        if self.api_dev and not self.cursor_key:
            return self
        if len(self.cursor_key) < MIN_KEY_CHARS:
            raise ValueError(
                f"TIDELOCK_CURSOR_KEY has {len(self.cursor_key)} characters: anybody could make cursors up. Set it to "
                f"a secret of {MIN_KEY_CHARS} or more (`openssl rand -hex 32`), the same on all nodes; "
                "only with TIDELOCK_API_DEV=1 may it be left out."
            )
        return self

    @property
    def dev_roles(self) -> tuple[Role, ...]:
        """What the development token may do beyond what every caller may."""
        return ("OPERATOR",) if self.dev_operator else ()

    @property
    def known_token(self) -> str:
        """The one token that speaks for somebody, until identity exists."""
        return self.dev_token or self.token or "dev"
