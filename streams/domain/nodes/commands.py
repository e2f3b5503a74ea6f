"""What nodes, services and the brake are asked. Standard library only.

A session is the text that `RegisterNode` answers. It is no secret: whoever uses it must be the principal (of what only
the node does: also the client) that registered, which its seal tells where the node is not known (`names.session_of`).
Commands of instances act for the session of their meta (`Requester.session`), so that they are refused once it has
ended; all others name the session that they are about.
"""

from typing import Literal, TypeAlias

from streams.domain.value import value

Health: TypeAlias = Literal["PASSING", "WARNING", "CRITICAL"]


@value
class Label:
    """A named word."""

    name: str
    value: str


@value
class Registration:
    """What a node says of itself."""

    address: str
    """Where it listens; may be empty."""
    zone: str
    """Where it stands; may be empty."""
    labels: tuple[Label, ...]
    """What it is chosen by: up to 32, 4 KiB in all."""
    capacity: int
    """How much it can do, in units of its own; its load is in the same."""
    metadata: tuple[Label, ...]
    """What else is to be known of it: up to 32, 4 KiB in all."""
    timeout_ms: int
    """So long a silence is its death: 1,000 to 600,000; 0 stands for 5,000."""


@value
class Check:
    """The outcome of one of a node's own checks."""

    name: str
    health: Health
    output: str
    """Up to 200 characters."""


@value
class BrakeSettings:
    """When many deaths at once are a mass failure, and what is done then."""

    fraction: int
    """Percent of the nodes: 1 to 100."""
    min_dead: int
    """Fewer deaths are never a mass failure: 1 to 10,000."""
    window_ms: int
    """At once means: within so long. 1,000 to 3,600,000."""
    auto_release_ms: int
    """After so long the brake is released by itself; 0: never. Up to 24 h."""
    armed: bool
    """False: a mass failure is only an alarm."""


@value
class RegisterNode:
    """Begin a session. By the client that has the live one: change what is known of the node."""

    name: str
    """1 to 100 printable characters, no colon; not `brake`."""
    registration: Registration
    replaces: str
    """The live session that this one takes the place of (a restart); empty: none."""


@value
class Heartbeat:
    """The node is alive. To be sent every fifth of its timeout."""

    name: str
    session: str
    load: int
    """In units of its capacity."""
    health: Health


@value
class ReportChecks:
    """The outcomes of the node's checks; to be sent when they change."""

    name: str
    session: str
    checks: tuple[Check, ...]
    """Up to 32."""


@value
class DeregisterNode:
    """End the session cleanly. One that has ended is fine."""

    name: str
    session: str


@value
class EvictNode:
    """An operator's: end the node's session. One that has ended is fine."""

    name: str
    session: str
    """Only this one; empty: whichever is live."""
    why: str


@value
class DrainNode:
    """An operator's: the node lives on and gets no new work. Until its session ends, or `UndrainNode`.

    The node is told with its next heartbeat, and offers its instances as draining (`RegisterInstance`).
    """

    name: str
    why: str


@value
class UndrainNode:
    """An operator's: the node gets work again."""

    name: str


@value
class SweepDone:
    """The sweeper's: every partition refuses the ended session from now on and lets go of what it owned. Idempotent.

    How much that was nobody knows yet, for keys let go one by one: `tidelock explain node` counts it from the logs.
    """

    name: str
    session: str
    partitions: int
    """How many of all kinds were told."""


@value
class InspectNode:
    """Read the node at a point in its log."""

    name: str


@value
class RegisterInstance:
    """Offer a service until the session ends. Again: change the offer; by the node's next session: take it over."""

    service: str
    instance: str
    """1 to 128 printable characters."""
    address: str
    zone: str
    weight: int
    """0 to 1,000; 0: chosen only where there is no other."""
    metadata: tuple[Label, ...]
    """Up to 32, 4 KiB in all."""
    healthy: bool
    """Whether it may be chosen before the first check."""
    rise: int
    """So many passed checks in a row make it healthy: 1 to 100."""
    fall: int
    """So many failed checks in a row make it unhealthy: 1 to 100."""
    draining: bool
    """Whether its node is to get no new work: it stays in discovery, and is not to be chosen."""


@value
class UpdateInstance:
    """Change weight and metadata. `version`: only if the instance is still of this one; 0: whatever it is."""

    service: str
    instance: str
    weight: int
    metadata: tuple[Label, ...]
    version: int


@value
class ReportHealth:
    """The last checks of the instance, `streak` of them in a row, all passed or all failed."""

    service: str
    instance: str
    passing: bool
    streak: int
    reason: str
    """Up to 200 characters."""


@value
class DeregisterInstance:
    """Offer the service no longer. One that is not there is fine."""

    service: str
    instance: str


@value
class EvictInstance:
    """The service is not offered by this instance any more. One that is not there is fine.

    An operator's, and the sweeper's for what is offered under a session that was never issued. Its program is not
    asked, and keeps its session: if it offers the instance anew, evict its node.
    """

    service: str
    instance: str
    why: str
    session: str = ""
    """The one under which it must be offered; empty: any."""


@value
class WatchService:
    """Get the instances as soon as the service's version is not `known_version` any more; -1: at once."""

    service: str
    known_version: int
    wait_ms: int
    """Up to 600,000; then the answer is that nothing has changed. 0 only looks."""


@value
class WithdrawWatch:
    """End the wait that the requester's command `watch_sequence` began, if it still waits."""

    service: str
    watch_sequence: int


@value
class DiscoverInstances:
    """Read the service's instances at a point in its log."""

    service: str


@value
class PullBrake:
    """So many nodes died at once: end no more sessions. `of` 0: by hand, whatever the settings."""

    dead: int
    of: int
    """How many there were."""
    window_ms: int
    """Within how long."""
    cause: str


@value
class ReleaseBrake:
    """Go on ending sessions. Not pulled is fine."""

    why: str


@value
class ConfigureBrake:
    """Replace the settings."""

    settings: BrakeSettings


@value
class InspectBrake:
    """Read the brake at a point in its log."""


OfNode: TypeAlias = (
    RegisterNode
    | Heartbeat
    | ReportChecks
    | DeregisterNode
    | EvictNode
    | DrainNode
    | UndrainNode
    | SweepDone
    | InspectNode
)
OfInstance: TypeAlias = RegisterInstance | UpdateInstance | ReportHealth | DeregisterInstance
OfService: TypeAlias = OfInstance | EvictInstance | WatchService | WithdrawWatch | DiscoverInstances
OfBrake: TypeAlias = PullBrake | ReleaseBrake | ConfigureBrake | InspectBrake
Command: TypeAlias = OfNode | OfService | OfBrake
