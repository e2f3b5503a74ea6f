"""What a subscriber wants to hear of. The tenant is part of each: nothing of another one ever matches."""

from typing import ClassVar, TypeAlias

from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.wire.keys import key_of

ABORT = "AbortWait"
"""The one command that breaks deadlocks."""


@value
class OnLock:
    """The changes of one lock."""

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
        """Say whether `decision` is of this lock."""
        return decision.key == self.key


@value
class OnPrefix:
    """The changes of all locks whose names start alike; with an empty prefix, of all."""

    tenant: str
    prefix: str
    partitions: tuple[PartitionId, ...]
    several: ClassVar[bool] = True

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` is of such a lock."""
        return decision.tenant == self.tenant and decision.key.startswith(self.prefix, len(self.tenant) + 1)


@value
class OnDeadlocks:
    """The deadlocks that are broken."""

    tenant: str
    partitions: tuple[PartitionId, ...]
    several: ClassVar[bool] = True

    def wants(self, decision: LoggedDecision) -> bool:
        """Say whether `decision` broke one."""
        return decision.command == ABORT and decision.tenant == self.tenant


Interest: TypeAlias = OnLock | OnPrefix | OnDeadlocks
