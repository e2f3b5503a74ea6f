"""What happened to a node, a service or the brake. All times are lease times. Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.nodes.commands import BrakeSettings, Check, Health, Label, Registration
from streams.domain.value import value

EndCause: TypeAlias = Literal["SILENT", "LEFT", "REPLACED", "EVICTED"]
LeaveCause: TypeAlias = Literal["DEREGISTERED", "SESSION_ENDED", "EVICTED"]
WatchEnd: TypeAlias = Literal["CHANGED", "TIMED_OUT", "WITHDRAWN"]


@value
class Beat:
    """One node was heard. Small, for a log has millions: the session is the one of `token`."""

    name: str
    token: int
    load: int
    health: Health


@value
class Evidence:
    """What a suspicion or a verdict rests on."""

    heard_at: int
    silent_ms: int
    beats: int
    """Heard in this session."""
    interval_ms: int
    """One was to come every so often."""


@value
class Instance:
    """One offer of a service."""

    instance: str
    session: str
    """It leaves with this session of its node."""
    principal: str
    address: str
    zone: str
    weight: int
    metadata: tuple[Label, ...]
    rise: int
    fall: int
    healthy: bool
    reason: str
    """Of the check that made it (un)healthy; empty: none did yet."""
    draining: bool
    """Its node is to get no new work: nobody is to choose it."""
    version: int
    """The service's, as of the instance's last change."""


@value
class NodeRegistered:
    """A session began."""

    name: str
    session: str
    token: int
    """Greater than those of all earlier sessions of the node."""
    principal: str
    client: str
    at: int
    registration: Registration
    platform: bool = False
    """One of the platform's own processes: its death is not counted when the brake judges a mass failure."""


@value
class NodeChanged:
    """The node says otherwise of itself; its session goes on."""

    session: str
    registration: Registration


@value
class NodesHeard:
    """These nodes are alive. Folds into the key of each; a beat of a session that is not live changes nothing."""

    at: int
    beats: tuple[Beat, ...]
    """By rising name, each once."""


@value
class NodeChecked:
    """The outcomes of the node's own checks changed."""

    session: str
    checks: tuple[Check, ...]


@value
class NodeSuspected:
    """Half the timeout is over in silence. The next beat clears it."""

    session: str
    evidence: Evidence


@value
class NodeDied:
    """The timeout is over in silence: the session has ended."""

    session: str
    cause: EndCause
    """SILENT."""
    cause_id: int
    """The token of this event."""
    at: int
    evidence: Evidence
    strikes: int
    """Deaths that followed each other closely, this one included."""
    barred_until: int
    """The node flaps: it may not register earlier; 0: at once."""


@value
class NodeLeft:
    """The session has ended by somebody's wish."""

    session: str
    cause: EndCause
    """LEFT, REPLACED or EVICTED."""
    cause_id: int
    """The token of this event."""
    at: int
    by: str
    """The principal."""
    why: str
    trusted_ms: int
    """For how long from now its client, if it still runs, may trust what it holds: so long nobody else gets it."""


@value
class NodeDrained:
    """The node is to get no new work."""

    session: str
    by: str
    why: str


@value
class NodeUndrained:
    """The node gets work again."""

    session: str
    by: str


@value
class SessionSwept:
    """What the ended session owned is given back, everywhere."""

    session: str
    cause_id: int
    partitions: int


@value
class NodeForgotten:
    """Nothing was heard or is left of the node."""


@value
class InstanceRegistered:
    """The instance is offered, or offered otherwise. The service's version is now the instance's."""

    instance: Instance


@value
class InstanceUpdated:
    """Weight and metadata changed."""

    instance: str
    weight: int
    metadata: tuple[Label, ...]
    version: int


@value
class InstanceHealthChanged:
    """Enough checks in a row said otherwise: the instance leaves discovery, or returns."""

    instance: str
    healthy: bool
    reason: str
    version: int


@value
class InstancesLeft:
    """These are offered no longer."""

    session: str
    cause: LeaveCause
    why: str
    """Of an ended session: what ended it; of an eviction: what the operator said."""
    instances: tuple[str, ...]
    version: int
    """The service's from now on, unless it has no instances: then that is 0."""
    by: str = ""
    """The principal, if somebody asked for it."""


@value
class WatchStarted:
    """Somebody waits for another version."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    known_version: int
    wait_until: int


@value
class WatchEnded:
    """The wait is over; the version is `version`."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    cause: WatchEnd
    version: int


@value
class MassFailureAlarmed:
    """So many nodes died at once that something else is wrong."""

    dead: int
    of: int
    window_ms: int
    cause: str
    quiet_until: int
    """Until then the same is not told again."""


@value
class BrakePulled:
    """No more sessions are to be ended."""

    at: int
    release_at: int
    """0: not by itself."""
    by: str
    """The principal."""
    cause: str


@value
class BrakeReleased:
    """Sessions are to be ended again."""

    by: str
    """The principal; empty: by itself."""
    why: str
    quiet_until: int
    """Until then only hands pull it again: the deaths that it was pulled for still count."""


@value
class BrakeConfigured:
    """The settings changed."""

    settings: BrakeSettings
    release_at: int
    """Of the pulled brake."""


OfNodeEvent: TypeAlias = (
    NodeRegistered
    | NodeChanged
    | NodesHeard
    | NodeChecked
    | NodeSuspected
    | NodeDied
    | NodeLeft
    | NodeDrained
    | NodeUndrained
    | SessionSwept
    | NodeForgotten
)
OfServiceEvent: TypeAlias = (
    InstanceRegistered | InstanceUpdated | InstanceHealthChanged | InstancesLeft | WatchStarted | WatchEnded
)
OfBrakeEvent: TypeAlias = MassFailureAlarmed | BrakePulled | BrakeReleased | BrakeConfigured
Event: TypeAlias = OfNodeEvent | OfServiceEvent | OfBrakeEvent
