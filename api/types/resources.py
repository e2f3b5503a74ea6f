"""Resources of any kind: what the catalogue entry alone gives."""

from typing import cast

import strawberry

from api.types.asof import AsOf
from api.types.pages import PageInfo
from api.types.scalars import JSON, DateTime, Long, Position
from streams.domain.decider import Rejected
from streams.replay.history import outcome_of
from streams.replay.moment import Moment
from streams.replay.plain import plain, typed
from streams.replay.resource import KeyChronicle, KeyDecision
from streams.replay.rewind import Rewound


@strawberry.type(description="One event: what its schema calls it, and its fields.")
class ResourceEvent:
    """An event."""

    type: str
    fields: JSON


@strawberry.type(description="One decision on a resource: who asked for what, when, and what became of it.")
class ResourceDecision:
    """A decision."""

    position: Position
    index: int = strawberry.field(description="Its place in its commit, from 0.")
    at_ms: DateTime = strawberry.field(name="at")
    lease_ms: Long
    command: str = strawberry.field(description="Of timers Tick.")
    principal: str = strawberry.field(description="Empty where nobody asked: timers.")
    client: str
    handle: str
    sequence: Long
    lane: str
    accepted: bool
    waiting: bool = strawberry.field(description="The answer was interim; a later event settled it.")
    outcome: str = strawberry.field(description="The answer's name, or the refusal's code.")
    events: list[ResourceEvent]
    reply: JSON | None = strawberry.field(description="The answer's fields.")


@strawberry.type(description="A resource of any kind, folded from its log alone, with what proves it.")
class ResourceState:
    """A state."""

    kind: str
    name: str
    state: JSON | None = strawberry.field(
        description="As its kind has it, the first 100 of what holds many; null where there is nothing."
    )
    changed_position: Position | None = strawberry.field(description="Of the decision that changed it last.")
    changed_ms: DateTime | None = strawberry.field(name="changed", description="When that was.")
    failed_timer: str | None = strawberry.field(description="Why its timer failed, if it did.")
    position: Position = strawberry.field(description="The last record that the answer knows.")
    time_ms: DateTime = strawberry.field(name="time", description="When that was appended.")
    lease_ms: Long = strawberry.field(description="The partition's lease clock there.")
    head: str = strawberry.field(description="Hash of the log's chain there, in hex.")
    settled: bool = strawberry.field(description="Whether this answer can never change.")


@strawberry.type
class ResourceDecisionEdge:
    """One of a page and its cursor."""

    cursor: str
    node: ResourceDecision


@strawberry.type(description="Decisions on one resource, newest first.")
class ResourceDecisionConnection:
    """A page."""

    edges: list[ResourceDecisionEdge]
    nodes: list[ResourceDecision]
    page_info: PageInfo
    as_of: AsOf


def state_of(rewound: Rewound[KeyChronicle]) -> ResourceState:
    """Return a rewound resource as it is shown."""
    chronicle, moment, resource = rewound.chronicle, rewound.moment, rewound.resource
    changed, state = chronicle.changed, chronicle.state
    return ResourceState(
        kind=resource.kind,
        name=resource.name,
        state=None if state is None else JSON(plain(state)),
        changed_position=None if changed is None else cast("Position", changed.position),
        changed_ms=None if changed is None else DateTime(changed.time_ms),
        failed_timer=chronicle.failed_timer,
        position=cast("Position", moment.last),
        time_ms=DateTime(moment.last_ms),
        lease_ms=Long(_lease_ms(moment)),
        head=moment.head.hex(),
        settled=moment.settled,
    )


def _lease_ms(moment: Moment) -> int:
    return 0 if moment.commit is None else moment.commit.lease_ms


def decision_of(one: KeyDecision) -> ResourceDecision:
    """Return a decision as it is shown."""
    cause = one.cause
    return ResourceDecision(
        position=cast("Position", cause.position),
        index=cause.index,
        at_ms=DateTime(cause.time_ms),
        lease_ms=Long(cause.lease_ms),
        command=cause.command,
        principal=cause.principal,
        client=cause.client,
        handle=cause.handle,
        sequence=Long(cause.sequence),
        lane=cause.lane,
        accepted=not isinstance(one.reply, Rejected),
        waiting=one.waiting,
        outcome=outcome_of(one),
        events=[_event_of(event) for event in one.events],
        reply=None if one.reply is None else JSON(plain(one.reply)),
    )


def _event_of(event: object) -> ResourceEvent:
    named = typed(event)
    return ResourceEvent(type=cast("str", named.pop("type")), fields=JSON(named))
