"""What the read models of nodes, services and the brake tell: one value a row, or an answer."""

from typing import Final, Literal, TypeAlias

from streams.domain.nodes.commands import BrakeSettings, Check, Health, Label
from streams.domain.nodes.events import EndCause, Evidence
from streams.domain.nodes.names import node_of
from streams.domain.nodes.replies import NodeStatus
from streams.domain.value import value
from streams.log.positions import PartitionId, Position
from streams.projections.reads import AsOf

KIND: Final = "nodes"
NEVER: Final = AsOf(())

NodeWhat: TypeAlias = Literal[
    "REGISTERED", "CHANGED", "CHECKED", "HEARD", "SUSPECTED", "DIED", "LEFT", "DRAINED", "UNDRAINED", "SWEPT",
    "FORGOTTEN",
]  # fmt: skip
"""What happened to a node. HEARD: a heartbeat after suspicion, or with another health."""
InstanceWhat: TypeAlias = Literal[
    "REGISTERED", "CHANGED", "UPDATED", "HEALTHY", "UNHEALTHY", "DRAINED", "UNDRAINED", "LEFT"
]
"""What happened to an instance. CHANGED: offered otherwise; UPDATED: its weight or metadata."""
BrakeWhat: TypeAlias = Literal["ALARMED", "PULLED", "RELEASED", "CONFIGURED"]
"""What happened to the brake. ALARMED: a mass failure was noticed."""


@value
class UnsweptRow:
    """A session that ended and may still own something somewhere."""

    session: str
    cause: EndCause
    cause_id: int
    ended_ms: int


@value
class NodeRow:
    """One node. Of an ENDED one, what its last session said of itself and how that ended."""

    partition: int
    name: str
    status: NodeStatus
    since_ms: int
    """When the status began."""
    session: str
    principal: str
    client: str
    registered_offset: int
    registered_ms: int
    address: str
    zone: str
    labels: tuple[Label, ...]
    """By name."""
    capacity: int
    metadata: tuple[Label, ...]
    timeout_ms: int
    draining: bool
    drained_by: str | None
    """The principal."""
    drained_why: str | None
    checks: tuple[Check, ...]
    health: Health
    load: int
    """As of `heard_ms`."""
    heard_ms: int
    """The last heartbeat that was written down: see `HEARD_EVERY_MS`."""
    evidence: Evidence | None
    """Of a suspicion or a death, in lease time."""
    cause: EndCause | None
    """Of an ENDED node's end, as all until `ended_ms`."""
    cause_id: int | None
    ended_by: str | None
    """The principal; empty: silence."""
    ended_why: str | None
    ended_ms: int | None
    strikes: int
    """Deaths that followed each other closely."""
    barred_ms: int | None
    """About until when it may not register."""
    unswept: tuple[UnsweptRow, ...]
    """Oldest first."""
    event: int
    """Number of the event that changed it last, but for its load."""
    changed_offset: int
    changed_ms: int
    as_of: AsOf = NEVER

    @property
    def position(self) -> Position:
        """The commit that changed it last, but for its load."""
        return _position(self.partition, self.changed_offset)


@value
class NodeChangeRow:
    """What one event did to a node, and the node as it was from then on."""

    what: NodeWhat
    by: str
    """The principal; empty: time did it."""
    why: str
    node: NodeRow
    until_offset: int | None = None
    """The next change; None: none yet."""
    until_ms: int | None = None

    @property
    def until(self) -> Position | None:
        """The commit of the next change."""
        return None if self.until_offset is None else _position(self.node.partition, self.until_offset)


@value
class InstanceRow:
    """One instance of a service."""

    partition: int
    service: str
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
    draining: bool
    reason: str
    """Of the checks that made it (un)healthy."""
    version: int
    """The service's, as of its last change."""
    since_offset: int
    since_ms: int
    """When its session offered it."""
    event: int
    """Number of the event that changed it last."""
    changed_offset: int
    changed_ms: int

    @property
    def name(self) -> str:
        """By which it is told from the service's others."""
        return self.instance

    @property
    def node(self) -> str:
        """The name of the node that offers it."""
        return node_of(self.session)

    @property
    def position(self) -> Position:
        """The commit that changed it last."""
        return _position(self.partition, self.changed_offset)


@value
class InstanceChangeRow:
    """What one event did to an instance, and the instance as it was from then on; LEFT: as it was before."""

    part: int
    """Its place in its event."""
    what: InstanceWhat
    cause: str | None
    """LEFT: DEREGISTERED, EVICTED or SESSION_ENDED."""
    why: str | None
    """LEFT: what ended the session, or what the operator said who evicted it."""
    spell: int
    """Its place among the changes since the service was last without instances, from 1."""
    keyframe: tuple[int, ...] | None
    """On every 64th: the events (`InstanceRow.event`) of all instances that were there after its event."""
    instance: InstanceRow
    until_offset: int | None = None
    """The next change of the instance; None: none yet."""
    until_ms: int | None = None

    @property
    def until(self) -> Position | None:
        """The commit of the next change."""
        return None if self.until_offset is None else _position(self.instance.partition, self.until_offset)


@value
class ServiceRow:
    """One service: that is, its instances. Of the past `since_ms` is not told."""

    partition: int
    name: str
    version: int
    instance_count: int
    healthy_count: int
    draining_count: int
    since_ms: int | None
    """When its first instance came."""
    changed_offset: int
    changed_ms: int
    instances: tuple[InstanceRow, ...] = ()
    """By name; of a page none."""
    as_of: AsOf = NEVER

    @property
    def position(self) -> Position:
        """The commit that changed it last."""
        return _position(self.partition, self.changed_offset)


@value
class AlarmRow:
    """A mass failure that was noticed."""

    dead: int
    of: int
    window_ms: int
    cause: str
    at_ms: int


@value
class BrakeRow:
    """The brake of a tenant."""

    partition: int
    settings: BrakeSettings
    pulled: bool
    pulled_ms: int | None
    """As what follows, of a pulled brake."""
    pulled_by: str | None
    """The principal."""
    cause: str | None
    release_ms: int | None
    """About when it is released by itself; None: not so."""
    alarm: AlarmRow | None
    """The last one."""
    event: int | None
    """Number of the event that changed it last; None, as what follows: nobody ever touched it."""
    changed_offset: int | None
    changed_ms: int | None
    as_of: AsOf = NEVER

    @property
    def position(self) -> Position | None:
        """The commit that changed it last."""
        return None if self.changed_offset is None else _position(self.partition, self.changed_offset)


@value
class BrakeChangeRow:
    """What one event did to the brake, and the brake as it was from then on."""

    what: BrakeWhat
    by: str
    """The principal; empty: time did it."""
    why: str
    brake: BrakeRow
    until_offset: int | None = None
    """The next change; None: none yet."""
    until_ms: int | None = None

    @property
    def until(self) -> Position | None:
        """The commit of the next change."""
        return None if self.until_offset is None else _position(self.brake.partition, self.until_offset)


def _position(partition: int, offset: int) -> Position:
    return Position(PartitionId(KIND, partition), offset)
