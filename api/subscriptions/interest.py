"""What a subscriber wants to hear of. The tenant is part of each: nothing of another one ever matches."""

from typing import ClassVar, TypeAlias

from streams.domain.nodes.commands import Heartbeat
from streams.domain.nodes.heartbeat import Heartbeats
from streams.domain.nodes.names import SERVICE
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.wire.keys import key_of

HEARTBEATS = frozenset({Heartbeat.__name__, Heartbeats.__name__})


@value
class OnKey:
    """The changes of one resource."""

    tenant: str
    name: str
    where: PartitionId
    several: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """As decisions name it."""
        return key_of(self.tenant, self.name)

    @property
    def partitions(self) -> tuple[PartitionId, ...]:
        """Where it happens."""
        return (self.where,)

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` is of this resource."""
        return decision.key == self.key


@value
class OnPrefix:
    """The changes of all resources whose names start alike; with an empty prefix, of all."""

    tenant: str
    prefix: str
    partitions: tuple[PartitionId, ...]
    several: ClassVar[bool] = True

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` is of such a resource."""
        return decision.tenant == self.tenant and decision.key.startswith(self.prefix, len(self.tenant) + 1)


@value
class OnParts:
    """The changes of one resource that has several keys: its name, and its name with a mark and more behind it."""

    tenant: str
    name: str
    mark: str
    partitions: tuple[PartitionId, ...]
    several: ClassVar[bool] = True

    @property
    def prefix(self) -> str:
        """With which all of its keys start; so may others."""
        return self.name

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` is of one of its keys."""
        if decision.tenant != self.tenant:
            return False
        name = decision.key[len(self.tenant) + 1 :]
        return name == self.name or name.startswith(self.name + self.mark)


@value
class OnCommand:
    """What one command did, to whatever resource."""

    tenant: str
    command: str
    partitions: tuple[PartitionId, ...]
    several: ClassVar[bool] = True

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` is of that command."""
        return decision.command == self.command and decision.tenant == self.tenant


@value
class OnNodes:
    """The changes of one node, or of all whose names start alike; with `heartbeats`, those of the tenant too."""

    tenant: str
    name: str
    exact: bool
    heartbeats: bool
    partitions: tuple[PartitionId, ...]
    several: ClassVar[bool] = True

    @property
    def prefix(self) -> str:
        """With which all of its keys start; so may others. Heartbeats are gathered under any node's."""
        return "" if self.heartbeats else self.name

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` is of such a node or the brake, or wanted heartbeats."""
        if decision.tenant != self.tenant:
            return False
        if decision.command in HEARTBEATS:
            return self.heartbeats
        name = decision.key[len(self.tenant) + 1 :]
        return (
            name == self.name if self.exact else name.startswith(self.name) and not name.startswith(SERVICE)
        )


Interest: TypeAlias = OnKey | OnPrefix | OnParts | OnCommand | OnNodes
