"""What nodes, services and the brake answer. Refusals are in `rejections`. All times are lease times.

Standard library only.
"""

from typing import Literal, TypeAlias

from streams.domain.nodes.commands import BrakeSettings, Check, Health, Registration
from streams.domain.nodes.events import EndCause, Instance
from streams.domain.value import value

NodeStatus: TypeAlias = Literal["ALIVE", "SUSPECTED", "ENDED"]


@value
class NodeJoined:
    """Answer to RegisterNode: the live session."""

    session: str
    timeout_ms: int
    """After so much silence it ends."""
    interval_ms: int
    """Send a heartbeat every so often."""
    existed: bool
    """This client had it already."""


@value
class Heard:
    """Answer to Heartbeat. `NodeDrains` comes with it as long as the node is drained."""

    at: int


@value
class NodeDrains:
    """The node is to get no new work; joined to answers, for it is rare and `Heard` is not."""


@value
class NodeClosed:
    """Answer to DeregisterNode and EvictNode: the session is not live. `ended`: by this command."""

    session: str
    ended: bool


@value
class NodeKept:
    """Answer to ReportChecks, DrainNode and UndrainNode."""

    session: str
    draining: bool


@value
class SweepRecorded:
    """Answer to SweepDone. `recorded` is False when it was told before, or never had to be."""

    session: str
    recorded: bool


@value
class EndedSession:
    """A session that is over."""

    session: str
    cause: EndCause
    cause_id: int
    ended_at: int


@value
class NodeState:
    """Answer to InspectNode. An ENDED node has no registration; what its session was is in `last`."""

    status: NodeStatus
    session: str
    principal: str
    client: str
    registered_at: int
    registration: Registration | None
    draining: bool
    heard_at: int
    beats: int
    load: int
    health: Health
    checks: tuple[Check, ...]
    unswept: tuple[EndedSession, ...]
    """Sessions that ended and may still own something somewhere, oldest first."""
    last: EndedSession | None
    strikes: int
    barred_until: int


@value
class InstanceKept:
    """Answer to RegisterInstance and UpdateInstance: the instance is there as asked. `changed`: by this command."""

    version: int
    changed: bool


@value
class InstanceClosed:
    """Answer to DeregisterInstance and EvictInstance: it is not offered (by this session). `ended`: by this command."""

    version: int
    ended: bool


@value
class HealthTaken:
    """Answer to ReportHealth."""

    healthy: bool
    needed: int
    """So many more checks in a row of this outcome change that; 0: none does."""


@value
class Watching:
    """Interim answer to WatchService; the outcome will be pushed."""

    ticket: int
    version: int


@value
class ServiceWatched:
    """Answer to WatchService and DiscoverInstances. `changed`: `ServiceInstances` comes with it."""

    version: int
    changed: bool


@value
class ServiceInstances:
    """All instances of a service, healthy or not, joined to answers. Its version may be newer than the answer's."""

    version: int
    instances: tuple[Instance, ...]


@value
class WatchWithdrawn:
    """Answer to WithdrawWatch: the command waits no longer."""


@value
class SessionCleared:
    """The answer to the end of a session, which nobody reads but the log."""

    ended: int


@value
class BrakeState:
    """Answer to everything that the brake is asked."""

    pulled: bool
    pulled_at: int
    release_at: int
    """0: not by itself."""
    cause: str
    settings: BrakeSettings


@value
class TimerRan:
    """The answer of a timer, which nobody reads."""


Reply: TypeAlias = (
    NodeJoined
    | Heard
    | NodeClosed
    | NodeKept
    | SweepRecorded
    | NodeState
    | InstanceKept
    | InstanceClosed
    | HealthTaken
    | Watching
    | ServiceWatched
    | WatchWithdrawn
    | SessionCleared
    | BrakeState
    | TimerRan
)
