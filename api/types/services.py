"""Services and their instances."""

from enum import Enum
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.paging import Page, size_of
from api.types.asof import AsOf
from api.types.nodes import Label, Node
from api.types.pages import PageInfo
from api.types.scalars import DateTime, Long, Position
from streams.projections.nodes.reads import HistoryPage
from streams.projections.nodes.values import InstanceChangeRow, InstanceRow, ServiceRow


@strawberry.enum
class InstanceWhat(Enum):
    """What happened to an instance. CHANGED: offered otherwise; UPDATED: its weight or metadata."""

    REGISTERED = "REGISTERED"
    CHANGED = "CHANGED"
    UPDATED = "UPDATED"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    DRAINED = "DRAINED"
    UNDRAINED = "UNDRAINED"
    LEFT = "LEFT"


async def _node(root: Parent[InstanceRow], info: Info) -> Node | None:
    """Load the node, together with all others that are asked for."""
    return cast("Node | None", await info.context.loaders.nodes.load(root.node))


def _node_name(root: Parent[InstanceRow]) -> str:
    return root.node


@strawberry.type(description="Where a service is offered.")
class ServiceInstance:
    """An instance. Comes as `values.InstanceRow`."""

    service: str
    name: str
    session: str = strawberry.field(description="It leaves with this session of its node.")
    principal: str
    address: str
    zone: str
    weight: int = strawberry.field(description="0: chosen only where there is no other.")
    metadata: list[Label] = strawberry.field(description="By name.")
    rise: int = strawberry.field(description="So many passed checks in a row make it healthy.")
    fall: int = strawberry.field(description="So many failed checks in a row make it unhealthy.")
    healthy: bool
    draining: bool = strawberry.field(description="Its node is to get no new work: nobody is to choose it.")
    reason: str = strawberry.field(description="Of the checks that made it (un)healthy.")
    version: Long = strawberry.field(description="The service's, as of its last change.")
    since_ms: DateTime = strawberry.field(name="since", description="When its session offered it.")
    position: Position = strawberry.field(description="The commit that changed it last.")
    changed_ms: DateTime = strawberry.field(name="changedAt")
    node_name: str = strawberry.field(resolver=_node_name)
    node: Node | None = strawberry.field(
        resolver=_node, description="The node that offers it, as it is now: its load, status and health."
    )


async def _history(
    root: Parent[ServiceRow], info: Info, first: int, after: str | None = None
) -> "InstanceChangeConnection":
    """Load a page of what happened, together with those of all other services that are asked for."""
    context, size = info.context, size_of(first)
    seal = context.seal(f"serviceHistory/{root.name}", int, int, int)
    key = None if after is None else seal.open(after)
    context.inner.take(size)
    found, as_of = await context.loaders.service_histories.load(HistoryPage(root.name, size, key))
    return cast("InstanceChangeConnection", Page(found, size, as_of, _change_key, seal, after))


def _change_key(row: InstanceChangeRow) -> tuple[int, int, int]:
    return row.instance.changed_offset, row.instance.event, row.part


async def _instances(root: Parent[ServiceRow], info: Info) -> list[ServiceInstance]:
    """Return the instances; of a page's services, load them together."""
    found: ServiceRow | None = root
    if not root.instances:
        info.context.inner.take(root.instance_count)
        found = await info.context.loaders.services.load(root.name)
    return [] if found is None else cast("list[ServiceInstance]", found.instances)


@strawberry.type(description="A service: that is, its instances.")
class Service:
    """A service. Comes as `values.ServiceRow`."""

    name: str
    version: Long = strawberry.field(description="Rises with every change of an instance.")
    instance_count: int
    healthy_count: int
    draining_count: int
    since_ms: DateTime | None = strawberry.field(
        name="since", description="When its first instance came; null if `at` was given."
    )
    position: Position = strawberry.field(description="The commit that changed it last.")
    changed_ms: DateTime = strawberry.field(name="changedAt")
    instances: list[ServiceInstance] = strawberry.field(
        resolver=_instances, description="All of them, healthy or not, by name: up to 500."
    )
    as_of: AsOf
    history: "InstanceChangeConnection" = strawberry.field(
        resolver=_history,
        description="What happened to its instances, newest first, whatever `at` was given.",
    )


@strawberry.type(
    description="What one event did to an instance, and the instance as it was from then on; LEFT: before."
)
class InstanceChange:
    """A change. Comes as `values.InstanceChangeRow`."""

    what: InstanceWhat
    cause: str | None = strawberry.field(description="LEFT: DEREGISTERED, EVICTED or SESSION_ENDED.")
    why: str | None = strawberry.field(
        description="LEFT: what ended the session, or what the operator said who evicted it."
    )
    instance: ServiceInstance
    until: Position | None = strawberry.field(
        description="The commit of the next change of the instance; null: none yet."
    )
    until_ms: DateTime | None = strawberry.field(name="untilTime")


@strawberry.type
class InstanceChangeEdge:
    """One of a page and its cursor."""

    cursor: str
    node: InstanceChange


@strawberry.type(description="The history of a service's instances, newest first.")
class InstanceChangeConnection:
    """A page."""

    edges: list[InstanceChangeEdge]
    nodes: list[InstanceChange]
    page_info: PageInfo
    as_of: AsOf


@strawberry.type
class ServiceEdge:
    """A service and its cursor."""

    cursor: str
    node: Service


@strawberry.type(description="Services that have instances, by name.")
class ServiceConnection:
    """A page."""

    edges: list[ServiceEdge]
    nodes: list[Service]
    page_info: PageInfo
    as_of: AsOf
