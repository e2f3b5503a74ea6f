"""From what the log holds of nodes and services to what subscribers are sent."""

from collections.abc import Sequence
from typing import Any, Final, cast

from api.subscriptions.change import Change
from api.subscriptions.node_types import (
    LiveInstance,
    LiveInstanceChange,
    NodeEvent,
    NodeEventKind,
    ServiceInstancesUpdate,
)
from api.subscriptions.types import Party
from api.types.scalars import DateTime, Long, Position
from streams.domain.nodes import events as of
from streams.log.positions import PartitionId
from streams.log.positions import Position as LogPosition
from streams.projections.nodes.services import Standing
from streams.projections.nodes.stood import ServiceStood
from streams.projections.nodes.values import InstanceChangeRow, InstanceRow

ASKED: Final = frozenset({"DIRECT", "TOPIC"})
KINDS: Final[dict[type, NodeEventKind]] = {
    of.NodeRegistered: NodeEventKind.REGISTERED,
    of.NodeChanged: NodeEventKind.CHANGED,
    of.NodeChecked: NodeEventKind.CHECKED,
    of.NodesHeard: NodeEventKind.HEARD,
    of.NodeSuspected: NodeEventKind.SUSPECTED,
    of.NodeDied: NodeEventKind.DIED,
    of.NodeLeft: NodeEventKind.LEFT,
    of.NodeDrained: NodeEventKind.DRAINED,
    of.NodeUndrained: NodeEventKind.UNDRAINED,
    of.SessionSwept: NodeEventKind.SWEPT,
    of.NodeForgotten: NodeEventKind.FORGOTTEN,
    of.MassFailureAlarmed: NodeEventKind.ALARMED,
    of.BrakePulled: NodeEventKind.PULLED,
    of.BrakeReleased: NodeEventKind.RELEASED,
    of.BrakeConfigured: NodeEventKind.CONFIGURED,
}


def node_event(change: Change, place: int, cursor: str) -> NodeEvent | None:
    """Return event number `place` of `change` as it is sent."""
    event, decision = change.events[place], change.decision
    kind = KINDS.get(type(event))
    if kind is None:
        return None
    return NodeEvent(
        cursor=cursor,
        kind=kind,
        name=change.name,
        position=Position(change.position),
        index=change.first + place,
        number=Long(change.number + place),
        time_ms=DateTime(change.time_ms),
        lease_ms=Long(change.lease_ms),
        command=decision.command,
        by=_party(change) if decision.lane in ASKED else None,
        **_told(event),
    )


def _told(event: Any) -> dict[str, Any]:
    """Return what the event says, by the names of the type's fields."""
    names = ("session", "registration", "checks", "beats", "evidence", "cause_id", "dead", "of", "why")
    told = {name: getattr(event, name, None) for name in names}
    match event:
        case of.NodeDied():
            told |= {"cause": event.cause, "barred_until_lease_ms": event.barred_until or None}
        case of.NodeLeft():
            told |= {"cause": event.cause}
        case of.MassFailureAlarmed() | of.BrakePulled():
            told |= {"why": event.cause}
    return told


def _party(change: Change) -> Party:
    decision = change.decision
    meta = decision.meta
    return Party(
        principal=decision.principal, client=meta.client, handle=meta.handle, sequence=Long(meta.sequence)
    )


def first_instances(
    where: PartitionId, service: str, at: ServiceStood, cursor: str
) -> ServiceInstancesUpdate:
    """Return the service as the read model has it."""
    position = Position(LogPosition(where, at.next_offset - 1))
    return _update(cursor, service, position, at.time_ms, at.standing, ())


def next_instances(
    change: Change, service: str, standing: Standing | None, changes: Sequence[InstanceChangeRow], cursor: str
) -> ServiceInstancesUpdate:
    """Return the service after `change`."""
    return _update(cursor, service, Position(change.position), change.time_ms, standing, changes)


def _update(
    cursor: str,
    service: str,
    position: Position,
    time_ms: int,
    standing: Standing | None,
    changes: Sequence[InstanceChangeRow],
) -> ServiceInstancesUpdate:
    instances: list[InstanceRow] = []
    if standing is not None:
        instances = [standing.instances[name] for name in sorted(standing.instances)]
    return ServiceInstancesUpdate(
        cursor=cursor,
        service=service,
        position=position,
        time_ms=DateTime(time_ms),
        version=Long(0 if standing is None or not instances else standing.version),
        instances=cast("list[LiveInstance]", instances),
        changes=cast("list[LiveInstanceChange]", list(changes)),
    )
