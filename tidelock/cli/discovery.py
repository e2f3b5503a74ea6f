"""Finding a running stack: the one in `--home`, else what the environment names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidelock.cli.exits import NothingToTalkTo, WrongUse
from tidelock.local import lock, statefile
from tidelock.local.tokens import DEV, OPERATOR

CURE = "Start one with `tidelock up`, or set TIDELOCK_KAFKA, TIDELOCK_WORKERS and TIDELOCK_TOKEN."


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running stack is reached."""

    kafka: str
    workers: tuple[str, ...]
    token: str
    metrics: tuple[tuple[str, str], ...]
    """(worker's name, host:port of its /status)."""
    operator: str | None
    """The operator's token, if it is known here."""
    postgres: str | None = None
    graphql: str | None = None
    """Address of GraphQL, if an API node is known here."""
    redis: str | None = None

    def need_kafka(self) -> str:
        """Return Kafka's address. Raises `NothingToTalkTo`."""
        if not self.kafka:
            raise NothingToTalkTo("No Kafka is known here. Set TIDELOCK_KAFKA to its bootstrap servers.")
        return self.kafka

    def need_workers(self) -> tuple[str, ...]:
        """Return the workers' addresses. Raises `NothingToTalkTo`."""
        if not self.workers:
            raise NothingToTalkTo("No worker is known here. Set TIDELOCK_WORKERS to host:port[,host:port].")
        return self.workers

    def need_postgres(self) -> str:
        """Return the database of the read models. Raises `NothingToTalkTo`."""
        if not self.postgres:
            raise NothingToTalkTo(
                "No PostgreSQL is known here. Set TIDELOCK_POSTGRES to postgresql://user:password@host:port/database."
            )
        return self.postgres

    def need_redis(self) -> str:
        """Return the Redis of the hot copies. Raises `NothingToTalkTo`."""
        if not self.redis:
            raise NothingToTalkTo("No Redis is known here. Set TIDELOCK_REDIS to redis://host:port/0.")
        return self.redis


def find(home: Path, env: Mapping[str, str] = os.environ) -> Running:
    """Return the stack that runs in `home`, else the one of the environment.

    Raises `NothingToTalkTo`; `WrongUse` if both are there and are not the same.
    """
    local = statefile.running(home)
    if local is not None:
        _refuse_another(home, "TIDELOCK_KAFKA", local.kafka, env)
        _refuse_another(home, "TIDELOCK_WORKERS", ",".join(local.workers), env)
        metrics = tuple(statefile.worker_metrics(home).items())
        return Running(
            local.kafka,
            local.workers,
            DEV.known(home, env) or "dev",
            metrics,
            OPERATOR.known(home, env),
            local.postgres,
            local.graphql,
            local.redis,
        )
    kafka, workers = env.get("TIDELOCK_KAFKA", ""), _list(env.get("TIDELOCK_WORKERS", ""))
    if not kafka and not workers:
        if lock.is_held(home):
            raise NothingToTalkTo(
                f"The stack in {home} is starting, or stopping. Try again when `tidelock up` says that it is up."
            )
        raise NothingToTalkTo(f"No stack runs in {home}. {CURE}")
    token = env.get("TIDELOCK_TOKEN") or env.get("TIDELOCK_DEV_TOKEN") or "dev"
    metrics = tuple((address, address) for address in _list(env.get("TIDELOCK_METRICS", "")))
    operator, postgres = env.get(OPERATOR.variable) or None, env.get("TIDELOCK_POSTGRES") or None
    redis = env.get("TIDELOCK_REDIS") or None
    return Running(kafka, workers, token, metrics, operator, postgres, redis=redis)


def _refuse_another(home: Path, variable: str, local: str, env: Mapping[str, str]) -> None:
    named = _list(env.get(variable, ""))
    if named and set(named) != set(_list(local)):
        raise WrongUse(
            f"{variable} names {', '.join(named)}, but the stack in {home} is at {local}. "
            f"Unset {variable}, or choose another --home."
        )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
