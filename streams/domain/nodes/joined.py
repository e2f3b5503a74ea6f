"""What is joined to answers when they are sent, from the state of the key that was asked. Standard library only."""

from streams.domain.nodes.node import Node
from streams.domain.nodes.replies import Heard, NodeDrains, ServiceInstances, ServiceWatched
from streams.domain.nodes.service import Service


def attached(state: object, reply: object) -> tuple[object, ...]:
    """Return the instances that `reply` announces, as they are now; to a heartbeat, whether its node is drained."""
    if isinstance(reply, Heard):
        drains = isinstance(state, Node) and state.member is not None and state.member.draining
        return (NodeDrains(),) if drains else ()
    if isinstance(reply, ServiceWatched) and reply.changed and isinstance(state, Service):
        return (ServiceInstances(state.version, tuple(state.instances.values())),)
    return ()
