"""What every lane of a process shares: where it writes, what it reads, and who is told."""

from collections.abc import Callable

from streams.domain.value import value
from streams.log.ports import DeadLetters, TopicReader
from streams.log.positions import PartitionId
from streams.projections.builds import BuildList, OneBuild
from streams.projections.ports import ProjectionStore
from streams.projector.told import NothingTold, ToldLetters
from streams.projector.watch import LaneWatch


@value
class LanePorts:
    """What every lane of a process shares."""

    store: ProjectionStore
    letters: DeadLetters
    log: Callable[[PartitionId], TopicReader]
    watch: LaneWatch
    builds: BuildList = OneBuild()
    """Which builds of a read model are to be kept up to date."""
    told: ToldLetters = NothingTold()
    """What builds of other versions have put aside."""
