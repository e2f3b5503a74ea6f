"""The types of live items of nodes and services. As those of locks (`types`), plain down to their leaves."""

from dataclasses import field
from enum import Enum
from typing import Any

import strawberry

from api.subscriptions.types import Party
from api.types.nodes import Health, Label, NodeCheck, SessionEnd, SilenceEvidence
from api.types.scalars import DateTime, Long, Position
from api.types.services import InstanceWhat


@strawberry.enum
class NodeEventKind(Enum):
    """What happened to a node, or to the brake (from ALARMED on). HEARD: heartbeats, if they are asked for."""

    REGISTERED = "REGISTERED"
    CHANGED = "CHANGED"
    CHECKED = "CHECKED"
    HEARD = "HEARD"
    SUSPECTED = "SUSPECTED"
    DIED = "DIED"
    LEFT = "LEFT"
    DRAINED = "DRAINED"
    UNDRAINED = "UNDRAINED"
    SWEPT = "SWEPT"
    FORGOTTEN = "FORGOTTEN"
    ALARMED = "ALARMED"
    PULLED = "PULLED"
    RELEASED = "RELEASED"
    CONFIGURED = "CONFIGURED"


@strawberry.type(description="What a node says of itself.")
class NodeRegistration:
    """A registration. Comes as `commands.Registration`."""

    address: str
    zone: str
    labels: list[Label]
    capacity: int
    metadata: list[Label]
    timeout_ms: int


@strawberry.type(description="A heartbeat.")
class NodeBeat:
    """A beat. Comes as `events.Beat`."""

    name: str
    load: int
    health: Health


@strawberry.type(description="Something that happened to a node or the brake; what does not apply is null.")
class NodeEvent:
    """One event."""

    cursor: str = strawberry.field(description="Goes on behind this event: give it as `after`.")
    kind: NodeEventKind
    name: str = strawberry.field(
        description="The node's; `brake`; of HEARD, the first of those that were heard."
    )
    position: Position = strawberry.field(description="The commit that it is in.")
    index: int = strawberry.field(description="Its place among the events of its commit, from 0.")
    number: Long = strawberry.field(description="Its number among the events of its partition.")
    time_ms: DateTime = strawberry.field(name="time")
    lease_ms: Long = strawberry.field(description="The partition's lease clock.")
    command: str = strawberry.field(description="What was asked: EvictNode; Tick when time alone did it.")
    by: Party | None = strawberry.field(description="Who asked; null when time alone did it.")
    session: str | None = None
    registration: NodeRegistration | None = None
    checks: list[NodeCheck] | None = None
    beats: list[NodeBeat] | None = strawberry.field(
        default=None, description="HEARD: all of the tenant that were heard together."
    )
    evidence: SilenceEvidence | None = strawberry.field(default=None, description="SUSPECTED, DIED.")
    cause: SessionEnd | None = strawberry.field(default=None, description="DIED, LEFT.")
    cause_id: Long | None = strawberry.field(default=None, description="All that is swept for it names it.")
    barred_until_lease_ms: Long | None = strawberry.field(
        default=None, description="DIED: it flaps and may not register earlier."
    )
    dead: int | None = strawberry.field(default=None, description="ALARMED: so many died at once.")
    of: int | None = strawberry.field(default=None, description="ALARMED: of so many.")
    why: str | None = None
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)


@strawberry.type(description="An instance right after a change, before any read model has it.")
class LiveInstance:
    """An instance. Comes as `values.InstanceRow`."""

    name: str
    session: str
    node: str = strawberry.field(name="nodeName")
    principal: str
    address: str
    zone: str
    weight: int
    metadata: list[Label]
    healthy: bool
    draining: bool
    reason: str
    version: Long
    since_ms: DateTime = strawberry.field(name="since")


@strawberry.type(description="What became of one instance. LEFT: as it was before.")
class LiveInstanceChange:
    """A change. Comes as `values.InstanceChangeRow`."""

    what: InstanceWhat
    cause: str | None
    why: str | None
    instance: LiveInstance


@strawberry.type(
    description="A service's instances as they stand: first now, then after each decision that changed them."
)
class ServiceInstancesUpdate:
    """One item of `serviceInstances`."""

    cursor: str = strawberry.field(description="Goes on behind this item: give it as `after`.")
    service: str
    position: Position = strawberry.field(
        description="The last commit that is in; of the first item, that of the read model."
    )
    time_ms: DateTime = strawberry.field(name="time")
    version: Long = strawberry.field(description="0: it has no instances.")
    instances: list[LiveInstance] = strawberry.field(description="All of them, healthy or not, by name.")
    changes: list[LiveInstanceChange] = strawberry.field(description="What led here; none in the first item.")
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)
