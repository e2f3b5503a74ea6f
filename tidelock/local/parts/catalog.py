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
from tidelock.local.parts.process import ProcessPart, Program
from tidelock.local.parts.redis import Redis
from tidelock.local.ports import PortBook
from tidelock.local.settings import StackSettings

PROJECTOR = Program("projector", "streams.projector.worker", listens=False)
PROCESSES = Program("processes", "streams.processes.worker", listens=False)
API = Program("api", "api.server")

Group = tuple[Part, ...]
Wave = tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """The parts of one stack, by their use; None where a part is off or external."""

    kafka: KafkaCluster | None
    postgres: Postgres | None
    redis: Redis | None
    influx: Influx | None
    workers: tuple[ProcessPart, ...]
    readers: tuple[ProcessPart, ...]
    """Projectors and processes: they need topics, which workers make."""
    apis: tuple[ProcessPart, ...]

    def waves(self) -> tuple[Wave, ...]:
        """Return all parts in starting order."""
        servers: list[Group] = [
            (part,) for part in (self.postgres, self.redis, self.influx) if part is not None
        ]
        if self.kafka is not None:
            servers.insert(0, tuple(self.kafka.parts()))
        ours = (self.workers, (*self.readers, *self.apis))
        return tuple(servers), *(tuple((part,) for part in parts) for parts in ours)


def roster(
    settings: StackSettings,
    ports: PortBook,
    java: Callable[[], JavaProgram],
    env: Callable[[], Mapping[str, str]],
) -> Roster:
    """Return the parts that `settings` ask for and that are not external; `env` is what our own processes are told."""
    home = settings.home

    def local(name: str, external: object) -> bool:
        return name in settings.parts and external is None

    def several(program: Program, count: int) -> tuple[ProcessPart, ...]:
        return tuple(ProcessPart(home, program, number, ports, env) for number in range(count))

    influx = find_binary() if local("influx", settings.influx) else None
    return Roster(
        kafka=KafkaCluster(home, settings.brokers, ports, java) if local("kafka", settings.kafka) else None,
        postgres=Postgres(home, ports) if local("postgres", settings.postgres) else None,
        redis=Redis(home, ports) if local("redis", settings.redis) else None,
        influx=Influx(home, ports, influx) if influx else None,
        workers=several(Program("worker", settings.worker_module), settings.workers),
        readers=several(PROJECTOR, settings.projectors) + several(PROCESSES, settings.processes),
        apis=several(API, settings.apis),
    )
