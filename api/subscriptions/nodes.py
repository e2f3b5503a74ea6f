"""Live nodes and services: events, and instances as they stand, each with the cursor that goes on behind it."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from api.errors import BadArgument
from api.subscriptions.change import Change, Entry
from api.subscriptions.convert_nodes import first_instances, next_instances, node_event
from api.subscriptions.errors import StateLost
from api.subscriptions.follow import Follow
from api.subscriptions.interest import Interest, OnNodes
from api.subscriptions.look_ups import LookUps
from api.subscriptions.node_types import NodeEvent, NodeEventKind, ServiceInstancesUpdate
from api.subscriptions.streams import KindStreams
from streams.domain.nodes.names import SERVICE
from streams.projections.causes import When
from streams.projections.nodes.cause import Cause
from streams.projections.nodes.services import Standing
from streams.projections.nodes.stood import ServiceStood, StoodServices, moved
from streams.projections.nodes.values import InstanceChangeRow

INSTANCES = "instances"
Moved = tuple[Standing | None, tuple[InstanceChangeRow, ...]]


class LiveNodes:
    """Live nodes and services, for all connections of a process."""

    def __init__(self, streams: KindStreams, services: StoodServices) -> None:
        self._streams = streams
        self._services = services
        self._look_ups = LookUps()

    async def node_events(
        self,
        tenant: str,
        name: str | None = None,
        prefix: str | None = None,
        only: Collection[NodeEventKind] | None = None,
        heartbeats: bool = False,
        after: str | None = None,
    ) -> AsyncGenerator[NodeEvent]:
        """Yield what happens to one node, or to all whose names start with `prefix`, the brake among them."""
        streams = self._streams
        async with streams.served():
            interest = self._interest(tenant, name, prefix, heartbeats)
            async with aclosing(streams.events(interest, after, node_event)) as items:
                async for item in items:
                    heard = item.kind is not NodeEventKind.HEARD or heartbeats
                    if heard and (only is None or item.kind in only):
                        yield item

    async def service_instances(
        self, tenant: str, service: str, after: str | None = None
    ) -> AsyncGenerator[ServiceInstancesUpdate]:
        """Yield the instances as they stand, then after each change; with `after`, the changes alone."""
        streams = self._streams
        async with streams.served():
            interest = streams.on_key(tenant, SERVICE + service)
            where = interest.where
            resumed = None if after is None else (await streams.opened(interest, after))[where]
            before = None if resumed is None else resumed[0]
            at: ServiceStood = await self._look_ups.ask(
                lambda: self._services.service_stood(tenant, service, where, before)
            )
            follow = streams.follow(interest, {where: (at.next_offset, 0)})
            if after is None:
                follow.cursor = follow.seal_start()
                yield first_instances(where, service, at, follow.cursor)
            else:
                follow.cursor = after
            standing = at.standing
            async with aclosing(follow.entries()) as entries:
                async for entry in entries:
                    change = entry.change
                    if not follow.fresh(entry, (change.offset, change.first)) or not streams.readable(change):
                        continue
                    standing, changes = step = _moved(change, service, standing, follow.cursor)
                    if changes and (resumed is None or change.end > resumed):
                        item = _update(entry, service, step, follow)
                        follow.cursor = item.cursor
                        yield item

    def _interest(self, tenant: str, name: str | None, prefix: str | None, heartbeats: bool) -> Interest:
        """Return the interest. Raises `BadArgument`."""
        streams = self._streams
        if (name is None) == (prefix is None):
            raise BadArgument(
                "Give either `name` or `prefix`; an empty prefix means all nodes, and the brake."
            )
        if name is None:
            every = streams.on_prefix(tenant, prefix or "")
            return OnNodes(tenant, every.prefix, False, heartbeats, every.partitions)
        one = streams.on_key(tenant, name)
        return OnNodes(tenant, name, True, heartbeats, one.partitions) if heartbeats else one


def _moved(change: Change, service: str, standing: Standing | None, cursor: str | None) -> Moved:
    """Return the service after `change`: what the subscriber before made of it, if it began with the same."""
    made = change.evolved
    if made is not None and (made[0] is standing or made[0] == standing):
        known: Moved = made[1]
        return known
    where, decision = change.where, change.decision
    when = When(change.offset, change.time_ms, change.lease_ms)
    cause = Cause(where.partition, decision.tenant, when, decision.principal, "", change.number)
    try:
        after = moved(standing, service, change.events, cause)
    except LookupError as error:
        raise StateLost(
            f"{change.position} does not fit the service as the read model had it. "
            "Subscribe again without `after`.",
            cursor,
        ) from error
    change.evolved = (standing, after)
    return after


def _update(entry: Entry, service: str, step: Moved, follow: Follow) -> ServiceInstancesUpdate:
    items = entry.change.items
    made: tuple[Moved, ServiceInstancesUpdate] | None = items.get(INSTANCES)
    if made is None or made[0] is not step:
        cursor = follow.seal(entry, entry.change.end)
        made = items[INSTANCES] = (step, next_instances(entry.change, service, *step, cursor))
    return made[1]
