"""THE list of parts and the order they start in. A new part is one file beside this one and one entry here.

Parts of one group share a fate at start: when another program took a port, the whole group moves (Kafka's
brokers know each other's ports). Groups of one wave start together; the next wave starts when the one
before it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidelock.local.java import JavaProgram
from tidelock.local.parts.influx import Influx, find_binary
from tidelock.local.parts.kafka import KafkaCluster
from tidelock.local.parts.part import Part
from tidelock.local.parts.postgres import Postgres
from tidelock.local.parts.redis import Redis
from tidelock.local.parts.worker import Worker
from tidelock.local.ports import PortBook
from tidelock.local.settings import StackSettings

Group = tuple[Part, ...]
Wave = tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """The parts of one stack, by their use; None where a part is off or external."""

    kafka: KafkaCluster | None
    postgres: Postgres | None
    redis: Redis | None
    influx: Influx | None
    workers: tuple[Worker, ...]

    def waves(self) -> tuple[Wave, ...]:
        """Return all parts in starting order."""
        servers: list[Group] = [
            (part,) for part in (self.postgres, self.redis, self.influx) if part is not None
        ]
        if self.kafka is not None:
            servers.insert(0, tuple(self.kafka.parts()))
        return tuple(servers), tuple((worker,) for worker in self.workers)


def roster(
    settings: StackSettings,
    ports: PortBook,
    java: Callable[[], JavaProgram],
    worker_env: Callable[[], Mapping[str, str]],
) -> Roster:
    """Return the parts that `settings` ask for and that are not external."""
    home = settings.home

    def local(name: str, external: object) -> bool:
        return name in settings.parts and external is None

    influx = find_binary() if local("influx", settings.influx) else None
    return Roster(
        kafka=KafkaCluster(home, settings.brokers, ports, java) if local("kafka", settings.kafka) else None,
        postgres=Postgres(home, ports) if local("postgres", settings.postgres) else None,
        redis=Redis(home, ports) if local("redis", settings.redis) else None,
        influx=Influx(home, ports, influx) if influx else None,
        workers=tuple(
            Worker(home, n, ports, worker_env, settings.worker_module) for n in range(settings.workers)
        ),
    )
