"""`node`, `nodes`, `service`, `services` and `brake`."""

from dataclasses import replace
from typing import Final, cast

import strawberry

from api.context import Context, Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.queries.moments import NODES, known, not_before_all
from api.queries.texts import text_of
from api.types.brakes import Brake
from api.types.node_inputs import LabelInput
from api.types.nodes import Health, Node, NodeConnection, NodeStatus
from api.types.scalars import At, Position
from api.types.services import Service, ServiceConnection
from streams.domain.nodes.limits import MAX_LABELS
from streams.domain.nodes.names import BRAKE, SERVICE
from streams.log.positions import Position as LogPosition
from streams.projections.nodes.brakes import untouched
from streams.projections.nodes.reads import NodeFilter, ServiceFilter
from streams.projections.nodes.values import KIND, NodeRow, ServiceRow
from streams.projections.reads import Moment

Positions = list[Position] | None


@strawberry.input(description="All that is given must hold.")
class NodeFilterInput:
    """Which nodes."""

    name_prefix: str | None = None
    status: NodeStatus | None = None
    health: Health | None = None
    draining: bool | None = None
    zone: str | None = None
    labels: list[LabelInput] | None = strawberry.field(default=None, description="It has all of these.")


@strawberry.input(description="All that is given must hold.")
class ServiceFilterInput:
    """Which services."""

    name_prefix: str | None = None
    healthy: bool | None = strawberry.field(
        default=None, description="Whether one of its instances can be chosen: healthy and not draining."
    )
    node: str | None = strawberry.field(default=None, description="One of its instances is this node's.")


async def node(info: Info, name: str, at: At | None = None, not_before: Positions = None) -> Node | None:
    """Return the node as it is, or was; None: there is, or was, none."""
    context = info.context
    moment = await _ready(context, _node_partition(context, name), at, not_before)
    if moment is None:
        return cast("Node | None", await context.loaders.nodes.load(name))
    return cast("Node | None", await context.nodes.node_at(context.tenant, name, moment))


async def nodes(
    info: Info,
    first: int,
    after: str | None = None,
    filter: NodeFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: Positions = None,
) -> NodeConnection:
    """Return a page of the nodes, by name."""
    context, size = info.context, size_of(first)
    seal = context.seal("nodes", str)
    key = None if after is None else seal.open(after)[0]
    wanted, reads = _node_filter(filter), context.nodes
    await _wait_for(context, not_before)
    found, as_of = await reads.nodes(context.tenant, wanted, size, key)
    return cast("NodeConnection", Page(found, size, as_of, _key, seal, after))


async def service(
    info: Info, name: str, at: At | None = None, not_before: Positions = None
) -> Service | None:
    """Return the service as it is, or was; None: it has, or had, no instances."""
    context = info.context
    moment = await _ready(context, _partition(context, SERVICE + name), at, not_before)
    if moment is None:
        return cast("Service | None", await context.loaders.services.load(name))
    return cast("Service | None", await context.nodes.service_at(context.tenant, name, moment))


async def services(
    info: Info,
    first: int,
    after: str | None = None,
    filter: ServiceFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: Positions = None,
) -> ServiceConnection:
    """Return a page of the services, by name."""
    context, size = info.context, size_of(first)
    seal = context.seal("services", str)
    key = None if after is None else seal.open(after)[0]
    wanted, reads = _service_filter(filter), context.nodes
    await _wait_for(context, not_before)
    found, as_of = await reads.services(context.tenant, wanted, size, key)
    return cast("ServiceConnection", Page(found, size, as_of, _key, seal, after))


async def brake(info: Info, at: At | None = None, not_before: Positions = None) -> Brake:
    """Return the brake as it is, or was."""
    context = info.context
    partition = _partition(context, BRAKE)
    moment = await _ready(context, partition, at, not_before)
    reads, tenant = context.nodes, context.tenant
    found, as_of = await (reads.brake(tenant) if moment is None else reads.brake_at(tenant, moment))
    return cast("Brake", found or replace(untouched(partition), as_of=as_of))


async def _ready(context: Context, partition: int, at: At | None, not_before: Positions) -> Moment | None:
    """Return the moment once the read model knows it, and the commits of `notBefore`."""
    await _wait_for(context, not_before)
    moment = cast("Moment | None", at)
    await known(context.services, moment, partition, NODES)
    return moment


async def _wait_for(context: Context, positions: Positions) -> None:
    await not_before_all(context.services, cast("list[LogPosition] | None", positions), NODES)


def _node_partition(context: Context, name: str) -> int:
    if ":" in name or name == BRAKE:
        raise BadArgument(f"No node is called {name!r:.120}: ask for a `service`, or the `brake`.")
    return _partition(context, name)


def _partition(context: Context, name: str) -> int:
    """Return the partition that decides on a node, service or brake. Raises `BadArgument`."""
    assert context.nodes
    return context.services.partition_of(context.tenant, name, KIND)


NOTHING: Final = NodeFilterInput()


def _node_filter(given: NodeFilterInput | None) -> NodeFilter:
    asked = given or NOTHING
    labels = asked.labels or []
    if len(labels) > MAX_LABELS:
        raise BadArgument(f"{len(labels)} labels were given, and no node has more than {MAX_LABELS}.")
    return NodeFilter(
        text_of(asked.name_prefix, "namePrefix"),
        None if asked.status is None else asked.status.value,
        None if asked.health is None else asked.health.value,
        asked.draining,
        text_of(asked.zone, "zone"),
        {text_of(each.name, "labels") or "": text_of(each.value, "labels") or "" for each in labels},
    )


def _service_filter(given: ServiceFilterInput | None) -> ServiceFilter:
    if given is None:
        return ServiceFilter()
    return ServiceFilter(text_of(given.name_prefix, "namePrefix"), given.healthy, text_of(given.node, "node"))


def _key(row: NodeRow | ServiceRow) -> tuple[str]:
    return (row.name,)
