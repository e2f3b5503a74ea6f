"""The fields of `Mutation` that are about nodes, services and the brake."""

import strawberry

from api.mutations import nodes
from api.types.node_results import (
    ChangeBrakeResult,
    CloseInstanceResult,
    CloseNodeResult,
    HeartbeatResult,
    KeepInstanceResult,
    KeepNodeResult,
    RegisterNodeResult,
)


@strawberry.type
class NodeMutation:
    """What can be done to nodes. A node is the `session`'s that registered it; what hurts others is an operator's."""

    register_node: RegisterNodeResult = strawberry.mutation(
        resolver=nodes.register_node,
        description="Begin a session of a node; by the session that has the live one: change what is known of it. "
        "`replaces`: the live session that this one takes the place of.",
    )
    heartbeat: HeartbeatResult = strawberry.mutation(
        resolver=nodes.heartbeat, description="Say that a node is alive, by the session that registered it."
    )
    deregister_node: CloseNodeResult = strawberry.mutation(
        resolver=nodes.deregister_node,
        description="End a node's session cleanly, by the session that registered it. One that has ended is fine.",
    )
    evict_node: CloseNodeResult = strawberry.mutation(
        resolver=nodes.evict_node,
        description="An operator's: end a node's session, only `nodeSession` if that is given. All that it holds comes "
        "free.",
    )
    drain_node: KeepNodeResult = strawberry.mutation(
        resolver=nodes.drain_node,
        description="An operator's: the node lives on and gets no new work, until its session ends or it is undrained. "
        "Its instances stay in discovery, and nobody chooses them.",
    )
    undrain_node: KeepNodeResult = strawberry.mutation(
        resolver=nodes.undrain_node, description="An operator's: the node gets work again."
    )
    register_instance: KeepInstanceResult = strawberry.mutation(
        resolver=nodes.register_instance,
        description="Offer a service on behalf of a node's session, until that ends; again: change the offer.",
    )
    deregister_instance: CloseInstanceResult = strawberry.mutation(
        resolver=nodes.deregister_instance,
        description="Offer an instance no longer: one that this session of a node of your principal offers.",
    )
    evict_instance: CloseInstanceResult = strawberry.mutation(
        resolver=nodes.evict_instance,
        description="An operator's: take an instance out of discovery, whoever offers it. Its program keeps its "
        "session, and may offer it anew: then evict its node.",
    )
    configure_brake: ChangeBrakeResult = strawberry.mutation(
        resolver=nodes.configure_brake, description="An operator's: replace the settings of the brake."
    )
    pull_brake: ChangeBrakeResult = strawberry.mutation(
        resolver=nodes.pull_brake,
        description="An operator's: sweep no sessions of nodes that fell silent, until it is released.",
    )
    release_brake: ChangeBrakeResult = strawberry.mutation(
        resolver=nodes.release_brake, description="An operator's: go on sweeping."
    )
