"""One instance of a service, as callers see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.domain.nodes import events
from streams.domain.nodes.names import node_of
from streams.domain.nodes.replies import ServiceInstances
from tidelock.client.nodes.node import words_of


@dataclass(frozen=True, slots=True)
class Instance:
    """Where a service is offered."""

    service: str
    name: str
    address: str
    zone: str
    weight: int
    """0: to be chosen only where there is no other."""
    healthy: bool
    reason: str
    """Of the checks that made it (un)healthy."""
    metadata: Mapping[str, str]
    session: str
    """Of the node that offers it."""
    draining: bool
    """Its node is to get no new work: nobody is to choose it."""
    version: int
    """The service's, as of the instance's last change."""

    @property
    def node(self) -> str:
        """The node that offers it."""
        return node_of(self.session)


def instances_of(service: str, told: ServiceInstances) -> tuple[Instance, ...]:
    """Return the instances of an answer, by name."""
    seen = [_seen(service, each) for each in told.instances]
    return tuple(sorted(seen, key=lambda each: each.name))


def _seen(service: str, told: events.Instance) -> Instance:
    return Instance(
        service, told.instance, told.address, told.zone, told.weight, told.healthy, told.reason,
        words_of(told.metadata), told.session, told.draining, told.version,
    )  # fmt: skip
