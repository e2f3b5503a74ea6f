"""The fields of `Query` that are about nodes, services and the brake."""

import strawberry

from api.queries import nodes as queries
from api.types.brakes import Brake
from api.types.nodes import Node, NodeConnection
from api.types.services import Service, ServiceConnection


@strawberry.type
class NodeQuery:
    """What can be asked about nodes."""

    node: Node | None = strawberry.field(
        resolver=queries.node,
        description="One node; of `at`, if that is given. Null: there is, or was, none.",
    )
    nodes: NodeConnection = strawberry.field(
        resolver=queries.nodes, description="Nodes, by name; at most 100 a page."
    )
    service: Service | None = strawberry.field(
        resolver=queries.service,
        description="One service; of `at`, if that is given. Null: it has, or had, no instances.",
    )
    services: ServiceConnection = strawberry.field(
        resolver=queries.services, description="Services, by name; at most 100 a page."
    )
    brake: Brake = strawberry.field(
        resolver=queries.brake,
        description="The brake on mass failures; of `at`, if that is given.",
    )
