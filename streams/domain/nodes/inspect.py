"""What people see of a node, a service or the brake. Standard library only.

A node that has been silent for too long is shown alive until its death is logged: a read foretells nothing.
"""

from itertools import islice
from typing import Final, TypeAlias

from streams.domain.nodes import brake
from streams.domain.nodes.brake import Brake
from streams.domain.nodes.events import Instance
from streams.domain.nodes.node import NO_NODE, Node
from streams.domain.nodes.replies import BrakeState, NodeState
from streams.domain.nodes.service import Service
from streams.domain.value import value

MAX_SHOWN: Final = 100

State: TypeAlias = Node | Service | Brake


@value
class ServiceState:
    """A service in numbers, and its first 100 instances."""

    version: int
    instance_count: int
    healthy: int
    bytes: int
    watching: int
    instances: tuple[Instance, ...]


def shown(state: State) -> NodeState | ServiceState | BrakeState | None:
    """Return what there is, or None."""
    if isinstance(state, Node):
        return None if state is NO_NODE else node_state(state)
    return brake.shown(state) if isinstance(state, Brake) else service_state(state)


def node_state(node: Node) -> NodeState:
    """Return a node that is there, or was."""
    member, pulse, past = node.member, node.pulse, node.past
    if member is None:
        last = past.last
        return NodeState(
            *("ENDED", "" if last is None else last.session, "", "", 0, None, False, 0, 0, 0, "PASSING", ()),
            *(past.unswept, last, past.strikes, past.barred_until),
        )
    return NodeState(
        "SUSPECTED" if pulse.suspected else "ALIVE",
        member.session,
        member.principal,
        member.client,
        member.registered_at,
        member.registration,
        member.draining,
        pulse.at,
        pulse.beats,
        pulse.load,
        pulse.health,
        member.checks,
        past.unswept,
        past.last,
        past.strikes,
        past.barred_until,
    )


def service_state(service: Service) -> ServiceState:
    """Return a service."""
    instances = service.instances.values()
    return ServiceState(
        service.version,
        len(instances),
        sum([instance.healthy for instance in instances]),
        service.bytes,
        len(service.watches),
        tuple(islice(instances, MAX_SHOWN)),
    )
