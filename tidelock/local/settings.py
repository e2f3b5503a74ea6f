"""What a local stack is asked to be: its directory, its size, and which parts are somebody else's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidelock.local.addresses import InfluxAddress

ALL_PARTS = frozenset({"kafka", "postgres", "redis", "influx"})


@dataclass(frozen=True, slots=True)
class StackSettings:
    """One stack. An address given here (or by environment) replaces the local part."""

    home: Path = Path(".tidelock")
    brokers: int = 1
    workers: int = 1
    projectors: int = 0
    processes: int = 0
    """Deadlock detectors; any number may run."""
    apis: int = 0
    parts: frozenset[str] = ALL_PARTS
    session_timeout_ms: int = 3000
    demo: bool = False
    kafka: str | None = None
    postgres: str | None = None
    redis: str | None = None
    influx: InfluxAddress | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for our own processes."""
    worker_module: str = "streams.engine.worker"
    start_timeout_s: float = 90.0
    jvm_cache: bool = True
    """Build, once per machine and in the background, the JVM cache that halves Kafka's start."""

    def __post_init__(self) -> None:
        if self.brokers < 1 or min(self.workers, self.projectors, self.processes, self.apis) < 0:
            raise ValueError("a stack has at least one broker and no negative number of processes")
        unknown = self.parts - ALL_PARTS
        if unknown:
            raise ValueError(f"unknown parts {sorted(unknown)}: choose from {sorted(ALL_PARTS)}")

    @classmethod
    def from_environment(
        cls,
        home: Path = Path(".tidelock"),
        *,
        brokers: int = 1,
        workers: int = 1,
        demo: bool = False,
        env: Mapping[str, str] = os.environ,
    ) -> StackSettings:
        """Return the whole stack, with external addresses from TIDELOCK_KAFKA, _POSTGRES, _REDIS and _INFLUX."""
        influx = env.get("TIDELOCK_INFLUX")
        return cls(
            home=home,
            brokers=brokers,
            workers=workers,
            projectors=1,
            processes=2,
            apis=1,
            demo=demo,
            session_timeout_ms=int(env.get("TIDELOCK_SESSION_TIMEOUT_MS", "3000")),
            kafka=env.get("TIDELOCK_KAFKA") or None,
            postgres=env.get("TIDELOCK_POSTGRES") or None,
            redis=env.get("TIDELOCK_REDIS") or None,
            influx=InfluxAddress.parse(influx, env) if influx else None,
        )

    @property
    def logs(self) -> Path:
        """The directory of the parts' log files."""
        return self.home / "logs"
