"""What mutations of nodes, services and the brake came to. Expected refusals are data (`Refusal`).

`position`, given as `notBefore`, lets the caller read its own write.
"""

from typing import Annotated, TypeAlias

import strawberry

from api.types.brakes import BrakeSettings
from api.types.results import Refusal
from api.types.scalars import Long, Position

POSITION = "For `notBefore`: to read your own write."


@strawberry.type(description="The node has a session. Send a heartbeat every `intervalMs`.")
class RegisteredNode:
    """A session."""

    name: str
    session: str = strawberry.field(description="What instances are offered on behalf of.")
    timeout_ms: int = strawberry.field(description="After so much silence it ends.")
    interval_ms: int
    existed: bool = strawberry.field(description="Your session had it already.")
    position: Position | None = strawberry.field(description=POSITION)


@strawberry.type(description="The node is alive.")
class HeardNode:
    """A heartbeat."""

    name: str
    position: Position | None


@strawberry.type(description="The session is not live any more.")
class ClosedNode:
    """The end of a session."""

    name: str
    session: str
    ended: bool = strawberry.field(description="By this call.")
    position: Position | None = strawberry.field(description=POSITION)


@strawberry.type(description="The node is drained, or not, as asked for.")
class KeptNode:
    """A node that lives on."""

    name: str
    session: str
    draining: bool
    position: Position | None = strawberry.field(description=POSITION)


@strawberry.type(description="The instance is there as asked for.")
class KeptInstance:
    """An instance."""

    service: str
    instance: str
    version: Long = strawberry.field(description="The service's.")
    changed: bool = strawberry.field(description="By this call.")
    position: Position | None = strawberry.field(description=POSITION)


@strawberry.type(description="The session offers no such instance any more.")
class ClosedInstance:
    """The end of an instance."""

    service: str
    instance: str
    ended: bool = strawberry.field(description="By this call.")
    position: Position | None = strawberry.field(description=POSITION)


@strawberry.type(description="The brake is as asked for.")
class ChangedBrake:
    """The brake after a change."""

    pulled: bool
    cause: str
    settings: BrakeSettings
    position: Position | None = strawberry.field(description=POSITION)


RegisterNodeResult: TypeAlias = Annotated[RegisteredNode | Refusal, strawberry.union("RegisterNodeResult")]
HeartbeatResult: TypeAlias = Annotated[HeardNode | Refusal, strawberry.union("HeartbeatResult")]
CloseNodeResult: TypeAlias = Annotated[ClosedNode | Refusal, strawberry.union("CloseNodeResult")]
KeepNodeResult: TypeAlias = Annotated[KeptNode | Refusal, strawberry.union("KeepNodeResult")]
KeepInstanceResult: TypeAlias = Annotated[KeptInstance | Refusal, strawberry.union("KeepInstanceResult")]
CloseInstanceResult: TypeAlias = Annotated[ClosedInstance | Refusal, strawberry.union("CloseInstanceResult")]
ChangeBrakeResult: TypeAlias = Annotated[ChangedBrake | Refusal, strawberry.union("ChangeBrakeResult")]
